"""Simulated residents: they come and go by the doors of a site, with a card where there is a reader."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Final

from monitor.simulation import payload
from monitor.simulation.building import noise
from monitor.simulation.stage import Speech
from monitor.simulation.stories import STANDS_OPEN
from monitor.simulation.world import World
from monitor.site import Device

__all__ = ["CARDS", "STRANGER", "Residents"]

_PASSAGE: Final = 8.0
_REACHES_FOR_THE_DOOR: Final = 0.8
_LOOK_EVERY: Final = 0.25
_MOVERS: Final = 4
"""How many of the residents come and go all the time; the others are at home or out."""
CARDS: Final = (
    *("5a3fb1c2", "91c04e7d", "ab12cd3", "77e0041f"),
    *(f"{0x10000000 + int(noise(f'{number} card') * 0xE0000000):x}" for number in range(46)),
)
"""Cards of the simulated residents, as an esp-rfid reader prints them."""
STRANGER: Final = "deadbee0"
_DENIED: Final = 5
_ROUND: Final = 7


class Residents:
    """People at the readers of one broker. `publish`: (device, topic, payload, what is wrong with its speech).

    `inside`: the cards of those who are in, as they know it themselves: who went in by a reader of direction `in`
    and has not come out by one of direction `out`. `held`: how often they held a door open for too long.
    """

    def __init__(
        self,
        world: World,
        readers: Sequence[Device],
        speeches: Mapping[str, Speech],
        publish: Callable[[str, str, bytes, Speech], None],
    ) -> None:
        self._world = world
        self._into = [reader for reader in readers if reader.direction != "out"]
        self._out = [reader for reader in readers if reader.direction == "out"]
        self._speeches = speeches
        self._publish = publish
        self.inside: set[str] = set()
        self.granted = self.denied = self.held = 0
        self.is_passing = False
        self._rests = False

    def come_back(self, numbers: Iterable[int]) -> None:
        """Be inside from the start: the residents of these numbers."""
        self.inside = {CARDS[number % len(CARDS)] for number in numbers}

    def numbers(self) -> list[int]:
        """Who is inside, by number: a card is nobody's business."""
        return [number for number, card in enumerate(CARDS) if card in self.inside]

    def rest(self) -> None:
        """Let nobody set out any more; who is on his way goes through."""
        self._rests = True

    async def live(self, is_up: Callable[[], bool]) -> None:
        """Come and go until cancelled; `is_up`: whether the broker can be reached."""
        for turn in count() if self._into or self._out else ():
            await asyncio.sleep(_PASSAGE * (0.7 + 0.6 * noise(str(turn))))
            if self._rests:
                return
            if turn % _ROUND == _DENIED:
                await self._pass(self._into or self._out, turn, STRANGER, is_up, granted=False)
                continue
            card = CARDS[turn % _MOVERS]
            leaves = card in self.inside and bool(self._out)
            await self._pass(self._out if leaves else self._into, turn, card, is_up, granted=True)

    async def _pass(
        self, readers: Sequence[Device], turn: int, card: str, is_up: Callable[[], bool], *, granted: bool
    ) -> None:
        """Hold a card to one of the readers, and go through when it is granted."""
        if not readers:
            return
        reader = readers[0] if turn % 3 else readers[turn // 3 % len(readers)]
        door = (reader.door, "open")
        speech = self._speeches.get(reader.id, Speech())
        is_dead = not is_up() or speech.is_gone or self._world.is_silent(reader.id, time.time())
        if is_dead or door in self._world.overrides:
            return
        topic, body = payload.card(reader, card, granted=granted, now=time.time() + speech.clock)
        self._publish(reader.id, topic, body, speech)
        if not granted:
            self.denied += 1
            return
        self.granted += 1
        self.is_passing = True
        try:
            await self._go_through(reader, card, turn)
        finally:
            self._world.overrides.pop(door, None)
            self.is_passing = False

    async def _go_through(self, reader: Device, card: str, turn: int) -> None:
        await asyncio.sleep(_REACHES_FOR_THE_DOOR)
        self._world.overrides[reader.door, "open"] = True
        (self.inside.discard if reader.direction == "out" else self.inside.add)(card)
        may_be_open = self._world.site.access.door(reader.door).held_after
        stories = self._world.stories
        stands_open = stories.stands_open(reader.door, turn, time.time()) if stories else STANDS_OPEN
        await asyncio.sleep(stands_open)
        self.held += stands_open > may_be_open
        while reader.door in self._world.held:
            await asyncio.sleep(_LOOK_EVERY)
            self.held += stands_open <= may_be_open < stands_open + _LOOK_EVERY
            stands_open += _LOOK_EVERY
