"""Rules, devices and entries for tests, with little ado."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any

from monitor.derivedpoints import derived_points
from monitor.model import Entry, Event, Missing, Position, Reading, Recorded
from monitor.plant import Supply
from monitor.ruletypes import NamesSources, Premises
from monitor.schema import MONITOR_DEVICE, is_counter, point_unit
from monitor.settings.residents import usual_places
from monitor.site import Counter, Device, Point, Rule, Source
from rules.kinds import RULES

START = 1_795_378_523_000


def kind(name: str) -> Any:
    module, _, attribute = RULES[name].partition(":")
    return getattr(import_module(module), attribute)


def device(
    id: str = "meter",  # noqa: A002 - as in the site file
    *,
    every: float | None = 10.0,
    expected_every: float | None = None,
    device_class: str = "electricity",
    points: Iterable[str] = ("voltage_v",),
    **more: Any,
) -> Device:
    return Device(
        id=id,
        name=id.title(),
        connection="bus",
        device_class=device_class,
        scan={"fast": every} if expected_every is None else {},
        expected_every=expected_every,
        points={name: _point(name) for name in points},
        **more,
    )


def _point(name: str) -> Point:
    return Point(name=name, unit=point_unit(name), counter=Counter() if is_counter(name) else None)


def rule(
    settings: Mapping[str, Any],
    devices: Mapping[str, Device],
    version: str = "1",
    supplies: Sequence[Supply] = (),
) -> Rule:
    """Make a rule of its settings, for all devices that have its points (or that it names in `on`)."""
    settings = dict(settings)
    only = settings.pop("on", None)
    offered = kind(settings["kind"])
    params = offered.model.model_validate({"id": settings["kind"], **settings})
    patterns = offered.point_patterns(params)
    named = set() if params.devices is None else set(devices).intersection(params.devices.id or ())
    sources = []
    if isinstance(offered, NamesSources):
        sources = [
            *offered.sources(params, Premises(devices=devices, supplies=supplies, places=usual_places(devices)))
        ]
        devices = {}
    for id_, one in devices.items():
        if only is not None and id_ != only:
            continue
        if named and id_ not in named:
            continue
        if patterns is None:
            sources.append(Source(device=id_))
        else:
            sources += [
                Source(device=id_, point=name)
                for name in (*one.points, *set(patterns).intersection(derived_points(one)))
                if any(fnmatchcase(name, pattern) for pattern in patterns)
            ]
    together: tuple[str, ...] = ()
    if offered.is_joint(params):
        together, sources = tuple(source.device for source in sources), [Source(device=MONITOR_DEVICE)]
    return Rule(
        id=params.id,
        name=params.name,
        kind=params.kind,
        params=params,
        sources=tuple(sources),
        version=version,
        depends_on=tuple(params.depends_on or ()),
        devices=together,
    )


def reading(at: int, value: Any = None, *, point: str = "voltage_v", id: str = "meter", **more: Any) -> Reading:  # noqa: A002
    """Make a reading `at` ms after the start; without a value it is a failed poll."""
    values = {} if value is None else {point: value}
    missing = {point: Missing.TIMEOUT} if value is None else {}
    return Reading(
        **{"device": id, "time": START + at, "arrived": START + at, "values": values, "missing": missing, **more}
    )


def event(at: int, kind: str, *, id: str = "door", **attributes: Any) -> Event:  # noqa: A002
    return Event(
        device=id, kind=kind, time=START + at, arrived=START + at, id=f"{kind}-{at}", attributes=attributes
    )


def recorded(entry: Entry, at: int, position: int = 1) -> Recorded:
    return Recorded(Position(position), START + at, entry)
