"""What every sink must do, whatever is behind it: each implementation joins with its own fixtures."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from monitor.errors import SinkUnavailable
from monitor.model import Command, Recorded
from monitor.ports import Sink
from tests.sinks.site import NOW, derived, event, reading, recorded, step

__all__ = ["SinkContract"]

Count = Callable[[], Awaitable[int]]


class SinkContract:
    """Needs the fixtures `sink` (ready), `count` (of things behind it) and `away` (a sink nobody answers)."""

    everything = 5
    """How many things are behind it when one entry of every kind was written."""

    async def test_every_kind_of_entry_is_taken(self, sink: Sink, count: Count):
        await sink.write(_EVERYTHING)

        assert await count() == self.everything  # the command is not for sinks

    async def test_what_is_written_twice_is_there_once(self, sink: Sink, count: Count):
        await sink.write(_EVERYTHING)
        before = await count()
        await sink.write(_EVERYTHING)

        assert await count() == before

    async def test_an_empty_batch_is_no_error(self, sink: Sink, count: Count):
        await sink.write([])

        assert await count() == 0

    async def test_a_sink_that_is_away_says_so_and_is_asked_again(self, away: Sink):
        for _ in range(2):
            with pytest.raises(SinkUnavailable):
                await away.write(_EVERYTHING)

    async def test_closing_twice_is_no_error(self, sink: Sink):
        await sink.write(_EVERYTHING)
        await sink.close()
        await sink.close()


_EVERYTHING: Sequence[Recorded] = recorded(
    reading("e-main", power_w=4920.0),
    event("card", result="granted"),
    derived("electricity", {"energy_import_delta_kwh": 0.1}),
    event("tamper", device="leak"),
    step("raised", 1),
    derived("device_health", {"up": True}, protocol="modbus"),
    Command(id="1", time=NOW, by="ana", kind="ack", target="o-1"),
)
