"""What a site file says of its equipment and its supply. Times are in seconds."""

from dataclasses import dataclass

__all__ = ["Equipment", "Group", "Service", "Supply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Work that has to be done again and again: after so many running hours, so much time, or what comes first.

    `hours`: running hours (None: they do not matter). `every`: seconds of the calendar (None: it does not).
    `last`: UTC ms of when it was done last, as far as the site file knows. `warn`: how long before it is due that
    is said.
    """

    id: str
    name: str
    hours: float | None = None
    every: float | None = None
    last: int | None = None
    warn: float = 14 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """How a pump, lift, fan or light is watched; every device of class equipment has one.

    `running`, `fault`: the points that say so (empty: it has none). `called`: the point that says that it is meant
    to run; empty: nobody knows. `start_within`, `stop_within`: how long it may take to follow. `starts_per_hour`:
    more starts in an hour are short cycling (None: not watched).
    """

    type: str = ""
    running: str = ""
    fault: str = ""
    called: str = ""
    start_within: float = 10.0
    stop_within: float = 10.0
    starts_per_hour: int | None = None
    services: tuple[Service, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Equipment of which `needed` have to be able to run, and the rest stands by.

    `rest`: how long a member that could run may stand still before that is told (None: as long as it likes).
    """

    id: str
    name: str
    members: tuple[str, ...]
    needed: int = 1
    rest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """How it is known whether a building has electricity, water, gas or heat.

    It is there or not by some `points` of a `device`. With `below` (in their unit) a point under it is lost: all
    of them and the supply is lost, some of them and it is partial. With `lost_is` a point that says so is lost.
    `delay`: how long that has to last.
    """

    building: str
    utility: str
    device: str
    points: tuple[str, ...]
    below: float | None = None
    lost_is: float | bool | str | None = None
    delay: float = 5.0
