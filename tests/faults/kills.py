"""A site under load whose daemon dies, again and again, at random instants; then everything is counted.

Two ways to die: SIGKILL, which leaves the files as they were written, and a power cut, which leaves them as they
were synced (`power.py`). The same seed draws the same instants; what the daemon is doing then is never the same.
"""

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.daemon import rows
from tests.faults.checks import (
    numbers_kept,
    told_often,
    wrong_with_acknowledgements,
    wrong_with_alarms,
    wrong_with_files,
    wrong_with_mails,
    wrong_with_numbers,
    wrong_with_positions,
    wrong_with_readings,
    wrong_with_sent,
    wrong_with_told,
)
from tests.faults.power import HOW, Disk, compile_library
from tests.faults.world import World, world

__all__ = ["Course", "die_often"]

_ALARMS = "SELECT count(*) AS n FROM rule_memory WHERE area = 'alarm'"
_COME_UPON = {
    "alarms pending": f"{_ALARMS} AND body ->> 'condition' = 'pending'",
    "alarms active": f"{_ALARMS} AND body ->> 'condition' IN ('active', 'recovering')",
    "alarms acknowledged": f"{_ALARMS} AND body ->> 'response' = 'acked'",
    "notifications queued": "SELECT count(*) AS n FROM outbox WHERE state IN ('queued', 'failed')",
    "notifications in flight": "SELECT count(*) AS n FROM outbox WHERE state = 'sending'",
    "steps of alarms on their way to the journal": "SELECT count(*) AS n FROM produced",
}
_AT_START = 0.35
_LONGEST = 3.0


@dataclass
class Course:
    """What was done and what came of it. `wrong` is empty when nothing was lost and nothing doubled."""

    deaths: Counter[str] = field(default_factory=Counter)
    """How often the daemon died in which way, and when."""
    wrong: list[str] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    """What the deaths came upon: how many of a kind there were in the files of the dead, all deaths together."""
    counts: dict[str, int] = field(default_factory=dict)


def die_often(
    folder: Path, seed: int, *, kills: int = 0, cuts: int = 0, say: Callable[[str], None] = lambda _: None
) -> Course:
    """Run a site in an empty folder whose daemon is killed so many times, and whose power goes so many times.

    `say` is told of each death.
    """
    dice = random.Random(seed)
    course = Course()
    ways = ["kill"] * kills + ["cut"] * cuts
    dice.shuffle(ways)
    with _site(folder, dice, cut=cuts > 0) as (site, disk):
        deaths = _Deaths(site, disk, folder / "look", dice, course)
        try:
            _live_and_die(site, deaths, ways, dice, say)
        except AssertionError as error:
            course.wrong.append(str(error))
        course.wrong += _wrong_at_the_end(site)
        course.counts = _count(site)
    return course


def _live_and_die(
    site: World, deaths: "_Deaths", ways: Sequence[str], dice: random.Random, say: Callable[[str], None]
) -> None:
    """Every death, and a last life that ends in order. Raises AssertionError when one waits in vain."""
    began = time.monotonic()
    site.begin()
    longest_start = time.monotonic() - began
    for number, way in enumerate(ways, 1):
        if number == 1:
            deaths.under_way(way)
        elif dice.random() < _AT_START:
            deaths.at_start(way, dice.uniform(0, longest_start))
        else:
            site.daemon.start()
            deaths.under_way(way)
        say(f"{way} {number} of {len(ways)}; wrong so far: {len(deaths.course.wrong) or 'nothing'}")
    site.daemon.start()
    site.settle()
    assert site.daemon.stop() == 0, "the daemon did not end in order"


