"""What every channel promises. A channel joins with a `Reached` of its own (see test_channels.py)."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from monitor.errors import ChannelError, ChannelRejected
from monitor.ports import Channel, Message

__all__ = ["ChannelContract", "Reached"]

SECRET = "s3cr3t-t0ken"


@dataclass(frozen=True)
class Reached:
    """A channel and the far end of it: an address that works, and everything that has arrived there."""

    channel: Channel
    address: str
    arrived: Callable[[], Sequence[str]]
    wrong_address: str
    check: Callable[[str], str | None]


class ChannelContract:
    """The promises; subclasses give the fixture `reached`."""

    async def test_a_message_arrives_with_its_title_and_text(self, reached: Reached) -> None:
        await reached.channel.send(reached.address, Message(title="Low voltage", text="201 V", severity="high"))

        assert len(reached.arrived()) == 1
        assert "Low voltage" in reached.arrived()[0]
        assert "201 V" in reached.arrived()[0]

    async def test_any_script_and_any_sign_arrives(self, reached: Reached) -> None:
        text = "欠压 <b>&amp; 5 > 3</b> °C ñ [bold]x[/bold]"

        await reached.channel.send(reached.address, Message(title="【高】欠压", text=text, severity="low"))

        assert "【高】欠压" in reached.arrived()[0]
        assert text in reached.arrived()[0]

    async def test_several_may_be_under_way_at_once(self, reached: Reached) -> None:
        messages = [Message(title=f"number {n}", text="text", severity="low") for n in range(5)]

        await asyncio.gather(*(reached.channel.send(reached.address, message) for message in messages))

        assert all(any(message.title in text for text in reached.arrived()) for message in messages)

    async def test_an_address_it_cannot_use_is_rejected_without_repeating_it(self, reached: Reached) -> None:
        with pytest.raises(ChannelRejected) as caught:
            await reached.channel.send(reached.wrong_address, Message(title="t", text="x", severity="low"))

        assert isinstance(caught.value, ChannelError)
        assert SECRET not in str(caught.value)

    def test_an_address_is_checked_without_repeating_it(self, reached: Reached) -> None:
        assert reached.check(reached.address) is None
        wrong = reached.check(reached.wrong_address)
        assert wrong is not None
        assert SECRET not in wrong
