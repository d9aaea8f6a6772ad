"""A simulated serial line: bytes take the time that they take, everybody hears everything, and talkers collide.

Neither a pseudo-terminal nor a TCP connection has a speed, so the line paces by itself. Every instant is reckoned
from the one before it, never from when a timer woke up, so that lateness does not add up. asyncio's timers wake
within a millisecond (the resolution of epoll); the last bytes of a frame wait out the rest of that millisecond.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from pymodbus.pdu import ModbusPDU

from drivers.modbus.connection import ConnectionModel
from monitor.simulation.frames import Frames, Said, Unreadable
from monitor.simulation.unit import Unit

__all__ = ["TURN_AROUND", "Line", "LineSettings", "LineStatistics"]

TURN_AROUND: Final = 0.025
"""Seconds from the end of a request to the beginning of its answer, where the device does not say.

The middle of what one maker states ("typical 5 ... 45 ms", Jumo LOGOSCREEN nt, interface description 4.3).
"""
_SILENT_CHARACTERS: Final = 3.5
_FAST: Final = 19200
_FAST_SILENCE: Final = 0.00175
"""Modbus over Serial Line V1.02, 2.5.1.1: above 19200 baud the rest between frames is fixed."""
_PIECE: Final = 0.004
"""Seconds of bytes that are handed over at once."""
_TICK: Final = 0.001
"""How late asyncio's timers may be on an idle machine."""
_PATIENCE: Final = 0.05
"""Seconds after which half a request is forgotten, beside the silence: a busy machine writes with pauses."""
_PENDING: Final = 16
"""Answers that may be under way at once; units that are asked yet more stay silent."""
_GARBLE: Final = 0xA5


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """How a line speaks: one start bit, then these; frames in the form rtu or ascii.

    `turn_around`: seconds from the end of a request to the beginning of the answer, of units that have none of
    their own. `echo`: the master's adapter hears what it says.
    """

    form: str = "rtu"
    baudrate: int = 9600
    parity: str = "none"
    stopbits: int = 1
    databits: int = 8
    turn_around: float = TURN_AROUND
    echo: bool = False

    @classmethod
    def of(cls, options: ConnectionModel) -> "LineSettings":
        """The line of a connection: as written, else 9600 baud, 8N1; ASCII is 7E1, as its specification says."""
        is_ascii = options.transport == "ascii"
        return cls(
            form="ascii" if is_ascii else "rtu",
            echo=options.echo,
            baudrate=options.baudrate or 9600,
            parity=options.parity or ("even" if is_ascii else "none"),
            stopbits=options.stopbits or 1,
            databits=options.databits or (7 if is_ascii else 8),
        )

    @property
    def character(self) -> float:
        """Seconds that one character takes."""
        return (1 + self.databits + (self.parity != "none") + self.stopbits) / self.baudrate

    @property
    def silence(self) -> float:
        """Seconds of rest by which a frame ends."""
        return _FAST_SILENCE if self.baudrate > _FAST else _SILENT_CHARACTERS * self.character


@dataclass(slots=True)
class LineStatistics:
    """What passed on a line.

    `busy`: seconds in which somebody spoke. `collisions`: frames that were garbled by another one. `hasty`:
    requests that began before the line had rested for the silence between two frames.
    """

    requests: int = 0
    request_bytes: int = 0
    answers: int = 0
    answer_bytes: int = 0
    collisions: int = 0
    hasty: int = 0
    busy: float = 0.0


@dataclass(slots=True, eq=False)
class _Speech:
    """Bytes on the line from `start` to `end` (seconds of the loop's clock)."""

    start: float
    end: float
    garbled: bool = False


