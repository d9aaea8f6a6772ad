"""One simulated day: load all the time, faults by a schedule (each twice), and what was measured and counted."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Self

from tests.end_to_end.daemon import until
from tests.faults.checks import wrong_with_files, wrong_with_sent
from tests.soak.site import DATABASE, JOURNAL_BYTES, Life, Site, site

__all__ = ["NUMBERS", "Day", "Sample", "grown", "live"]

NUMBERS = 10_000_000
"""More than a day has messages: each day begins its numbers at a multiple of it."""
_HOUR = 3600
_MEASURED_EVERY = 2.0
_WORTH_JUDGING = 300
_MAY_GROW = 1.05
_MAY_EXCEED = 1.3
"""The file may be larger than its entries: those that come in the minute after a start, before the first look at
the size, are worth an hour and a half here. What was needed once is used again, and never given back.
"""
_SETTLES_IN = 240
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")

_SCHEDULE: Sequence[tuple[float, str, Callable[[Site], object]]] = (
    (0.05, "SIGKILL, and started again", lambda at: (at.daemon.kill(), at.daemon.start())),
    (0.10, "reload", lambda at: at.daemon.hang_up()),
    (0.15, "InfluxDB away", lambda at: at.influx.stop()),
    (0.20, "InfluxDB back", lambda at: at.influx.start()),
    (0.25, "broker restarted", lambda at: at.restart_broker()),
    (0.30, "Modbus converter away", lambda at: at.endpoint.stop()),
    (0.35, "Modbus converter back", lambda at: at.endpoint.start()),
    (0.38, "hostile MQTT messages", lambda at: at.say_nonsense()),
    (0.40, "a meter dead", lambda at: at.endpoint.silence(5, silent=True)),
    (0.44, "the meter back", lambda at: at.endpoint.silence(5, silent=False)),
    (0.45, "mail server refuses", lambda at: setattr(at.mail, "otherwise", "451 later")),
    (0.50, "mail server takes again", lambda at: setattr(at.mail, "otherwise", None)),
    (0.54, "clock set forward an hour", lambda at: at.clock.step(_HOUR)),
    (0.58, "InfluxDB away", lambda at: at.influx.stop(kill=True)),
    (0.63, "InfluxDB back", lambda at: at.influx.start()),
    (0.66, "clock set back an hour", lambda at: at.clock.step(-_HOUR)),
    (0.70, "broker restarted", lambda at: at.restart_broker()),
    (0.74, "Modbus converter away", lambda at: at.endpoint.stop()),
    (0.79, "Modbus converter back", lambda at: at.endpoint.start()),
    (0.82, "hostile MQTT messages", lambda at: at.say_nonsense()),
    (0.83, "a meter dead", lambda at: at.endpoint.silence(5, silent=True)),
    (0.87, "the meter back", lambda at: at.endpoint.silence(5, silent=False)),
    (0.88, "mail server refuses", lambda at: setattr(at.mail, "otherwise", "451 later")),
    (0.92, "mail server takes again", lambda at: setattr(at.mail, "otherwise", None)),
)
_EARLY, _LATE = (0.50, 0.54), (0.94, 1.0)
"""The two calm stretches that are compared, each after the same faults; from and to, in days."""


@dataclass(frozen=True)
class Sample:
    """The daemon's process and files at a moment. `at`: the part of the day that has passed; sizes in bytes."""

    at: float
    rss: int
    threads: int
    descriptors: int
    journal: int
    wal: int
    state: int
    cpu: float


@dataclass
class Day:
    """What a day was like. `wrong` is empty when nothing was lost, doubled or left hanging."""

    number: int
    seconds: float
    faults: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    early: dict[str, float] = field(default_factory=dict)
    """Medians of what was measured in the first calm stretch; `late` in the last one, `most` the maxima."""
    late: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    cpu: float = 0.0
    """The share of one core that the daemon took."""
    wrong: list[str] = field(default_factory=list)


def live(
    folder: Path, number: int, seconds: float, *, attempt: int = 0, say: Callable[[str], None] = lambda _: None
) -> Day:
    """Live through a day of so many seconds, on what earlier days have left in the folder.

    `attempt` counts how often days were begun there: messages of a day that was broken off are nobody's.
    """
    day = Day(number, seconds)
    first = 1 + (attempt or number) * NUMBERS
    with site(folder, first) as here:
        before = _marks(here)
        here.begin()
        with _Scales(here, seconds) as scales, Life(here):
            _pass_the_day(here, scales, day, seconds, say)
        try:
            _settle(here, first)
        except AssertionError as error:
            day.wrong.append(str(error))
        status = here.daemon.get("status") or {}
        day.wrong += _wrong(here, before, first, status)
        day.counts = _count(here, before, status)
        if here.daemon.stop() != 0:
            day.wrong.append(f"it did not end in order:\n{here.daemon.tail()}")
    _weigh(day, scales.samples)
    return day


