"""The monitor is off for a while: it knows from when to when, and why."""

import time
from pathlib import Path
from typing import Any

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.faults.clocks import WallClock

SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
devices:
  - {{id: meter, connection: plant-room, unit: 1, every: 100 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
"""
HOUR = 3600
KILL = "killed, failed or without power"


def _starts(daemon: Daemon) -> list[dict[str, Any]]:
    return [event for event in daemon.entries(2) if event["kind"] == "monitor_started"]


def _run(daemon: Daemon, starts: int) -> dict[str, Any]:
    """Start it, and answer what it says of the time before."""
    readings = len(daemon.readings("meter")) if starts > 1 else 0
    daemon.start()
    daemon.until(lambda: len(_starts(daemon)) == starts, "the start is in the journal")
    daemon.until(lambda: len(daemon.readings("meter")) > readings + 5, "the meter is polled")
    return dict(daemon.get("status")["downtime"])


@pytest.mark.fault(
    "monitor off",
    part="whole monitor",
    outcome="One event and `status` tell from when to when it did not run, and whether it was stopped or cut"
    " off by a kill, a failure or a power cut. A reload is no downtime.",
)
def test_the_time_without_a_monitor_is_told_once_with_its_span_and_its_reason(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    with Endpoint({1: Unit()}) as endpoint:
        (tmp_path / "site.yaml").write_text(SITE.format(modbus=endpoint.port))
        with Daemon(tmp_path / "site.yaml", tmp_path / "state", clock.environ) as daemon:
            never = _run(daemon, 1)
            last = daemon.readings("meter")[-1][0]
            daemon.kill()
            killed_at = clock.now() * 1000
            time.sleep(2)
            started_at = clock.now() * 1000
            killed = _run(daemon, 2)
            said = daemon.command("status").stdout
            daemon.hang_up()
            daemon.until(lambda: "reloaded" in daemon.tail(20_000), "the site file is taken again")
            reloaded = daemon.until(lambda: daemon.get("status"), "the daemon answers again")["downtime"]
            assert daemon.stop() == 0
            stopped_at = clock.now() * 1000
            stopped = _run(daemon, 3)
            daemon.kill()
            clock.step(-HOUR)
            set_back = _run(daemon, 4)
            said_then = daemon.command("status").stdout
            starts = _starts(daemon)

    assert never == {}
    assert last <= killed["since"] <= killed_at + 1
    assert started_at - 1 <= killed["until"]
    assert killed["seconds"] == (killed["until"] - killed["since"]) / 1000 >= 2
    assert killed["after"] == "cut_off"
    assert f"; {KILL}" in said
    assert reloaded == killed
    assert stopped["after"] == "stopped"
    assert killed["until"] < stopped["since"] <= stopped_at + 1 < stopped["until"]
    assert (set_back["seconds"], set_back["after"]) == (None, "cut_off")
    assert f"the clock was set back meanwhile; {KILL}" in said_then
    for told, event in zip((never, killed, stopped, set_back), starts, strict=True):
        facts = event["attributes"]
        assert facts.get("off_since") == told.get("since")
        assert facts.get("off_until") == told.get("until")
        assert facts.get("off_s") == told.get("seconds")
        assert facts.get("off_after") == told.get("after")
    assert [event["time"] for event in starts[1:]] == [each["until"] for each in (killed, stopped, set_back)]
