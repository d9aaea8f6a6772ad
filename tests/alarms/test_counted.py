"""What is counted of alarms is the same wherever it is told."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from monitor.cli.report import summary
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import LEDGER, State
from monitor.model import Command, Reading
from monitor.web.desk import AlarmDesk
from monitor.web.metrics import exposition
from tests.alarms.household import House, site
from tests.rules.build import START, reading
from tests.web.serving import make_parts, serving

HOUR = 3_600_000
FAULT = {"id": "leak", "kind": "state", "point": "alarm", "is": True, "severity": "high", "ack": "not_required"}


def _alarm(at: int, *, value: bool) -> Reading:
    return reading(at, value=value, point="alarm", id="sensor")


def _ask(at: int, kind: str, **arguments: float) -> Command:
    target = "leak/sensor/alarm"
    return Command(
        id=kind, time=START + at, by="ben", kind=kind, target=target, arguments=arguments, reason="work"
    )


async def test_standing_is_the_same_in_status_and_metrics_whoever_is_told(
    house: House, journal: SqliteJournal, tmp_path: Path
) -> None:
    later = START + 25 * HOUR
    async with house.running(site(FAULT)):
        await house.say(_ask(0, "out_of_service", review_at=START + 48.0 * HOUR), at=0)
        await house.say(_alarm(1000, value=True), at=1000)
    desk = AlarmDesk(house.state, cast("Any", None), lambda: later, cast("Any", SimpleNamespace(raised={})))
    parts = replace(make_parts(journal, house.clock), alarms=desk, now=lambda: later)

    metrics = (await exposition(parts)).decode()
    async with serving(parts, tmp_path / "api.sock") as client:
        told = (await client.get("/status")).json()["alarms"]

    assert (told["active"], told["out_of_service"], told["standing"]) == (1, 1, 1)
    assert "\nfacility_monitor_alarms_standing 1.0\n" in metrics


async def test_a_shelf_on_a_clear_alarm_is_none_of_the_alarms_of_a_demo(house: House, tmp_path: Path) -> None:
    async with house.running(site(FAULT)):
        await house.say(_ask(0, "shelve", for_s=60.0), at=0)
        await house.pass_time(70_000)
        await house.say(_alarm(80_000, value=True), at=80_000)
        await house.applied()

    ledger = State.open(tmp_path / "ledger.db", LEDGER)
    told = await summary(tmp_path, site(FAULT), {})
    await ledger.close()

    assert [(one["state"], one["raised_at"] - START) for one in told["alarms"]] == [("active", 80_000)]
