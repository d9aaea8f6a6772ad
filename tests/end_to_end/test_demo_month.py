"""The demo with a past, as a newcomer runs it: cut off in the middle, begun anew, written out, and then live."""

import json
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.end_to_end.daemon import COMMAND, rows
from tests.servers.influxdb import ADMIN, PASSWORD, InfluxServer, influxdb


def _demo(state: Path, *options: str) -> list[str]:
    return [*COMMAND, "demo", "--state", str(state), "--seed-days", "1", *options]


def _run(state: Path, *options: str) -> str:
    done = subprocess.run(
        _demo(state, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _cut_off(state: Path) -> None:
    """Kill it once it has begun."""
    with subprocess.Popen(
        _demo(state, "--for", "0s"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as demo:
        half = state / "seeding" / "journal.db-wal"
        deadline = time.monotonic() + 60
        while not (half.exists() and half.stat().st_size > 100_000) and time.monotonic() < deadline:
            assert demo.poll() is None
            time.sleep(0.02)
        demo.send_signal(signal.SIGKILL)
    with suppress(FileNotFoundError):
        assert not (state / "journal.db").exists()


def _count(server: InfluxServer, measurement: str, field: str) -> int:
    (row,) = server.query(f'SELECT count("{field}") FROM "{measurement}"', "facility")
    return int(row["count"])


def test_a_past_that_was_cut_off_is_begun_anew_written_out_and_goes_on_live(tmp_path: Path) -> None:
    state, report = tmp_path / "state", tmp_path / "report.json"
    _cut_off(state)
    (tmp_path / "influx").mkdir()
    with influxdb(tmp_path / "influx") as server:
        server.create("facility", "facility-access")
        address = server.url.replace("://", f"://{ADMIN}:{PASSWORD}@") + "/facility"
        said = _run(state, "--for", "0s", "--influxdb", address)
        written = _count(server, "electricity", "power_w")
    (kept,) = rows(
        state / "journal.db",
        "SELECT count(*) AS number FROM entries WHERE kind = 1 AND device LIKE '%-electricity'",
    )
    again = _run(state, "--for", "25s", "--report", str(report))
    found: dict[str, Any] = json.loads(report.read_text("utf-8"))

    assert "half filled in" in said
    assert "all of it is written to influxdb" in said
    for command in ("demo", "report usage --period last-month"):
        assert f"facility-monitor {command} --state {state}" in said
    assert f"grafana export DIR {state / 'site.yaml'}" in said
    assert written == kept["number"] > 4 * 280
    assert not (state / "seeding").exists()
    assert "goes on from there" in again
    assert len(found["used"]) >= 9
    assert all(each["difference"] == 0 or abs(each["difference"]) < 1e-6 for each in found["used"])
    assert found["compared"]["people"]["inside"][0] == found["compared"]["people"]["inside"][1]
    assert not [
        each
        for each in found["alarms"]
        if each["rule"] == "device-offline" and each["device"] != "shop-electricity"
    ]