def _pass_the_day(here: Site, scales: "_Scales", day: Day, seconds: float, say: Callable[[str], None]) -> None:
    for at, what, do in (*_SCHEDULE, (1.0, "evening", lambda _: None)):
        time.sleep(max(0.0, scales.began + at * seconds - time.monotonic()))
        say(f"{at:5.0%}  {what}")
        do(here)
        day.faults[what] = day.faults.get(what, 0) + 1
        here.daemon.until(lambda: here.daemon.get("status"), f"it answers after: {what}", 120)


class _Scales:
    """Measures the daemon every few seconds, in a thread."""

    def __init__(self, here: Site, day: float) -> None:
        self.samples: list[Sample] = []
        self.began = time.monotonic()
        self._day = day
        self._here = here
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)

    def _measure(self) -> None:
        while not self._ended.wait(min(_MEASURED_EVERY, self._day / 100)):
            try:
                self.samples.append(self._sample())
            except (OSError, IndexError):  # between two lives
                continue

    def _sample(self) -> Sample:
        process = Path("/proc") / str(self._here.daemon.pid)
        after_name = (process / "stat").read_text().rpartition(")")[2].split()
        state = self._here.daemon.state
        return Sample(
            at=(time.monotonic() - self.began) / self._day,
            rss=int(after_name[21]) * _PAGE,
            threads=int(after_name[17]),
            descriptors=len(list((process / "fd").iterdir())),
            journal=(state / "journal.db").stat().st_size,
            wal=sum(each.stat().st_size for each in state.glob("*.db-wal")),
            state=(state / "state.db").stat().st_size,
            cpu=(int(after_name[11]) + int(after_name[12])) / _TICKS,
        )


def _settle(here: Site, first: int) -> None:
    """End the load, let every alarm clear, wait until nothing is owed to anybody."""
    here.publisher.end()
    here.all_fail(fail=False)
    daemon, publisher = here.daemon, here.publisher
    until(lambda: not publisher.waits, "the broker has acknowledged every message", _SETTLES_IN)
    query = f"SELECT count(volume_m3) AS n FROM water WHERE volume_m3 >= {first}"
    arrived = lambda: sum(row["n"] for row in here.influx.query(query, DATABASE)) >= publisher.published  # noqa: E731
    daemon.until(arrived, "every message is in InfluxDB", _SETTLES_IN)
    ongoing = "SELECT 1 FROM alarm WHERE state <> 'clear' AND rule NOT LIKE 'monitor-%'"
    for number in range(4):
        publisher.say(f"meters/counter-{number}", 0)
    daemon.until(lambda: not daemon.memory(ongoing), "every alarm has cleared", _SETTLES_IN)
    owed = "SELECT 1 FROM outbox WHERE state IN ('queued', 'sending', 'failed') UNION SELECT 1 FROM produced"
    daemon.until(lambda: not daemon.memory(owed), "every notification is sent", _SETTLES_IN)
    end = daemon.journal("SELECT max(position) AS position FROM entries")[0]["position"]
    sink = "SELECT position FROM positions WHERE consumer = 'influxdb'"
    daemon.until(lambda: daemon.memory(sink)[0]["position"] >= end, "InfluxDB has everything", _SETTLES_IN)
    same = lambda: not sum(map(Counter.total, _unlike(here)))  # noqa: E731 - whoever fell silent since has an alarm
    daemon.until(same, "InfluxDB has every step of an alarm once", _SETTLES_IN)


def _unlike(here: Site) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """Steps of alarms that InfluxDB lacks, and those that it has too often."""
    steps = Counter((row["occurrence"], row["cause"]) for row in here.daemon.memory("SELECT * FROM alarm_event"))
    there = here.influx.query("SELECT occurrence, cause FROM alarms", DATABASE)
    told = Counter((row["occurrence"], row["cause"]) for row in there)
    return steps - told, told - steps


