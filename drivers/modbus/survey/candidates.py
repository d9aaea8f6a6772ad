"""The models that a device may be of: each profile and variant with a map of registers, and how it reads one."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property

from drivers.modbus.decode import Decoded, finish, judge
from drivers.modbus.layout import ORDERS, Field, Span, is_placed, swapped, unsigned_format
from drivers.modbus.placing import wanted_by
from drivers.modbus.plan import Cost, Limits, plan
from drivers.modbus.settings import Mark, Order, PointSource, ProfileModel, Register
from drivers.modbus.sunspec import Chain, Models, Places
from drivers.modbus.sunspec import place as placed
from drivers.modbus.survey.seen import Request, Seen, place
from monitor.errors import SettingsError
from monitor.model import Missing, Value
from monitor.profiles import Bound, Library, Profile
from monitor.site import Point

__all__ = ["Candidate", "candidates_of", "number_of", "source_of"]

_COST = Cost(request=20, register=2)
_LARGEST_ANCHOR = 20
_ANCHORS = (
    "voltage_l?_v",
    "voltage_v",
    "voltage_l??_v",
    "voltage_ll_v",
    "frequency_hz",
    "volume*_m3",
    "energy*_kwh",
    "flow*",
    "*temperature*_c",
    "current*_a",
    "power*_w",
    "*",
)
"""Where a meter is known by its values: the first that a model has is asked for first."""
_CORE = (
    "voltage*",
    "current*",
    "power*",
    "pf*",
    "frequency_hz",
    "apparent_power*",
    "reactive_power*",
    "volume*",
    "flow*",
    "*temperature*",
    "energy_import_kwh",
    "energy_export_kwh",
    "energy_total_kwh",
    "energy_heat_kwh",
)
_LONGEST_TEXT = 16


@dataclass(frozen=True)
class Candidate:
    """A profile or a variant of it. `points` by name; `reads` them where they are, without their valid ranges."""

    profile: str
    variant: str
    title: str
    device_class: str
    also: tuple[str, ...]
    experimental: tuple[str, ...]
    protocol: ProfileModel
    points: Mapping[str, Point]
    places: Places = field(default=Places(), repr=False)

    @property
    def id(self) -> str:
        """Profile and variant, as one text."""
        return f"{self.profile}/{self.variant}" if self.variant else self.profile

    @cached_property
    def models(self) -> frozenset[Models]:
        """The SunSpec models that its points are in, without the common one."""
        wanted = wanted_by(self.points.values())
        return frozenset(models for models in wanted if models.first != 1)

    def on(self, chain: Chain) -> "Candidate":
        """The same, with its SunSpec models where they were found."""
        return replace(self, places=placed(chain.models, tuple(wanted_by(self.points.values())), 1))

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """Where its points are that have a place."""
        return {
            name: Field.of(replace(point, valid=None), self.protocol, self.places)
            for name, point in self.points.items()
            if is_placed(point.source, self.places)
        }

    @cached_property
    def marks(self) -> tuple[tuple[Mark, Request], ...]:
        """By what its device is told from others, and how that is asked for, where it has a place."""
        found = []
        for mark in self.protocol.identify:
            size = source_of(mark).size
            if isinstance(mark.where, Register):
                span = Span(mark.where.table, mark.where.address, size)
            elif (address := self.places.address(mark.where, size)) is not None:
                span = Span("holding", address, size)
            else:
                continue
            found.append((mark, Request.of(span, alone=mark.alone)))
        return tuple(found)

    @cached_property
    def floats(self) -> frozenset[str]:
        """The points that are floats in its registers."""
        return frozenset(name for name, of in self.fields.items() if of.source.type.startswith("float"))

    # What to ask for -------------------------------------------------------------------------------------

    @cached_property
    def anchor(self) -> Request | None:
        """The one request by which its values are known, or not."""
        for pattern in _ANCHORS:
            names = [name for name in self.fields if fnmatchcase(name, pattern)]
            spans = sorted({span for name in names for span in _spans(self.fields[name])})
            if blocks := self._plan(spans, most=_LARGEST_ANCHOR, gap=2):
                return max(blocks, key=lambda block: (block.count > 1, -block.first))
        return None

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """All that its points are read with, the most telling first."""
        core = {span for name in self.fields if _is_any(name, _CORE) for span in _spans(self.fields[name])}
        rest = {
            span
            for name, of in self.fields.items()
            if not of.source.is_text or of.source.size <= _LONGEST_TEXT
            for span in _spans(of)
        } - core
        return (*self._plan(core), *self._plan(rest))

    def pieces(self, request: Request) -> tuple[Request, ...]:
        """What is asked instead of a request that was refused: its points, and nothing between."""
        if (known := self._pieces.get(request)) is None:
            known = self._pieces[request] = self._cut(request)
        return known

    @cached_property
    def _pieces(self) -> dict[Request, tuple[Request, ...]]:
        return {}

    def _cut(self, request: Request) -> tuple[Request, ...]:
        spans = {
            span
            for of in self.fields.values()
            for span in _spans(of)
            if span.table == request.table and request.first <= span.first and span.end <= request.end
        }
        found = tuple(self._plan(spans, gap=0))
        return () if len(found) <= 1 else found

    @cached_property
    def _limits(self) -> Limits:
        return Limits.of(self.protocol)

    def _plan(self, spans: Iterable[Span], *, most: int | None = None, gap: int | None = None) -> list[Request]:
        limits = self._limits
        if most is not None:
            limits = replace(limits, max_registers=min(limits.max_registers, most))
        if gap is not None:
            limits = replace(limits, gap=gap if limits.gap is None else min(gap, limits.gap))
        good = [
            span
            for span in spans
            if span.size <= limits.most(span.table) and not limits.forbids(span.table, span.first, span.end)
        ]
        try:
            return [Request(block.table, block.first, block.count) for block in plan(good, limits, _COST)]
        except SettingsError:
            return []

    @cached_property
    def _ranges(self) -> tuple[Request, ...]:
        anchor = () if self.anchor is None else (self.anchor,)
        return (*anchor, *(request for _, request in self.marks), *self.requests)

    def concerns(self, request: Request) -> bool:
        """Whether a request is about registers of its own."""
        return any(
            own.table == request.table and own.first < request.end and request.first < own.end
            for own in self._ranges
        )

    def forbids(self, request: Request) -> bool:
        """Whether its device is never to be asked that."""
        return self._limits.forbids(request.table, request.first, request.end)

    # What was said ---------------------------------------------------------------------------------------

    def values(self, seen: Seen, order: Order | None = None) -> tuple[dict[str, Value], list[str]]:
        """What its points hold by what is known, and the names of those whose content cannot be decoded."""
        decoded = Decoded()
        for name, of in self.fields.items():
            words = seen.get(of.span)
            if words is None:
                continue
            if of.span.table in ("coil", "discrete"):
                decoded.put(name, judge(of, words[0]))
                continue
            judged = judge(of, number_of(of, words, order))
            if of.exponent is None or isinstance(judged, Missing | str):
                decoded.put(name, judged)
            elif (powers := seen.get(of.exponent)) is not None:
                power = powers[0] - 0x10000 if powers[0] & 0x8000 else powers[0]
                decoded.exponents[of.exponent] = power if abs(power) <= 10 else Missing.UNDECODABLE  # noqa: PLR2004 - as in decode
                decoded.waiting.append((of, judged))
        finish(decoded)
        return decoded.values, [name for name, why in decoded.missing.items() if why is Missing.UNDECODABLE]

    def where(self, name: str, order: Order | None = None) -> str:
        """A point's registers and how they are read."""
        of = self.fields[name]
        ends = f" {order or of.order}" if of.span.size > 1 and not of.source.is_text else ""
        return f"at {place(of.span.table, of.span.first)} as {of.source.type}{ends}"


