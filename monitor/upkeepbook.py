"""What can be asked about equipment, batteries, services and supply. Times are UTC ms; periods [start, end)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

__all__ = [
    "Availability",
    "Battery",
    "ClassAvailability",
    "EquipmentDay",
    "EquipmentNow",
    "GroupNow",
    "ServiceDone",
    "ServiceDue",
    "SupplyNow",
    "SupplySpan",
    "UpkeepBook",
    "class_availability",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EquipmentNow:
    """How a pump, lift or light is.

    `state`: unknown, fine, off, running, starting, stopping, failed_to_start, failed_to_stop or fault, since
    `since`. `hours` and `starts`: since it is watched (`first`), or as it counts itself when `is_own`.
    """

    device: str
    state: str
    since: int | None = None
    hours: float = 0.0
    starts: int = 0
    first: int | None = None
    is_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EquipmentDay:
    """What a pump, lift or light did on a local day, in seconds and times.

    `known_s`: how much of the day is known; `running_s` and `fault_s` of that. `failed`: how often it did not
    start or stop when it was told to. `shortest_s`: the shortest run that ended on the day; None: none did.
    """

    device: str
    day: date
    known_s: float = 0.0
    running_s: float = 0.0
    fault_s: float = 0.0
    starts: int = 0
    failed: int = 0
    short_cycles: int = 0
    shortest_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNow:
    """How a group is: who runs, who could, and whether there is anybody in reserve."""

    group: str
    running: tuple[str, ...]
    able: tuple[str, ...]
    unknown: tuple[str, ...]
    needed: int
    reserve: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDue:
    """When work on a device is due.

    `hours_left`: running hours until then (None: they do not matter); `due`: when, by the calendar or by how the
    hours went lately (UTC ms; None: nobody can say). `state`: fine, soon, due. `last`: when it was done last.
    """

    device: str
    service: str
    name: str
    state: str
    due: int | None = None
    hours_left: float | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDone:
    """Work that was done; `hours`: how long the device had run by then."""

    device: str
    service: str
    time: int
    hours: float | None
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """A battery: how full it is, how fast it empties (percent a day), and the day on which it will be at 10 %.

    `empty`: None: it cannot be said yet, or not within ten years. `low`: the device says itself that it is low.
    """

    device: str
    percent: float | None
    time: int
    low: bool = False
    per_day: float | None = None
    empty: date | None = None
    days: int = 0
    """Days of values that this is reckoned from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """How long a device answered in a period, in seconds; for equipment, also how long it was without a fault.

    `unknown_s`: the monitor did not run, or had never heard of it.
    """

    device: str
    up_s: float
    down_s: float
    unknown_s: float
    outages: int = 0
    longest_s: float = 0.0

    @property
    def share(self) -> float | None:
        """How much of the time that is known it answered (0 to 1); None: nothing is known."""
        return _share(self.up_s, self.down_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAvailability:
    """How long the devices of a class answered, taken together, in seconds of devices."""

    device_class: str
    devices: int
    up_s: float
    down_s: float
    unknown_s: float
    outages: int = 0

    @property
    def share(self) -> float | None:
        """How much of the time that is known they answered (0 to 1); None: nothing is known."""
        return _share(self.up_s, self.down_s)


def class_availability(each: Sequence[Availability], classes: Mapping[str, str]) -> Sequence[ClassAvailability]:
    """Sum up devices by their class (`classes`: device -> class); a device counts for as long as it is known."""
    members: dict[str, list[Availability]] = {}
    for one in each:
        if one.device in classes:
            members.setdefault(classes[one.device], []).append(one)
    return [
        ClassAvailability(
            device_class=device_class,
            devices=len(found),
            up_s=sum(one.up_s for one in found),
            down_s=sum(one.down_s for one in found),
            unknown_s=sum(one.unknown_s for one in found),
            outages=sum(one.outages for one in found),
        )
        for device_class, found in sorted(members.items())
    ]


def _share(up: float, down: float) -> float | None:
    return up / (up + down) if up + down > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyNow:
    """Whether a building has a utility: present, partial, lost or unknown, since `since`. `device` says so."""

    building: str
    utility: str
    state: str
    device: str
    since: int | None = None
    lost: tuple[str, ...] = ()
    """The points that are lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplySpan:
    """A span in which the supply of a building was in one state; `end` None: it still is."""

    building: str
    utility: str
    state: str
    start: int
    end: int | None = None
    lost: tuple[str, ...] = field(default=())


class UpkeepBook(Protocol):
    """What can be asked about equipment and the supply. Nothing here blocks the loop; unknown ids are left out."""

    def equipment(self) -> Sequence[EquipmentNow]:
        """Every piece of equipment as it is now."""

    def groups(self) -> Sequence[GroupNow]:
        """Every group as it is now."""

    def supply(self) -> Sequence[SupplyNow]:
        """The supply of every building as it is now."""

    def services(self) -> Sequence[ServiceDue]:
        """All work, what is due first before the rest."""

    def batteries(self) -> Sequence[Battery]:
        """Every battery that says how full it is, the emptiest first."""

    async def days(self, devices: Sequence[str], first: date, last: date) -> Sequence[EquipmentDay]:
        """What equipment did on each local day, both days included; by device and day."""

    async def done(self, start: int, end: int) -> Sequence[ServiceDone]:
        """Work that was done, oldest first."""

    async def availability(self, devices: Sequence[str], start: int, end: int) -> Sequence[Availability]:
        """How long each device answered."""

    async def supply_spans(self, start: int, end: int) -> Sequence[SupplySpan]:
        """How the supply was, by building, utility and time."""
