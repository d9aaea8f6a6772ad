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
from monitor.wording import Sentence

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
    service = _meant(site, device, service)
    time = now if at is None else at
    if time > now + _AHEAD:
        raise RequestRefused(
            Sentence(
                "{time} is not yet: it is {now} now",
                time=_clock(time, site.timezone),
                now=_clock(now, site.timezone),
            )
        )
    last = next((each.last for each in due if (each.device, each.service) == (device, service)), None)
    if last is not None and time < last:
        raise RequestRefused(
            Sentence(
                "{time} is before `{service}` of `{device}` was done last, at {last}: only the last time matters",
                time=_clock(time, site.timezone),
                service=service,
                device=device,
                last=_clock(last, site.timezone),
            )
        )
    if hours is not None and not (isfinite(hours) and hours >= 0):
        raise RequestRefused(
            Sentence("{hours} hours: running hours are a number that is never negative", hours=format(hours, "g"))
        )
    note = note.strip()
    if len(note) > _LONGEST:
        raise RequestRefused(
            Sentence(
                "the note has {count} letters; {most} is the most that is kept", count=len(note), most=_LONGEST
            )
        )
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


def _meant(site: Site, device: str, service: str) -> str:
    """The id of the service that is meant; RequestRefused says which there are."""
    plan = site.equipment.get(device)
    serviced = sorted(ident for ident, each in site.equipment.items() if each.services)
    if plan is None or not plan.services:
        told = (
            Sentence("`{device}` has no service", device=device)
            if device in site.devices
            else Sentence("there is no device `{device}`", device=device)
        )
        if not serviced:
            raise RequestRefused(Sentence("{told}; no device of the site file has one", told=told))
        raise RequestRefused(Sentence("{told}; those with one: {known}", told=told, known=", ".join(serviced)))
    names = [each.id for each in plan.services]
    if not service and len(names) > 1:
        raise RequestRefused(
            Sentence("say which service of `{device}` was done: {known}", device=device, known=", ".join(names))
        )
    service = service or names[0]
    if service not in names:
        raise RequestRefused(
            Sentence(
                "`{device}` has no service `{service}`; it has {known}",
                device=device,
                service=service,
                known=", ".join(names),
            )
        )
    return service


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
