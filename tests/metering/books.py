"""A book of meters in memory: it counts the registers that it is told, spreads them evenly, and heeds commands."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from zoneinfo import ZoneInfo

from monitor.figures import Consumption, Cost, DayCoverage, Register
from monitor.journal.sqlite import SqliteJournal
from monitor.metering.commands import CORRECT, REPLACE, correction, replacement
from monitor.metering.step import Cause, Step
from monitor.metering.view import break_of
from monitor.model import Command, Position, Reading
from monitor.periods import QUARTER, pieces
from monitor.ports import Gap
from monitor.schema import COUNTER_NAMES, rate_unit
from monitor.site import Counter, Device, Point, Site, Virtual

__all__ = ["DAY", "HOUR", "METERS", "NOW", "MemoryBook", "judge", "site_of"]

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_795_771_800_000
"""2026-11-27 10:30 in Berlin."""


def _meter(name: str, kind: str, *points: str, by_hand: bool = False, counter: Counter | None = None) -> Device:
    units = {"kwh": "kWh", "m3": "m3", "kvarh": "kvarh"}
    return Device(
        id=name,
        name=name.replace("-", " ").capitalize(),
        connection="" if by_hand else "plant-room",
        device_class=kind,
        role="main" if name.startswith("main") else "sub",
        scan={"fast": 10.0},
        by_hand=by_hand,
        points={
            point: Point(name=point, unit=units[point.rsplit("_", 1)[1]], counter=counter or Counter())
            for point in points
        },
    )


METERS = {
    each.id: each
    for each in (
        _meter(
            "main",
            "electricity",
            "energy_import_kwh",
            "energy_export_kwh",
            counter=Counter(modulus=1_000_000.0, rating=100.0),
        ),
        _meter("main-water", "water", "volume_m3"),
        _meter("cellar", "water", "volume_m3", by_hand=True, counter=Counter(modulus=10_000.0, rating=5.0)),
        _meter("attic", "gas", "volume_m3", by_hand=True),
    )
} | {
    "flats": Device(
        id="flats",
        name="All flats",
        connection="",
        device_class="water",
        virtual=Virtual(sum=("main-water",), minus=("cellar",)),
        points={"volume_m3": Point(name="volume_m3", unit="m3", counter=Counter())},
    ),
    "front-door": Device(id="front-door", name="Front door", connection="broker", device_class="door"),
}


def site_of(site: Site | None = None) -> Site:
    """A site of these meters, or another one with them beside what it has."""
    zone = ZoneInfo("Europe/Berlin")
    if site is None:
        return Site(id="house", name="House", timezone=zone, devices=METERS)
    return replace(site, timezone=zone, devices=dict(site.devices) | METERS)


@dataclass
class MemoryBook:
    """A `UsageBook`. `pending` and `doubt` of a counter are what a test says."""

    site: Site
    now: Callable[[], int]
    steps: dict[tuple[str, str], list[Step]] = field(default_factory=dict)
    last: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    first: dict[tuple[str, str], int] = field(default_factory=dict)
    held: dict[tuple[str, str], tuple[tuple[float, ...], str]] = field(default_factory=dict)
    days: list[DayCoverage] = field(default_factory=list)

    # What happens ----------------------------------------------------------------------------------------

    def read(
        self, device: str, time: int, register: float, *, point: str = "", cause: Cause | None = None
    ) -> None:
        """Take a register; one that is lower begins anew, and what was used is a guess."""
        key = device, point or self._billed(device)
        if key in self.last:
            start, before = self.last[key]
            fell = register < before
            step = Step(
                start=start,
                end=time,
                start_register=before,
                end_register=register,
                amount=register if fell else register - before,
                cause=cause or (Cause.RESET if fell else Cause.COUNTED),
                lost=fell,
            )
            self.steps.setdefault(key, []).append(step)
        self.first.setdefault(key, time)
        self.last[key] = time, register

    def judge(self, command: Command) -> None:
        """Do what a command says."""
        if command.kind == REPLACE:
            said = replacement(command)
            steps = self.steps[command.target, str(command.arguments["point"])]
            for place, step in enumerate(steps):
                if step.start <= said.at <= step.end and step.lost:
                    assert step.start_register is not None
                    assert step.end_register is not None
                    steps[place] = replace(
                        step,
                        amount=said.final - step.start_register + step.end_register - said.start,
                        cause=Cause.REPLACED,
                        lost=False,
                        by=said.by,
                        reason=said.reason,
                        command=said.command,
                    )
        elif command.kind == CORRECT:
            told = correction(command)
            key = command.target, told.point
            before = self._amount(key, told.start, told.end)
            self.steps[key].append(
                Step(
                    start=told.start,
                    end=told.end,
                    start_register=None,
                    end_register=None,
                    amount=told.amount - before,
                    cause=Cause.CORRECTED,
                    by=told.by,
                    reason=told.reason,
                    command=told.command,
                )
            )

    # UsageBook -------------------------------------------------------------------------------------------

    def registers(self, device: str | None = None) -> Sequence[Register]:
        return [
            self._register(each, point)
            for each in self.site.devices.values()
            if device in {None, each.id}
            for point in each.points.values()
            if point.counter is not None and each.virtual is None
        ]

    async def consumption(
        self, devices: Sequence[str], start: int, end: int, *, per: str = "", points: Sequence[str] = ()
    ) -> Sequence[Consumption]:
        return [
            self._consumption(device, point, *piece)
            for device in devices
            if device in self.site.devices
            for point in points or [self._billed(device)]
            for piece in pieces(start, end, per, self.site.timezone)
        ]

    async def costs(self, devices: Sequence[str], start: int, end: int) -> Sequence[Cost]:
        del devices, start, end
        return []

    async def coverage(self, devices: Sequence[str], first: date, last: date) -> Sequence[DayCoverage]:
        return [each for each in self.days if each.device in devices and first <= each.day <= last]

    # Figures ---------------------------------------------------------------------------------------------

    def _billed(self, device: str) -> str:
        known = self.site.devices[device]
        return next(name for name in COUNTER_NAMES[known.device_class] if name in known.points)

    def _register(self, device: Device, point: Point) -> Register:
        key, unit = (device.id, point.name), point.unit or ""
        time, register = self.last.get(key, (None, None))
        pending, doubt = self.held.get(key, ((), ""))
        step = self.steps[key][-1] if self.steps.get(key) else None
        per_hour = rate_unit(unit)[1] * HOUR
        rate = None if step is None else step.amount * per_hour / (step.end - step.start)
        return Register(
            device=device.id,
            point=point.name,
            unit=unit,
            is_billed=point.name == self._billed(device.id),
            register=register,
            time=time,
            pending=pending,
            doubt=doubt,
            rate=rate,
            demand=None if device.by_hand else rate,
            predicted=None if device.by_hand else rate,
            first=self.first.get(key),
        )

    def _members(self, device: str, point: str, sign: int = 1) -> Iterator[tuple[int, tuple[str, str]]]:
        virtual = self.site.devices[device].virtual
        if virtual is None:
            yield sign, (device, point)
            return
        for names, own in ((virtual.sum, sign), (virtual.minus, -sign)):
            for name in names:
                yield from self._members(name, point, own)

    def _amount(self, key: tuple[str, str], start: int, end: int) -> float:
        return sum(_share(step, start, end) for step in self.steps.get(key, []))

    def _consumption(self, device: str, point: str, start: int, end: int) -> Consumption:
        members = list(self._members(device, point))
        unit = self.site.devices[device].points[point].unit or ""
        blank = Consumption(device=device, point=point, unit=unit, start=start, end=end, amount=None)
        if any(key not in self.steps for _, key in members):
            return blank
        begin = max(start, *(self.first[key] for _, key in members))
        until = min(end, *(self.last[key][0] for _, key in members))
        if until <= begin:
            return blank
        own = self.steps[members[0][1]] if len(members) == 1 else []
        met = [step for step in own if step.start < end and step.end > start]
        guessed = [step for step in met if step.lost]
        quarters = [self._amount(members[0][1], *one) for one in pieces(start, until, "quarter", ZoneInfo("UTC"))]
        whole = quarters if len(members) == 1 and until - begin >= QUARTER else [None]
        factor = rate_unit(unit)[1] * HOUR / QUARTER
        return replace(
            blank,
            amount=round(sum(sign * self._amount(key, begin, until) for sign, key in members), 9),
            estimated=round(sum(_share(step, start, end) for step in guessed), 9),
            known=(until - begin) / (end - start),
            is_complete=until - begin == end - start,
            start_register=self._edge(own, start),
            end_register=self._edge(own, end),
            demand_max=None if whole[0] is None else max(each or 0.0 for each in whole) * factor,
            breaks=tuple(break_of(step) for step in met if step.cause is not Cause.COUNTED),
        )

    @staticmethod
    def _edge(steps: Sequence[Step], time: int) -> float | None:
        shown = [step.end_register for step in steps if step.end <= time and step.end_register is not None]
        return shown[-1] if shown else None


def _share(step: Step, start: int, end: int) -> float:
    inside = min(step.end, end) - max(step.start, start)
    return step.amount * inside / (step.end - step.start) if inside > 0 else 0.0


async def judge(book: MemoryBook, journal: SqliteJournal) -> None:
    """Feed a book with what people say, as the journal has it; never ends."""
    async for batch in journal.follow(Position(0)):
        assert not isinstance(batch, Gap)
        for recorded in batch:
            if isinstance(recorded.entry, Command):
                book.judge(recorded.entry)
            elif isinstance(recorded.entry, Reading):
                for point, value in recorded.entry.values.items():
                    book.read(recorded.entry.device, recorded.entry.time, float(value), point=point)