def candidates_of(library: Library) -> list[Candidate]:
    """All models that can be read over Modbus: profiles, and their variants; wrong ones are left out."""
    found = []
    for profile in filter(None, map(library.get, library.ids)):
        if "modbus" not in profile.drivers:
            continue
        for variant in (*(() if profile.choose else ("",)), *profile.variants):
            bound = library.bind(profile, "modbus", variant)
            if bound is not None and bound.points:
                found.append(_candidate(profile, variant, bound))
    return found


def _candidate(profile: Profile, variant: str, bound: Bound) -> Candidate:
    doubts = profile.variants[variant].experimental if variant else ()
    named = (profile.maker, _model(profile, variant))
    return Candidate(
        profile=profile.id,
        variant=variant,
        title=" ".join(part for part in named if part and part != "any"),
        device_class=profile.device_class,
        also=profile.also,
        experimental=(*profile.experimental, *doubts),
        protocol=bound.protocol,
        points=bound.points,
    )


def _model(profile: Profile, variant: str) -> str:
    return profile.variants[variant].model if variant else profile.model


def number_of(of: Field | PointSource, words: Sequence[int], order: Order | None = None) -> int | bytes:
    """What registers hold, as `judge` takes it: an unsigned number, or the bytes of a text."""
    source = of.source if isinstance(of, Field) else of
    used = of.order if isinstance(of, Field) else "ABCD"
    if order is not None and not source.is_text:
        used = order
    swap, ends = ORDERS[used]
    content = struct.pack(f">{len(words)}H", *words)
    if swap:
        content = swapped(content)
    number: int | bytes = struct.unpack(ends + unsigned_format(source), content)[0]
    return number


def source_of(mark: Mark) -> PointSource:
    """How the registers of a mark are read."""
    return PointSource.model_validate({"register": mark.where, "type": mark.type})


def _spans(of: Field) -> list[Span]:
    if of.whole is not None:
        return [of.whole]
    return [of.span] if of.exponent is None else [of.span, of.exponent]


def _is_any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
