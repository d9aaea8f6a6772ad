"""The daemon watches itself: rules about it raise, metrics and pings go out, health is what `devices` says."""

import urllib.request
from pathlib import Path

import pytest
import yaml

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.servers.http import WebServer
from tests.servers.ports import free_port


@pytest.mark.fault(
    "database away",
    part="rules and alarms",
    outcome="The monitor raises an alarm about itself, with its stock rules.",
)
def test_a_daemon_that_cannot_write_out_says_so_by_its_own_rules_metrics_and_ping(tmp_path: Path) -> None:
    metrics = free_port()
    with Endpoint({1: Unit()}) as bus, WebServer() as outside:
        site = {
            "site": {"id": "house", "timezone": "Europe/Berlin"},
            "connections": [{"id": "bus", "modbus": {"transport": "tcp", "host": "127.0.0.1", "port": bus.port}}],
            "devices": [
                {"id": "meter", "connection": "bus", "unit": 1, "every": "1 s", "class": "equipment"}
                | {"points": {"starts": {"register": "input 0", "type": "uint16"}}},
            ],
            "sinks": {"influxdb": {"url": f"http://127.0.0.1:{free_port()}", "api": "v1"}},
            "rules": [
                {"stock": "monitor"},
                {"id": "monitor-sink-down", "kind": "threshold", "devices": {"id": "facility-monitor"}}
                | {"point": "sink_down_s", "above": "1 s"},
            ],
            "monitor": {
                "metrics": {"listen": f"127.0.0.1:{metrics}"},
                "deadman": {"url": f"{outside.url}/ping", "every": "10 s"},
            },
        }
        (tmp_path / "site.yaml").write_text(yaml.safe_dump(site))
        with Daemon(tmp_path / "site.yaml", tmp_path / "state") as daemon:
            daemon.start()
            daemon.until(lambda: daemon.get("devices", "meter")["state"] == "answering", "the meter answers")
            [alarm] = daemon.until(
                lambda: [one for one in daemon.get("alarms") if one["rule"] == "monitor-sink-down"],
                "the alarm about the sink",
            )
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=10) as answer:
                said = answer.read().decode()
            daemon.until(lambda: outside.taken, "the ping")
            events = daemon.entries(2)

    assert (alarm["device"], alarm["point"], alarm["unit"]) == ("facility-monitor", "sink_down_s", "s")
    assert alarm["title"] == "monitor-sink-down: Facility monitor"
    assert 'facility_monitor_devices{state="answering"} 1.0' in said
    assert [(one["device"], one["attributes"]["state"]) for one in events if one["kind"] == "health"] == [
        ("meter", "answering")
    ]