def _marks(here: Site) -> dict[str, int]:
    """Where the tables of the state stood at the start of the day."""
    if not (here.daemon.state / "state.db").exists():
        return {"sent": 0, "maybe": 0, "dead": 0, "alarm": 0, "entries": 0}
    return {
        **_outbox(here),
        "alarm": here.daemon.memory("SELECT count(*) AS n FROM alarm")[0]["n"],
        "entries": here.daemon.journal("SELECT max(position) AS n FROM entries")[0]["n"],
    }


def _outbox(here: Site) -> dict[str, int]:
    """How many notifications have been sent, were perhaps sent twice, and are dead, since the first day."""
    query = (
        "SELECT count(*) FILTER (WHERE state = 'sent') AS sent, coalesce(sum(maybe_delivered), 0) AS maybe,"
        " count(*) FILTER (WHERE state = 'dead') AS dead FROM outbox"
    )
    (row,) = here.daemon.memory(query)
    return dict(row)


def _wrong(here: Site, before: dict[str, int], first: int, status: dict[str, dict[str, int]]) -> Iterator[str]:
    daemon = here.daemon
    yield from wrong_with_files(daemon.state)
    numbers = Counter(_numbers(here, first))
    published = set(here.publisher.acknowledged)
    yield from _some("message is not in InfluxDB", published - numbers.keys())
    yield from _some("message is in InfluxDB more than once", (each for each, n in numbers.items() if n > 1))
    yield from wrong_with_sent(daemon.state, here.influx, 0)
    for row in daemon.memory("SELECT reason, count(*) AS n FROM dead_letters GROUP BY reason"):
        yield f"{row['n']} x refused by InfluxDB: {row['reason']}"
    lacking, doubled = _unlike(here)
    yield from _some("step of an alarm is not in InfluxDB", lacking)
    yield from _some("step of an alarm is too often in InfluxDB", doubled)
    now = _outbox(here)
    sent, maybe, dead = (now[name] - before[name] for name in ("sent", "maybe", "dead"))
    if not sent <= len(here.mail.messages) <= sent + maybe:
        yield f"{sent} notifications were sent, {maybe} perhaps twice, and {len(here.mail.messages)} arrived"
    if dead:
        yield f"{dead} x notification is dead"
    if status["journal"]["lost"]:
        yield f"{status['journal']['lost']} entries were trimmed before InfluxDB had them"


def _count(here: Site, before: dict[str, int], status: dict[str, dict[str, int]]) -> dict[str, int]:
    daemon = here.daemon
    return {
        "messages": len(here.publisher.acknowledged),
        "entries": status["journal"]["position"] - before["entries"],
        "alarms": daemon.memory("SELECT count(*) AS n FROM alarm")[0]["n"] - before["alarm"],
        "mails": len(here.mail.messages),
    }


def _numbers(here: Site, first: int) -> list[int]:
    query = f"SELECT volume_m3 FROM water WHERE volume_m3 >= {first} AND volume_m3 < {first + NUMBERS}"
    return [int(row["volume_m3"]) for row in here.influx.query(query, DATABASE)]


def _weigh(day: Day, samples: Sequence[Sample]) -> None:
    """Take the medians of the two calm stretches, and the maxima."""
    if not samples:
        return
    names = [name for name in asdict(samples[0]) if name not in {"at", "cpu"}]
    day.most = {name: max(getattr(each, name) for each in samples) for name in names}
    early, late = ([each for each in samples if low <= each.at < high] for low, high in (_EARLY, _LATE))
    if not early or not late:
        return
    day.early = {name: median(getattr(each, name) for each in early) for name in names}
    day.late = {name: median(getattr(each, name) for each in late) for name in names}
    day.cpu = (late[-1].cpu - early[0].cpu) / ((late[-1].at - early[0].at) * day.seconds)


def grown(day: Day) -> Iterator[str]:
    """What is bigger in the later calm stretch of a day by more than a twentieth, or beyond its bound."""
    if day.seconds < _WORTH_JUDGING or not day.late:
        return
    if day.most["journal"] > JOURNAL_BYTES * _MAY_EXCEED:
        yield f"the journal grew to {day.most['journal']:,.0f} bytes, beyond its bound"
    for name in ("rss", "threads", "descriptors"):
        if day.late[name] > day.early[name] * _MAY_GROW:
            yield f"{name} grew within the day from {day.early[name]:,.0f} to {day.late[name]:,.0f}"


def _some(what: str, found: object) -> Iterator[str]:
    them = sorted(found)  # type: ignore[call-overload]
    if them:
        yield f"{len(them)} x {what}: {', '.join(map(str, them[:5]))}{' …' if len(them) > 5 else ''}"
