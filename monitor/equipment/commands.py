"""What a person may tell of equipment: that work was done; checked in words for that person."""

from collections.abc import Sequence
from datetime import datetime
from math import isfinite
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from monitor.errors import RequestRefused
from monitor.model import Command
from monitor.site import Site
from monitor.upkeepbook import ServiceDone, ServiceDue

__all__ = ["SERVICE", "done", "service"]

SERVICE: Final = "service"

_AHEAD: Final = 300_000
"""A person's clock may be so many ms ahead of the monitor's."""
_LONGEST: Final = 500


def service(  # noqa: PLR0913 - what a person says of work
    site: Site,
    due: Sequence[ServiceDue],
    *,
    device: str,
    service: str = "",
    by: str,
    now: int,
    at: int | None = None,
    hours: float | None = None,
    note: str = "",
) -> Command:
    """Make the command that says that work on a device was done.

    `due`: all work, as `UpkeepBook.services` answers it. `service`: may be empty where the device has but one.
    `at`: UTC ms (None: now). `hours`: what it showed that it had run by then. Raises RequestRefused.
    """
    plan = site.equipment.get(device)
    serviced = sorted(ident for ident, each in site.equipment.items() if each.services)
    if plan is None or not plan.services:
        what = f"`{device}` has no service" if device in site.devices else f"there is no device `{device}`"
        there = f"those with one: {', '.join(serviced)}" if serviced else "no device of the site file has one"
        raise RequestRefused(f"{what}; {there}")
    names = [each.id for each in plan.services]
    if not service and len(names) > 1:
        raise RequestRefused(f"say which service of `{device}` was done: {', '.join(names)}")
    service = service or names[0]
    if service not in names:
        raise RequestRefused(f"`{device}` has no service `{service}`; it has {', '.join(names)}")
    time = now if at is None else at
    if time > now + _AHEAD:
        raise RequestRefused(f"{_clock(time, site.timezone)} is not yet: it is {_clock(now, site.timezone)} now")
    last = next((each.last for each in due if (each.device, each.service) == (device, service)), None)
    if last is not None and time < last:
        raise RequestRefused(
            f"{_clock(time, site.timezone)} is before `{service}` of `{device}` was done last, at "
            f"{_clock(last, site.timezone)}: only the last time matters"
        )
    if hours is not None and not (isfinite(hours) and hours >= 0):
        raise RequestRefused(f"{hours:g} hours: running hours are a number that is never negative")
    note = note.strip()
    if len(note) > _LONGEST:
        raise RequestRefused(f"the note has {len(note)} letters; {_LONGEST} is the most that is kept")
    arguments: dict[str, str | float] = {"service": service, "at": min(time, now)}
    return Command(
        id=str(uuid4()),
        time=now,
        by=by,
        kind=SERVICE,
        target=device,
        arguments=arguments | ({} if hours is None else {"hours": hours}),
        reason=note,
    )


def done(command: Command) -> ServiceDone:
    """What a command of the kind `service` says; ValueError when it is malformed."""
    name, at, hours = (command.arguments.get(each) for each in ("service", "at", "hours"))
    if command.kind != SERVICE or not isinstance(name, str) or not command.target:
        raise ValueError(f"command {command.id} is no service of a device")
    if not isinstance(at, int | float) or not isfinite(at):
        raise ValueError(f"command {command.id}: `at` is no time")
    if hours is not None and (not isinstance(hours, int | float) or not isfinite(hours) or hours < 0):
        raise ValueError(f"command {command.id}: `hours` are no running hours")
    return ServiceDone(
        device=command.target,
        service=name,
        time=int(at),
        hours=None if hours is None else float(hours),
        by=command.by,
        note=command.reason,
    )


def _clock(time: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(time / 1000, zone).strftime("%Y-%m-%d %H:%M")
