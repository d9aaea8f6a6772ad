"""What answers at InfluxDB's address may be anything: the daemon stays small, and goes on with the right one."""

from pathlib import Path

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.conftest import influx
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.servers.influxdb import InfluxServer
from tests.sinks.test_exchange import chunks_without_end, saying

__all__ = ["influx"]

SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
devices:
  - {{id: meter, connection: plant-room, every: 200 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""


def _memory(daemon: Daemon, what: str) -> int:
    """In kB: VmRSS now, VmHWM at most."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1])


@pytest.mark.fault(
    "hostile bytes",
    part="InfluxDB sink",
    outcome="An answer that never ends does not make the monitor grow; everything is kept, and written once as"
    " soon as the right server is back.",
)
def test_answers_without_an_end_do_not_make_the_daemon_grow(tmp_path: Path, influx: InfluxServer) -> None:
    with Endpoint({1: Unit()}) as endpoint:
        site = tmp_path / "site.yaml"
        site.write_text(SITE.format(modbus=endpoint.port, influx=influx.url, token=influx.token))
        with Daemon(site, tmp_path / "state").start() as daemon:
            daemon.until(lambda: _written(influx), "something is written")
            influx.stop()
            before = _memory(daemon, "VmRSS")
            with saying(chunks_without_end, influx.port) as (_, said):
                daemon.until(lambda: len(said) >= 3, "it has been asked again")
                grown = _memory(daemon, "VmHWM") - before
                daemon.until(lambda: daemon.get("status")["sinks"]["influxdb"]["last_error"], "it is told")
            influx.start()
            waited = [time for time, _ in daemon.readings("meter")]
            daemon.until(lambda: _written(influx)[: len(waited)] == waited, "all that had waited is written")
            assert daemon.stop() == 0

    assert grown < 40_000, f"{grown} kB"
    assert set(_written(influx)) <= {time for time, _ in daemon.readings("meter")}


def _written(influx: InfluxServer) -> list[int]:
    """The times of what the database has, the oldest first."""
    return [row["time"] for row in influx.query("SELECT power_w FROM electricity", "facility")]
