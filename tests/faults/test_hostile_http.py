"""What comes in at the daemon's own doors may be anything: the API's socket, and the metrics on TCP."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.end_to_end.daemon import Daemon
from tests.servers.ports import free_port

SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
monitor: {{metrics: {{listen: "127.0.0.1:{metrics}"}}}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
devices:
  - {{id: meter, connection: plant-room, every: 1 s, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
"""
SECRET = "hunter-2-in-the-payload"
HOSTILE = (
    bytes(range(256)) * 100,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET.encode(),
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 10_000_000,
    b"GET /" + b"a/" * 500_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 100) for n in range(10_000)) + b"\r\n",
    b"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
    b"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10_000_000,
    b"GET /api/v1/readings/%00%ff/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n" * 1000,
)
Connect = Callable[[], socket.socket]


@contextmanager
def _daemon(folder: Path) -> Iterator[tuple[Daemon, int]]:
    port = free_port()
    site = folder / "site.yaml"
    site.write_text(SITE.format(metrics=port, modbus=free_port()))
    with Daemon(site, folder / "state") as daemon:
        daemon.start()
        daemon.until(lambda: _metrics(port), "the metrics are served")
        yield daemon, port


def _metrics(port: int) -> str:
    client = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request("GET", "/metrics")
        answer = client.getresponse()
        return answer.read().decode() if answer.status == 200 else ""
    except (OSError, HTTPException):
        return ""
    finally:
        client.close()


def _doors(daemon: Daemon, port: int) -> tuple[Connect, Connect]:
    def unix() -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(20)
        link.connect(str(daemon.state / "api.sock"))
        return link

    return unix, lambda: socket.create_connection(("127.0.0.1", port), timeout=20)


def _memory(daemon: Daemon) -> int:
    """Resident, in kB."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def _files(daemon: Daemon) -> int:
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


@pytest.mark.fault(
    "hostile bytes",
    part="web and commands",
    outcome="Garbage, TLS, endless headers and bodies of megabytes are refused or closed, for the metrics as for"
    " the API; nothing of them is logged, memory stays, and others are answered.",
)
def test_garbage_at_the_doors_is_refused_unlogged_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with _daemon(tmp_path) as (daemon, port):
        memory, files, log = _memory(daemon), _files(daemon), daemon.tail(1_000_000)
        for connect in _doors(daemon, port):
            for hostile in HOSTILE * 3:
                with connect() as link, suppress(OSError):
                    link.sendall(hostile)
                    link.shutdown(socket.SHUT_WR)
                    while link.recv(65536):
                        pass
            assert daemon.get("status")
            assert _metrics(port)
        daemon.until(lambda: _files(daemon) <= files + 2, "nothing is left open")
        grown = _memory(daemon) - memory
        said = daemon.tail(1_000_000)[len(log) :]
        assert daemon.stop() == 0

    assert grown < 40_000
    assert SECRET not in said
    assert "Traceback" not in said
    assert "Invalid HTTP" not in said


@pytest.mark.fault(
    "slow network or peer",
    part="web and commands",
    outcome="As many connections as are allowed are kept, and closed when no whole request comes within twenty"
    " seconds; the monitor never runs out of files, and is asked again afterwards.",
)
def test_idle_and_slow_peers_are_left_and_take_no_files_from_the_monitor(tmp_path: Path) -> None:
    with _daemon(tmp_path) as (daemon, port), ExitStack() as held:
        unix, tcp = _doors(daemon, port)
        files = _files(daemon)
        slow = []
        for connect, many in ((tcp, 300), (unix, 100)):
            for number in range(many):
                link = held.enter_context(connect())
                with suppress(OSError):
                    link.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: "[: number % 30])
                slow.append(link)
        most = _files(daemon) - files
        answered = bool(daemon.get("status"))

        daemon.until(lambda: _files(daemon) <= files + 2, "they are left")
        assert daemon.get("status")
        assert _metrics(port)
        assert daemon.stop() == 0

    assert answered
    assert most <= 20 + 100 + 10
