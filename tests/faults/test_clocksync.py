"""The daemon starts on a box that nobody has told the time: it judges, and waits with writing elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.conftest import influx
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.faults.clocks import KernelClock
from tests.servers.influxdb import InfluxServer
from tests.servers.smtp import MailServer

__all__ = ["influx"]

SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
devices:
  - {{id: meter, connection: plant-room, unit: 1, every: 200 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
  - {{id: pump, profile: digital-input, connection: plant-room, unit: 21, every: 200 ms,
      points: {{fault: {{register: discrete 0}}}}}}
rules:
  - {{id: fault, kind: state, devices: {{class: equipment}}, point: fault, is: true, severity: high}}
  - stock: monitor
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
sinks:
  influxdb: {{url: "http://{host}:{influx}", bucket: facility, token: "{token}", api: v1}}
"""


@pytest.fixture
def kernel(tmp_path: Path) -> KernelClock:
    kernel = KernelClock(tmp_path)
    kernel.unsynchronise()
    return kernel


@contextmanager
def _house(folder: Path, kernel: KernelClock, influx: InfluxServer, host: str) -> Iterator[Daemon]:
    """A daemon whose InfluxDB is on this machine, at `host`, and a pump that has failed."""
    with MailServer() as mail, Endpoint({1: Unit(), 21: Unit()}) as endpoint:
        endpoint[21].set("discrete", 0, [1])
        ports = {"modbus": endpoint.port, "mail": mail.port, "influx": influx.port}
        (folder / "site.yaml").write_text(SITE.format(host=host, token=influx.token, **ports))
        with Daemon(folder / "site.yaml", folder / "state", kernel.environ) as daemon:
            daemon.start()
            daemon.until(lambda: mail.messages, "the fault is told")
            yield daemon


def _sink(daemon: Daemon) -> dict[str, object]:
    return dict((daemon.get("status") or {"sinks": {"influxdb": {}}})["sinks"]["influxdb"])


def _written(influx: InfluxServer, measurement: str) -> list[int]:
    return [row["time"] for row in influx.query(f'SELECT * FROM "{measurement}"', "facility")]


@pytest.mark.fault(
    "clock not synchronised at boot",
    part="InfluxDB sink",
    outcome="Nothing is written to an InfluxDB that is not on loopback, `status` says that it waits for the clock,"
    " a reload changes nothing about it; as soon as the clock is right everything is written, each reading once.",
)
@pytest.mark.fault(
    "clock not synchronised at boot",
    part="rules and alarms",
    outcome="Meters are polled, rules judge and people are told all the same.",
)
def test_writing_elsewhere_waits_for_the_clock_and_nothing_else_does(
    tmp_path: Path, kernel: KernelClock, influx: InfluxServer
) -> None:
    with _house(tmp_path, kernel, influx, "0.0.0.0") as daemon:
        daemon.until(lambda: len(daemon.readings("meter")) > 10, "meters are polled")
        waiting = _sink(daemon)
        itself = daemon.until(lambda: daemon.get("status")["itself"], "it has told of itself")
        said = daemon.command("status").stdout
        daemon.hang_up()
        daemon.until(lambda: "reloaded" in daemon.tail(20_000), "the site file is taken again")
        reloaded = daemon.until(lambda: _sink(daemon), "the daemon answers again")
        written_before = _written(influx, "electricity")
        log_before = daemon.tail(20_000)

        readings = {device: {at for at, _ in daemon.readings(device)} for device in ("meter", "pump")}
        kernel.synchronise()
        daemon.until(lambda: _sink(daemon).get("lag") == 0 and _sink(daemon)["entries"], "all is written")
        done = _sink(daemon)
        log = daemon.tail(20_000)

    assert (waiting["waiting_for"], waiting["last_success"], waiting["last_error"]) == ("clock", 0, "")
    assert waiting["lag"]
    assert itself["clock_synchronised"] is False
    assert "waiting_for clock" in said
    assert (reloaded["waiting_for"], written_before) == ("clock", [])
    assert ("clock_waited_for" in log_before, "clock_waited_for" in log) == (False, True)
    assert (log.count("clock_not_synchronised"), log.count("clock_waited_for")) == (1, 1)
    assert (done["waiting_for"], done["rejected"], done["gaps"]) == ("", 0, 0)
    for device, measurement in (("meter", "electricity"), ("pump", "equipment")):
        there = _written(influx, measurement)
        assert len(there) == len(set(there))
        assert readings[device] <= set(there)


@pytest.mark.fault(
    "clock not synchronised at boot",
    part="InfluxDB sink",
    outcome="An InfluxDB on loopback is written to at once: its clock is the same one.",
)
def test_on_loopback_nothing_waits(tmp_path: Path, kernel: KernelClock, influx: InfluxServer) -> None:
    with _house(tmp_path, kernel, influx, "127.0.0.1") as daemon:
        daemon.until(lambda: _written(influx, "electricity"), "readings are written")
        itself = daemon.until(lambda: daemon.get("status")["itself"], "it has told of itself")
        waiting = _sink(daemon)["waiting_for"]
        log = daemon.tail(20_000)

    assert itself["clock_synchronised"] is False
    assert waiting == ""
    assert "clock_not_synchronised" not in log
