"""Work that has to be done again and again: when it is due, by running hours or by the calendar, what comes first.

Pure. Times are UTC ms. Hours left become a date by how many the device ran a day lately: over the last 30 days, as
soon as it is known for one. A date that would be more than ten years away is none: that pace says nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from monitor.equipment.commands import done
from monitor.equipment.known import event
from monitor.model import Command, Event, Value
from monitor.periods import local_day
from monitor.plant import Service
from monitor.site import Site
from monitor.upkeepbook import ServiceDone, ServiceDue

__all__ = ["Services"]

_DAY: Final = 86_400_000
_LATELY: Final = 30 * _DAY
_FARTHEST: Final = 3650 * _DAY
_MINUTE: Final = 60_000
_RANK: Final = {"due": 0, "soon": 1, "fine": 2}


class _Marks:
    """How long a device had run at some moments: each day of the last month, each month before."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, float]] = []

    def note(self, now: int, hours: float) -> bool:
        """Note it once a day; answers whether it did."""
        if self.kept and hours < self.kept[-1][1]:  # its own count began anew
            self.kept = []
        if self.kept and now // _DAY <= self.kept[-1][0] // _DAY:
            return False
        self.kept = [each for each in self.kept if now - each[0] <= _LATELY + _DAY or each[0] // _DAY % 30 == 0]
        self.kept.append((now, hours))
        return True

    def pace(self, now: int, hours: float) -> float | None:
        """Running hours in a ms, lately; None: it is known for less than a day, or did not run."""
        first = next((each for each in self.kept if now - each[0] <= _LATELY), None)
        if first is None or now - first[0] < _DAY or hours <= first[1]:
            return None
        return (hours - first[1]) / (now - first[0])

    def at(self, time: int, now: int, hours: float) -> float:
        """How long it had run by `time`, as well as that is known."""
        before = self.kept[0] if self.kept else (now, hours)
        for after in (*self.kept[1:], (now, hours)):
            if time < after[0]:
                share = max(0, time - before[0]) / max(1, after[0] - before[0])
                return before[1] + share * (after[1] - before[1])
            before = after
        return hours


class _Job:
    """One service of one device. `last`: when it was done, or it was first heard of; `base`: the hours by then."""

    def __init__(self, service: Service) -> None:
        self.plan = service
        self.last: int | None = None
        self.base: float | None = None
        self.was_done = False
        self.told = ""
        self.came_due: int | None = None

    def dump(self) -> list[Any]:
        return [self.last, self.base, self.was_done, self.told, self.came_due, self.plan.hours, self.plan.every]

    def load(self, kept: Sequence[Any]) -> None:
        self.last, self.base, self.was_done, self.told, self.came_due, *intervals = kept
        if intervals and intervals != [self.plan.hours, self.plan.every]:  # it is judged by the new ones
            self.told, self.came_due = "", None

    def done(self, at: int, base: float | None) -> None:
        self.last, self.base, self.was_done = at, base, True
        self.told, self.came_due = "", None

    def left(self, hours: float | None) -> float | None:
        """Running hours until it is due; None: they do not matter, or nobody knows them."""
        if self.plan.hours is None or hours is None or self.base is None:
            return None
        return self.plan.hours - (hours - self.base)

    def due(self, now: int, left: float | None, pace: float | None) -> int | None:
        """When it is due, as far as anybody can say."""
        if self.came_due is not None:
            return self.came_due
        found = []
        if self.plan.every is not None and self.last is not None:
            found.append(self.last + round(self.plan.every * 1000))
        if left is not None and left <= 0:
            found.append(now)
        elif left is not None and pace and left / pace <= _FARTHEST:
            found.append(now + round(left / pace))
        return min(found, default=None)

    def state(self, now: int, due: int | None) -> str:
        if due is None:
            return "fine"
        if due <= now:
            return "due"
        return "soon" if due - now <= self.plan.warn * 1000 else "fine"


class Services:
    """All work of a site. `hours` answers how long a device has run (None: it has not said so yet)."""

    def __init__(self, site: Site, hours: Callable[[str], float | None]) -> None:
        self._hours = hours
        self._jobs = {
            device: {service.id: _Job(service) for service in plan.services}
            for device, plan in site.equipment.items()
            if plan.services
        }
        self._marks = {device: _Marks() for device in self._jobs}
        self._looked = 0
        self._news: list[Event] = []
        self._rows: list[tuple[str, ServiceDone]] = []
        self._changed: set[str] = set()
        self._zone = site.timezone

    # Asking -------------------------------------------------------------------------------------------

    def due(self, now: int) -> list[ServiceDue]:
        """All work, what is due first before the rest."""
        found = [self._stands(device, job, now) for device, jobs in self._jobs.items() for job in jobs.values()]
        never = max((each.due or 0 for each in found), default=0) + 1
        return sorted(found, key=lambda each: (_RANK[each.state], each.due or never, each.device, each.service))

    def _stands(self, device: str, job: _Job, now: int) -> ServiceDue:
        hours = self._hours(device)
        left = job.left(hours)
        pace = None if hours is None else self._marks[device].pace(now, hours)
        due = job.due(now, left, pace)
        return ServiceDue(
            device=device,
            service=job.plan.id,
            name=job.plan.name,
            state=job.state(now, due),
            due=due,
            hours_left=left,
            last=job.last if job.was_done else None,
        )

    # What comes in ------------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Once a minute, tell of what has come near."""
        if 0 <= now - self._looked < _MINUTE:
            return
        self._looked = now
        for device in self._jobs:
            self.look(device, now)

    def look(self, device: str, now: int) -> None:
        """Tell of what has come near for one device."""
        hours = self._hours(device)
        if hours is not None and self._marks[device].note(now, hours):
            self._changed.add(device)
        for job in self._jobs[device].values():
            self._begin(device, job, now, hours)
            found = self._stands(device, job, now)
            if found.state == "fine" or job.told in {found.state, "due"}:
                continue
            job.told = found.state
            self._changed.add(device)
            if found.state == "due":
                job.came_due = found.due
            self._news.append(self._event(found, now))

    def _event(self, found: ServiceDue, now: int) -> Event:
        attributes: dict[str, Value] = {"service": found.service, "name": found.name}
        if found.due is not None:
            attributes["due"] = local_day(found.due, self._zone).isoformat()
        if found.hours_left is not None:
            attributes["hours_left"] = round(found.hours_left, 1)
        return event(found.device, f"service_{found.state}", now, attributes, also=found.service)

    def _begin(self, device: str, job: _Job, now: int, hours: float | None) -> None:
        """Heed what the site file says of when it was done, and begin to count where nobody has said it."""
        said = job.plan.last
        if said is not None and (job.last is None or (said > job.last and said <= now)):
            job.done(said, None if hours is None else self._marks[device].at(said, now, hours))
            self._changed.add(device)
        if job.last is None:
            job.last = now
            self._changed.add(device)
        if hours is None:
            return
        if job.base is None or hours < job.base:
            job.base = hours
            self._changed.add(device)

    def done(self, command: Command, now: int) -> None:
        """Take a person's word that work was done; KeyError or ValueError where there is no such work."""
        said = done(command)
        job = self._jobs[said.device][said.service]
        hours, counted = said.hours, self._hours(said.device)
        if hours is None and counted is not None:
            hours = round(self._marks[said.device].at(said.time, now, counted), 3)
            said = replace(said, hours=hours)
        if job.last is None or said.time >= job.last or not job.was_done:
            # What a person reads off a panel is another count than ours: from here on ours counts.
            base = hours if counted is None else self._marks[said.device].at(said.time, now, counted)
            job.done(said.time, base)
        self._changed.add(said.device)
        self._rows.append((command.id, said))
        attributes: dict[str, Value] = {
            "service": said.service,
            "name": job.plan.name,
            "by": said.by,
            "at": said.time,
        }
        self._news.append(event(said.device, "serviced", command.time, attributes, also=said.service))
        self.look(said.device, now)

    # Telling and keeping ------------------------------------------------------------------------------

    def news(self) -> list[Event]:
        """What there is to tell; it is not told again."""
        told, self._news = self._news, []
        return told

    def rows(self) -> list[tuple[str, ServiceDone]]:
        """Work that was done, by the id of the command; it is not told again."""
        rows, self._rows = self._rows, []
        return rows

    def dump_changed(self) -> dict[str, Any]:
        """What has to be remembered and has changed, by device, JSON-ready."""
        changed, self._changed = self._changed, set()
        return {
            device: {
                "marks": self._marks[device].kept,
                "jobs": {ident: job.dump() for ident, job in self._jobs[device].items()},
            }
            for device in changed
        }

    def load(self, items: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Take back what `dump_changed` gave."""
        for device, kept in items:
            if device in self._jobs:
                self._marks[device].kept = [(time, hours) for time, hours in kept["marks"]]
                for ident, body in kept["jobs"].items():
                    if ident in self._jobs[device]:
                        self._jobs[device][ident].load(body)
