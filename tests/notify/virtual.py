"""The outbox in virtual time: alarms come and go, people acknowledge, channels answer as they are told to.

Everything but the alarms' engine and the channels is real: routing, the table, decisions, holding and marking.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from zoneinfo import ZoneInfo

import orjson

from monitor.calendars import Hours, Schedule
from monitor.duty import Override, Roster
from monitor.journal.state import STATE, _Connection, _prepare
from monitor.model import SEVERITY_RANK, Transition
from monitor.notices import Notice, NoticeKind
from monitor.notify import store
from monitor.notify.attempt import Attempt, Lane
from monitor.notify.readdress import Readdress
from monitor.notify.routing import make_router
from monitor.notify.standins import StandIns
from monitor.notify.store import Outcome
from monitor.site import Device, Rule, Site, Source
from monitor.staff import Budget, Grouping, Notify, Person, Quiet, Route, Step, Team
from tests.notify.house import MINUTE, NOW, Params

HOUR = 60 * MINUTE
ZONE = ZoneInfo("Europe/Berlin")
NIGHT = Schedule(hours=(Hours(spans=((22 * 60, 31 * 60),)),))
ANA = Person(id="ana", name="Ana", language="en", channels={"mail": "json://a"})
BEN = Person(id="ben", name="Ben", language="en", channels={"mail": "json://b"})
NOON = NOW - 9 * HOUR - 15 * MINUTE - 23_000
"""2026-11-22 12:00 in Berlin."""


def quiet(person: Person, below: str = "high") -> Person:
    return changed(person, quiet=Quiet(hours=NIGHT, below=below))


def budgeted(person: Person, day: int | None = None, night: int | None = None) -> Person:
    return changed(person, budget=Budget(day=day, night=night))


def house(
    *people: Person,
    escalation: Sequence[tuple[float, Sequence[str]]] = (),
    devices: int = 6,
    **notify: object,
) -> Site:
    """A site of meters `d0`, `d1` …, of which each two hang at one gateway."""
    steps = tuple(Step(after=after, notify=tuple(names)) for after, names in escalation)
    everybody = tuple(one.id for one in people)
    meters = {
        f"d{number}": Device(
            id=f"d{number}", name=f"D{number}", connection=f"g{number // 2}", device_class="water", building="A"
        )
        for number in range(devices)
    }
    team = Team(id="house", members=everybody, escalation=steps or (Step(after=0, notify=everybody),))
    said = {"grouping": Grouping(), "reminders": {}} | notify
    return Site(
        id="court",
        name="Court",
        timezone=ZONE,
        devices=meters,
        notify=Notify(
            people={one.id: one for one in people},
            teams={"house": team},
            routes=(Route(team="house"),),
            **said,  # type: ignore[arg-type]
        ),
    )


@dataclass
class Alarm:
    """One occurrence, as the engine has it."""

    name: str
    device: str
    severity: str
    raised_at: int
    kind: str = "threshold"
    number: int = 1
    acknowledged: bool = False
    cleared: bool = False
    held: bool = False


@dataclass(frozen=True)
class Told:
    """What arrived: when by a clock that nobody sets, and by the wall; what it said of which alarm."""

    steady: int
    wall: int
    attempt: Attempt
    said: Sequence[tuple[str, str]]
    certain: bool


def on_duty(made: Site, *overrides: Override, escalation: Sequence[tuple[float, str]] = ((0, "duty"),)) -> Site:
    """The same site with a roster of those who stand in."""
    steps = tuple(Step(after=after, notify=(name,)) for after, name in escalation)
    team = changed(made.notify.teams["house"], escalation=steps)
    rosters = {"duty": Roster(id="duty", overrides=overrides)}
    return changed(made, notify=changed(made.notify, rosters=rosters, teams={"house": team}))


Answer = Callable[[Attempt], str]
"""What a channel does with a message: sent, failed, dead, kill, lost (no answer, not arrived), kept (arrived)."""


def takes(_attempt: Attempt) -> str:
    return "sent"


@dataclass
class Virtual:
    """A house in virtual time."""

    site: Site
    now: int = NOON
    answer: Answer = takes
    alarms: dict[str, Alarm] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    tries: list[tuple[int, int, str]] = field(default_factory=list)
    """When (steady), which row, and how it ended."""
    stepped: list[int] = field(default_factory=list)
    set_by: int = 0

    def __post_init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None, factory=_Connection)
        _prepare(self.db, "state.db", STATE)

    @property
    def steady(self) -> int:
        return self.now - self.set_by

    # What happens --------------------------------------------------------------------------------------

    def rises(
        self, device: str, severity: str, *, kind: str = "threshold", gather: str = "", wait: int = 0
    ) -> str:
        name = f"o{len(self.alarms)}"
        self.alarms[name] = Alarm(name, device, severity, self.now, kind=kind, cleared=kind == "event")
        self._tell(name, NoticeKind.RAISE, "raised", gather=gather, wait=wait)
        return name

    def clears(self, name: str) -> None:
        alarm = self.alarms[name]
        if not alarm.cleared:
            alarm.cleared = True
            self._tell(name, NoticeKind.CLEAR, "cleared")

    def is_acknowledged(self, name: str, by: str = "cy") -> None:
        alarm = self.alarms[name]
        if not alarm.acknowledged:
            alarm.acknowledged = True
            self._tell(name, NoticeKind.ACKNOWLEDGED, "acknowledged", by=by)

    def is_shelved(self, name: str) -> None:
        self.alarms[name].held = not self.alarms[name].cleared

    def comes_off_its_shelf(self, name: str) -> None:
        alarm = self.alarms[name]
        if alarm.held:
            alarm.held = False
            if not alarm.cleared and not alarm.acknowledged:
                self._tell(name, NoticeKind.RAISE, "unshelved")

    def gets_worse(self, name: str) -> None:
        alarm = self.alarms[name]
        worse = {"low": "medium", "medium": "high", "high": "critical"}.get(alarm.severity)
        if worse is not None and not alarm.cleared and not alarm.held:
            alarm.severity, alarm.acknowledged = worse, False
            self._tell(name, NoticeKind.SEVERITY, "severity")

    def clock_is_set(self, by: int) -> None:
        was = self.now
        self.now += by
        self.set_by += by
        self.stepped.append(self.steady)
        store.follow_clock(self.db, store.ClockStep(by=by, was=was), self.now)

    def _tell(
        self, name: str, kind: NoticeKind, cause: str, *, by: str = "", gather: str = "", wait: int = 0
    ) -> None:
        alarm = self.alarms[name]
        alarm.number += 1
        told = self.db.execute(
            "SELECT DISTINCT person, channel FROM outbox WHERE occurrence = ? AND kind IN ('raise', 'severity')",
            (name,),
        )
        step = Transition(
            occurrence=name,
            number=alarm.number,
            rule="leak",
            device=alarm.device,
            source_key=alarm.device,
            cause=cause,
            condition="clear" if alarm.cleared else "active",
            response="acked" if alarm.acknowledged else "unacked",
            severity=alarm.severity,
            time=self.now,
            by=by,
        )
        rule = Rule(
            id="leak",
            name="Leak",
            kind=alarm.kind,
            params=Params(severity=alarm.severity),
            sources=(),
            version="1",
        )
        notice = Notice(
            kind=kind,
            transition=step,
            rule=rule,
            raised_at=min(alarm.raised_at, self.now),
            source=Source(device=alarm.device),
            told=frozenset((row["person"], row["channel"]) for row in told),
            gather=gather,
            wait=wait,
        )
        for row in make_router(self.site)(notice):
            self.db.execute(
                "INSERT INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,"
                " not_before, expires, next_at, held, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(row.notification_id, row.occurrence, row.kind, row.person, row.channel, row.step),
                    *(row.severity, self.now, row.not_before, row.expires, row.not_before),
                    *(gather.partition(":")[0], orjson.dumps(row.body).decode()),
                ),
            )

    # The notifier --------------------------------------------------------------------------------------

    def passes(self, ms: int) -> None:
        """Let time pass, with a look at the outbox at each moment at which something is due."""
        end = self.now + ms
        while True:
            self.look()
            due = self.db.execute(
                "SELECT min(at) FROM (SELECT min(next_at) AS at FROM outbox"
                " WHERE state IN ('queued', 'failed') AND next_at > ?"
                " UNION ALL SELECT min(due) FROM unanswered WHERE said_at IS NULL AND due > ?)",
                (self.now, self.now),
            ).fetchone()[0]
            if due is None or due > end:
                break
            self.now = max(self.now, due)
        self.now = end
        self.look()

    def look(self) -> None:
        """Send what is due, as the notifier does."""
        for _ in range(200):
            taken = self.take()
            if not taken:
                return
            for attempt in taken:
                self._send(attempt)
        raise AssertionError("the notifier does not come to rest")

    def take(self) -> Sequence[Attempt]:
        """What goes out now."""
        return store.take(self.db, now=self.now, busy=(), most=16, standing=self.standing, site=self.site)

    def standing(self, _db: sqlite3.Connection, occurrence: str) -> tuple[bool, bool, bool]:
        alarm = self.alarms[occurrence]
        return alarm.acknowledged, alarm.cleared, alarm.held

    def _send(self, attempt: Attempt) -> None:
        answer = self.answer(attempt)
        rows = (attempt, *attempt.gathered)
        self.tries += [(self.steady, each.id, answer) for each in rows]
        if answer in {"sent", "kept"}:
            said = [pair for each in rows for pair in _said(each)]
            self.told.append(Told(self.steady, self.now, attempt, said, certain=answer == "sent"))
        if answer == "kill":
            store.begin_again(self.db, self.now)
            return
        urgent = SEVERITY_RANK[attempt.severity] >= SEVERITY_RANK["high"]
        again = self.now + 5000 * attempt.number
        outcome = {
            "sent": Outcome(state="sent"),
            "dead": Outcome(state="dead", error="refused"),
            "failed": Outcome(state="failed", error="no route", next_at=again),
        }.get(answer) or Outcome(
            state="failed" if urgent else "unknown",
            error="no answer",
            maybe=True,
            next_at=again if urgent else None,
        )
        store.mark(self.db, attempt, outcome, self.now, self.site)

    # What became of it ---------------------------------------------------------------------------------

    def rows(self, **wanted: str) -> list[sqlite3.Row]:
        where = " AND ".join(f"{name} = :{name}" for name in wanted) or "1"
        return self.db.execute(f"SELECT * FROM outbox WHERE {where} ORDER BY id", wanted).fetchall()

    def messages(self, person: str = "ana") -> list[str]:
        """What a person got: the time of day, and for each line `kind occurrence`."""
        return [
            f"{self._clock(one.wall)} {_words(one.attempt)}" for one in self.told if one.attempt.lane[0] == person
        ]

    @staticmethod
    def _clock(wall: int) -> str:
        from datetime import datetime

        return datetime.fromtimestamp(wall / 1000, ZONE).strftime("%H:%M:%S")


class OnCall(Virtual):
    """The same, and what is due goes to who is on call by now."""

    def take(self) -> Sequence[Attempt]:
        divert = Readdress(self.site, StandIns())
        about = {"now": self.now, "busy": (), "most": 16, "standing": self.standing, "site": self.site}
        return store.take(self.db, divert=divert, **about)  # type: ignore[arg-type]


def _words(attempt: Attempt) -> str:
    if not attempt.is_gathered:
        return f"{attempt.kind} {attempt.occurrence}" + ("" if attempt.cleared is None else " and its end")
    told = attempt.body["gathered"]
    kinds = [
        line["kind"]
        + (" and its end" if line["cleared"] is not None and line["kind"] != "clear" else "")
        + (f" by {line['by']}" if "by" in line else "")
        for line in told["alarms"]
    ]
    return f"{told['why']} of {told['count']}: {', '.join(kinds)}"


def _said(attempt: Attempt) -> list[tuple[str, str]]:
    """What a row's part of a message says: the begin, the end, or something else of an alarm."""
    begins = attempt.kind in {"raise", "severity"}
    said = [("begin" if begins else "end" if attempt.kind == "clear" else attempt.kind, attempt.occurrence)]
    return said + ([("end", attempt.occurrence)] if attempt.cleared is not None else [])


LANES: Sequence[Lane] = (("ana", "mail"), ("ben", "mail"))