class Line:
    """The line itself: `hear` takes what the master says, `deliver` is handed what it hears."""

    def __init__(
        self,
        units: Mapping[int, Unit],
        deliver: Callable[[bytes], None],
        settings: LineSettings,
    ) -> None:
        self.units = dict(units)
        self.settings = settings
        self.echo = settings.echo
        self.statistics = LineStatistics()
        self._frames = Frames(settings.form)
        self._deliver = deliver
        self._buffer = bytearray()
        self._spoken: list[_Speech] = []
        self._master = _Speech(0.0, 0.0)
        self._quiet_since = 0.0
        self._timers: set[asyncio.TimerHandle] = set()
        self._under_way = 0

    def hear(self, data: bytes) -> None:
        """Take bytes of the master: they begin now, or behind those that it is still saying."""
        now = asyncio.get_running_loop().time()
        begin = max(now, self._master.end)
        if begin > self._master.end + self.settings.silence + _PATIENCE:
            self._buffer.clear()
        if not self._buffer and begin > self._master.end and now < self._quiet_since + self.settings.silence:
            self.statistics.hasty += 1
        speech = self._master = self._speak(begin, len(data))
        self.statistics.request_bytes += len(data)
        if self.echo:
            self._say(data, speech)
        self._buffer += data
        try:
            requests = list(self._frames.requests(self._buffer))
        except Unreadable:
            self._buffer.clear()
            return
        for request in requests:
            self._at(speech.end, partial(self._answer, request, speech))

    def quiet(self) -> None:
        """Forget everything that is under way: the line is cut."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._buffer.clear()
        self._under_way = 0

    def _answer(self, request: ModbusPDU, asked: _Speech) -> None:
        self.statistics.requests += 1
        if asked.garbled or self._under_way >= _PENDING:
            return
        said = self._frames.answer(self.units, request)
        if said is None:
            return
        unit = self.units[request.dev_id]
        pause = self.settings.turn_around if unit.turn_around is None else unit.turn_around
        begin = asked.end + pause + said.delay
        self._under_way += 1
        self._at(begin, partial(self._begin, said, begin))

    def _begin(self, said: Said, begin: float) -> None:
        speech = self._speak(begin, len(said.frame))
        self.statistics.answers += 1
        self.statistics.answer_bytes += len(said.frame)
        self._quiet_since = max(self._quiet_since, speech.end)
        self._under_way -= 1
        self._say(said.frame, speech)

    def _speak(self, begin: float, count: int) -> _Speech:
        """Occupy the line; whoever speaks at the same time is garbled, and garbles."""
        speech = _Speech(begin, begin + count * self.settings.character)
        self._spoken = [each for each in self._spoken if each.end > begin]
        others = [each for each in self._spoken if each.start < speech.end]
        for each in (*others, speech) if others else ():
            self.statistics.collisions += not each.garbled
            each.garbled = True
        self._spoken.append(speech)
        self.statistics.busy += speech.end - speech.start
        return speech

    def _say(self, data: bytes, speech: _Speech) -> None:
        """Hand bytes to the master in the line's time."""
        piece = max(1, int(_PIECE / self.settings.character))
        least = int(2 * _TICK / self.settings.character)
        at = 0
        while at < len(data):
            end = at + piece
            if len(data) - end <= least:  # what is exact begins early: it must not overtake what comes before it
                end = len(data)
            due = speech.start + end * self.settings.character
            self._at(due, partial(self._hand_over, data[at:end], speech), exact=end == len(data))
            at = end

    def _hand_over(self, part: bytes, speech: _Speech) -> None:
        self._deliver(bytes(each ^ _GARBLE for each in part) if speech.garbled else part)

    def _at(self, due: float, what: Callable[[], None], *, exact: bool = False) -> None:
        """Do something at an instant of the loop's clock; exact to a tenth of a millisecond if wished."""
        loop = asyncio.get_running_loop()

        def do() -> None:
            self._timers.discard(timer)
            if exact:
                time.sleep(min(_TICK, max(0.0, due - loop.time())))
            what()

        timer = loop.call_at(due - _TICK if exact else due, do)
        self._timers.add(timer)