class _Deaths:
    """Lets the daemon die, and looks at its files before it lives again."""

    def __init__(self, site: World, disk: Disk | None, look: Path, dice: random.Random, course: Course) -> None:
        self._site = site
        self._disk = disk
        self._look = look
        self._dice = dice
        self.course = course
        self._seen = 0

    def at_start(self, way: str, after: float) -> None:
        """So many seconds after the process was started."""
        self._site.daemon.start(ready=False)
        time.sleep(after)
        self._die(way)
        self.course.deaths[f"{way} while it started"] += 1

    def under_way(self, way: str) -> None:
        """Some time after it has answered."""
        time.sleep(self._dice.uniform(0, _LONGEST))
        self._die(way)
        self.course.deaths[f"{way} under way"] += 1

    def _die(self, way: str) -> None:
        self._site.daemon.kill()
        if self._disk is not None:
            if way == "cut":
                self._disk.cut(self._dice.choice(HOW), self._dice)
            else:
                self._disk.keep()
        self.course.wrong += self._wrong(self._site.daemon.state)

    def _wrong(self, folder: Path) -> Iterator[str]:
        """Look at a copy: SQLite mends a file when it opens it, and that is for the daemon to do."""
        shutil.rmtree(self._look, ignore_errors=True)
        shutil.copytree(folder, self._look, ignore=shutil.ignore_patterns("*.sock", ".api-*"))
        told = self._site.life.told
        yield from wrong_with_files(self._look)
        yield from wrong_with_told(
            self._look, commands=list(told.commands), sent=set(told.sent), position=told.position
        )
        yield from wrong_with_sent(self._look, self._site.influx, self._seen)
        for what, query in _COME_UPON.items():
            self.course.found[what] += rows(self._look / "state.db", query)[0]["n"]
        sink = rows(self._look / "state.db", "SELECT position FROM positions WHERE consumer = 'influxdb'")
        self._seen = max([self._seen, *(row["position"] for row in sink)])


@contextmanager
def _site(folder: Path, dice: random.Random, *, cut: bool) -> Iterator[tuple[World, Disk | None]]:
    folder = folder.resolve()
    folder.mkdir(exist_ok=True)
    disk = Disk(folder / "state", folder / "power.log", compile_library(folder)) if cut else None
    with world(folder, dice, disk.environ if disk else None) as site:
        yield site, disk


def _wrong_at_the_end(site: World) -> Iterator[str]:
    daemon, influx = site.daemon, site.influx
    yield from wrong_with_files(daemon.state)
    yield from wrong_with_positions(daemon)
    yield from wrong_with_numbers(daemon, influx, site.publisher.acknowledged)
    yield from wrong_with_readings(daemon, influx)
    yield from wrong_with_readings(daemon, influx, "equipment", "fault")
    yield from wrong_with_alarms(daemon, influx)
    yield from wrong_with_acknowledgements(daemon, site.life.told.commands)
    yield from wrong_with_mails(daemon, site.mail.messages)
    letters = daemon.memory("SELECT reason FROM dead_letters")
    if letters:
        yield f"{len(letters)} x refused by InfluxDB: {letters[0]['reason']}"


def _count(site: World) -> dict[str, int]:
    """What was at stake, in numbers."""
    daemon = site.daemon
    steps = daemon.entries(4)
    often = [n for row, n in told_often(daemon, site.mail.messages) if row["state"] == "sent"]
    readings = "SELECT count(*) AS n FROM entries WHERE kind = 1 AND device NOT LIKE 'counter-%'"
    return {
        "MQTT messages that the broker took": len(site.publisher.acknowledged),
        "MQTT messages in the journal": len(numbers_kept(daemon)),
        "readings and failed polls of Modbus meters and pumps": daemon.journal(readings)[0]["n"],
        "alarms raised": sum(step["cause"] == "raised" for step in steps),
        "alarms cleared": sum(step["cause"] == "cleared" for step in steps),
        "acknowledgements accepted": len(site.life.told.commands),
        "notifications sent": len(often),
        "of these marked as possibly sent twice": len(
            daemon.memory("SELECT 1 FROM outbox WHERE state = 'sent' AND maybe_delivered")
        ),
        "of these arrived twice or more": sum(n > 1 for n in often),
    }
