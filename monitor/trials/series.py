"""The compact writing of what a device says over time: `meter/voltage_v: 230x3 _ 205 @10s`."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from monitor.documents.reader import resolve_scalar
from monitor.fields import seconds
from monitor.model import Derived, Entry, Missing, Quality, Reading, Value
from monitor.schema import CLASSES, MEASUREMENT_SUPPLY, MEASUREMENT_USAGE

__all__ = ["Series", "SeriesWrong", "parse"]

_LINE = re.compile(r"(?P<source>\S+):\s+(?P<tokens>.*\S)\s+@\s*(?P<step>[0-9.]+\s*[a-z]+)\s*")
_TIMES = re.compile(r"(?P<word>.+)x(?P<times>[0-9]{1,7})")
_MOST: Final = 2_000_000
_LATE: Final = 600_000
_AGES: Final = {"again": 1, "older": 2}
_QUALITIES: Final = {"bad": Quality.SUSPECT, "estimated": Quality.ESTIMATED, "manual": Quality.MANUAL}
_FLAVOURS: Final = frozenset({*_AGES, *_QUALITIES, "late"})
_MEASUREMENTS: Final = frozenset({*CLASSES, MEASUREMENT_SUPPLY, *MEASUREMENT_USAGE.values()})

Maker = Callable[[int], Entry]
"""Makes the entry of a moment of the wall clock (UTC ms)."""


class SeriesWrong(ValueError):
    """A line that cannot be read; says what may be written."""


@dataclass(frozen=True, slots=True)
class Series:
    """What one device says of one point. `measurement`: it is the monitor that derives it, not the device.

    `step` is milliseconds; `tokens` are pairs of a word and how many times it comes.
    """

    device: str
    point: str
    measurement: str
    tokens: tuple[tuple[str, int], ...]
    step: int

    def made(self) -> Iterator[tuple[int, Maker]]:
        """Yield each moment (ms from the start) with what is said then."""
        at = 0
        for word, times in self.tokens:
            for _ in range(times):
                if word != "gap":
                    yield at, self._maker(word, at)
                at += self.step

    def _maker(self, word: str, at: int) -> Maker:
        flavour, text = _flavoured(word)
        values: dict[str, Value] = {} if text == "_" else {self.point: _value(text)}
        missing = {} if values else {self.point: Missing.TIMEOUT}
        quality = _QUALITIES.get(flavour, Quality.GOOD)
        before = _LATE if flavour == "late" else _AGES.get(flavour, 0) * self.step

        def reading(wall: int) -> Reading:
            return Reading(
                device=self.device,
                time=wall - before,
                arrived=wall,
                values=values,
                missing=missing,
                quality=quality,
                late=flavour == "late",
            )

        def derived(wall: int) -> Derived:
            return Derived(
                producer="tape",
                key=f"{self.point}@{at}",
                device=self.device,
                time=wall - before,
                measurement=self.measurement,
                values=values,
                quality=quality,
            )

        return derived if self.measurement else reading


def parse(line: str) -> Series:
    """Read a line; raises SeriesWrong.

    `DEVICE/POINT: TOKENS @STEP`, or `DEVICE/MEASUREMENT.POINT` for what the monitor derives. A token is a number,
    `true`, `false` or a word, `_` (asked, and no answer), `gap` (nothing at all); `bad:V`, `estimated:V`,
    `manual:V`, `late:V` (ten minutes late), `again:V` and `older:V` (with the time of one or two values before);
    each with `xN` behind it for N times.
    """
    found = _LINE.fullmatch(line)
    if found is None or "/" not in found["source"]:
        raise SeriesWrong("write `DEVICE/POINT: VALUES @STEP`, such as `meter/voltage_l1_v: 230x3 _ 205 @10s`")
    device, _, point = found["source"].partition("/")
    measurement, dot, field = point.partition(".")
    if dot and measurement not in _MEASUREMENTS:
        raise SeriesWrong(f"`{measurement[:60]}` is no measurement; there are {', '.join(sorted(_MEASUREMENTS))}")
    try:
        step = round(seconds(found["step"]) * 1000)
    except ValueError as error:
        raise SeriesWrong(f"behind `@` stands how far apart the values are: {error}") from None
    tokens = tuple(_token(word) for word in found["tokens"].split())
    if sum(times for _, times in tokens) > _MOST or step <= 0:
        raise SeriesWrong(f"a series has at most {_MOST:,} values, and some time between them")
    return Series(device, field if dot else point, measurement if dot else "", tokens, step)


def _token(text: str) -> tuple[str, int]:
    found = _TIMES.fullmatch(text)
    word, times = (found["word"], int(found["times"])) if found else (text, 1)
    if not _flavoured(word)[1]:
        raise SeriesWrong(f"nothing stands behind the colon of `{text[:60]}`")
    return word, times


def _flavoured(word: str) -> tuple[str, str]:
    flavour, colon, text = word.partition(":")
    return (flavour, text) if colon and flavour in _FLAVOURS else ("", word)


def _value(text: str) -> Value:
    value = resolve_scalar(text)
    if isinstance(value, bool) or value is None:
        return value if value is not None else text
    return float(value) if isinstance(value, int | float) else value
