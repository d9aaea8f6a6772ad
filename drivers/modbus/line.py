"""What is owed to a serial line: rest between frames, time for the bytes, and patience with late answers.

Nothing on a line tells which request an answer belongs to. An answer that was given up may still come, and would
be taken for that of the next request to the same unit with the same size; so while it can come, that unit is
asked nothing else. The same request may be repeated: whichever answer comes is one to it.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.modbus.connection import ConnectionModel
from monitor.errors import DeviceUnreachable

if TYPE_CHECKING:
    from drivers.modbus.channel import LineChannel
    from drivers.modbus.wire import Request

__all__ = ["LineDuty", "NeverQuiet"]

_REQUEST_BYTES = 8
_ANSWER_BYTES = 5
"""Bytes of a frame beside the content of an answer: unit, function, byte count and CRC."""


class NeverQuiet(DeviceUnreachable):
    """Bytes come without end, so that nothing can be asked."""


@dataclass(slots=True)
class _Owed:
    """Answers that may still come to a request: how many at most, and until when."""

    request: "Request"
    answers: int
    until: float


class LineDuty:
    """Keeps the manners of one line, over all connections that are made to it."""

    def __init__(self, options: ConnectionModel) -> None:
        self._options = options
        self._line = options.line
        self._text = options.transport == "ascii"
        self._owed: dict[int, _Owed] = {}

    def airtime(self, request: "Request") -> float:
        """Seconds that a request and its longest answer take on the wire."""
        count = _REQUEST_BYTES + _ANSWER_BYTES + request.size
        return (2 * count + 2 if self._text else count) * self._line.character

    def deadline(self, request: "Request") -> float:
        """Seconds after which an answer is given up."""
        return self._options.timeout + self.airtime(request)

    async def rest(self, channel: "LineChannel") -> None:
        """Wait for the silence before a frame. Raises NeverQuiet when there is none within the time-out."""
        silence = self._line.silence
        give_up = time.monotonic() + self._options.timeout + silence
        while (left := max(channel.heard, channel.spoken) + silence - time.monotonic()) > 0:
            if time.monotonic() > give_up:
                raise NeverQuiet(f"bytes come without end on {self._options.place}")
            await asyncio.sleep(left)

    async def wait_for_late(self, channel: "LineChannel", request: "Request") -> int:
        """Wait while a unit may still answer another request than this; answer how often it did."""
        owed = self._owed.get(request.unit)
        if owed is None or owed.request.same(request):
            return 0
        came = 0
        channel.framer.expected = owed.request
        while owed.answers and (left := owed.until - time.monotonic()) > 0:
            if await channel.overhear(request.unit, left):
                came += 1
                owed.answers -= 1
                owed.until = self._patience(owed.request)
        del self._owed[request.unit]
        return came

    def asked(self, request: "Request") -> None:
        """Note that one more answer may come."""
        owed = self._owed.get(request.unit)
        if owed is None:
            self._owed[request.unit] = _Owed(request, 1, self._patience(request))
            return
        owed.answers = 1 if time.monotonic() > owed.until else owed.answers + 1
        owed.until = self._patience(request)

    def answered(self, request: "Request", *, rightly: bool) -> None:
        """Note that an answer has come; one to an earlier sending of the request may stand for it."""
        owed = self._owed[request.unit]
        owed.answers -= rightly
        if owed.answers:
            owed.until = self._patience(request)
        else:
            del self._owed[request.unit]

    def _patience(self, request: "Request") -> float:
        """Until when an answer may come that is owed from now on: twice as long as it is waited for."""
        return time.monotonic() + 2 * self.deadline(request)
