"""Register images of real meters, written from the makers' tables and not from our profiles.

Each is what such a meter would hold while it measures a kettle, a motor or a house: voltages, currents and powers
that belong together. Addresses are those on the wire; the sources are those that the profiles name.
"""

import math
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from monitor.errors import DeviceRefused, DeviceUnreachable

__all__ = ["Image", "Network", "Unit"]


class Network:
    """A three-phase network with a load: volts, amperes and power factors by phase."""

    def __init__(
        self,
        volts: Sequence[float] = (229.8, 231.4, 230.6),
        amps: Sequence[float] = (5.25, 3.125, 7.5),
        factors: Sequence[float] = (0.98, 0.95, 0.9),
        hertz: float = 49.98,
    ) -> None:
        self.u, self.i, self.pf, self.hz = tuple(volts), tuple(amps), tuple(factors), hertz
        self.s = tuple(u * i for u, i in zip(self.u, self.i, strict=True))
        self.p = tuple(s * pf for s, pf in zip(self.s, self.pf, strict=True))
        self.q = tuple(math.sqrt(s * s - p * p) for s, p in zip(self.s, self.p, strict=True))
        pairs = ((0, 1), (1, 2), (2, 0))
        self.ull = tuple(math.sqrt(self.u[a] ** 2 + self.u[b] ** 2 + self.u[a] * self.u[b]) for a, b in pairs)
        self.ptot, self.qtot = sum(self.p), sum(self.q)
        self.stot = math.hypot(self.ptot, self.qtot)
        self.pftot = self.ptot / self.stot if self.stot else 0.0


class AnswersNo(DeviceRefused):
    """An exception answer, as the client of the daemon raises it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


@dataclass
class Image:
    """The registers of one table of a device.

    `elsewhere`: what registers are that were never written: refused, zero or random.
    """

    words: dict[int, int] = field(default_factory=dict)
    elsewhere: str = "refused"

    def put(self, address: int, kind: str, *values: float, order: str = "ABCD") -> "Image":
        """Write numbers one behind the other: a struct format, in the order of the maker's table."""
        for value in values:
            number = value if kind in "fd" else round(value)
            content = struct.pack(f">{kind}", number)
            words = list(struct.unpack(f">{len(content) // 2}H", content))
            if order == "CDAB":
                words.reverse()
            elif order == "DCBA":
                words = [(word >> 8) | ((word & 0xFF) << 8) for word in reversed(words)]
            for word in words:
                self.words[address] = word
                address += 1
        return self

    def text(self, address: int, text: str, size: int) -> "Image":
        """Write a text of so many registers."""
        content = text.encode().ljust(2 * size, b"\0")
        self.words.update(enumerate(struct.unpack(f">{size}H", content), address))
        return self


class Unit:
    """A `RegisterBus` with one unit, in memory.

    `single`: what registers hold for who asks for them alone. `most`: registers of one request.
    """

    def __init__(
        self,
        *,
        holding: Image | None = None,
        input_: Image | None = None,
        single: dict[int, int] | None = None,
        silent_elsewhere: bool = False,
        most: int = 125,
        seed: int = 1,
    ) -> None:
        self.tables = {"holding": holding, "input": input_}
        self.single = single or {}
        self.silent_elsewhere = silent_elsewhere
        self.most = most
        self.asked: list[tuple[str, int, int]] = []
        self._random = random.Random(seed)

    async def read(self, unit: int, table: str, first: int, count: int) -> Sequence[int]:
        """Answer a request as the device would."""
        assert unit == 1
        self.asked.append((table, first, count))
        image = self.tables.get(table)
        if image is None:
            raise self._no(1)
        if count == 1 and first in self.single:
            return [self.single[first]]
        if count > self.most:
            raise self._no(3)
        wanted = range(first, first + count)
        missing = [at for at in wanted if at not in image.words]
        if missing and image.elsewhere == "refused":
            raise self._no(2)
        return [image.words.get(at, self._noise(image)) for at in wanted]

    def _noise(self, image: Image) -> int:
        return self._random.randrange(65536) if image.elsewhere == "random" else 0

    def _no(self, code: int) -> Exception:
        if self.silent_elsewhere:
            return DeviceUnreachable("no answer")
        return AnswersNo(code)
