"""The socket: who may use it, what is in its way, and whose signals are whose."""

import asyncio
import contextlib
import os
import signal
import socket
import stat
from pathlib import Path
from pwd import getpwuid
from types import SimpleNamespace

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from monitor.app.listening import listening
from monitor.errors import SettingsError
from monitor.journal.sqlite import SqliteJournal
from monitor.web.peer import caller_by_socket
from monitor.web.server import bind, run_bound
from tests.clock import ManualClock
from tests.servers.ports import free_port
from tests.web.serving import make_parts, serving


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_owner_and_group_may_connect_and_nobody_else(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "api.sock"
    before = os.umask(umask)
    try:
        bind(path).close()
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert [each.name for each in tmp_path.iterdir()] == ["api.sock"]


def test_the_groups_of_files_are_left_alone_where_they_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service may change no owner at all: its sandbox forbids the call."""
    given: list[int] = []
    monkeypatch.setattr("os.chown", lambda _path, _user, group: given.append(group))
    for group in (os.getegid(), os.getegid() + 1):
        known = SimpleNamespace(gr_gid=group)
        monkeypatch.setattr("grp.getgrnam", lambda _name, known=known: known)
        bind(tmp_path / f"{group}.sock").close()

    assert given == [os.getegid() + 1]


@pytest.mark.fault(
    "second monitor, or port taken",
    part="web and commands",
    outcome="A socket that a dead process left is replaced; one that is alive is not.",
)
def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    bind(path).close()
    bound = bind(path)
    bound.listen()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    bound.close()


def test_a_live_socket_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    first = bind(path)
    first.listen()

    with pytest.raises(SettingsError, match="another daemon"):
        bind(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    first.close()


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    path.write_text("precious")

    with pytest.raises(SettingsError, match="not a socket"):
        bind(path)
    assert path.read_text() == "precious"


def test_a_path_that_no_address_can_hold_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="shorter --state"):
        bind(tmp_path / ("x" * 120))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        bind(tmp_path / "none" / "api.sock")


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert caller_by_socket(one.fileno()).name == getpwuid(os.getuid()).pw_name


def test_the_peer_is_known_under_uvloop(tmp_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop")
    clock = ManualClock()

    async def acknowledged_by() -> str:
        from monitor.site import JournalSettings

        journal = SqliteJournal.open(tmp_path / "journal.db", JournalSettings(), now=clock.now)
        try:
            async with serving(make_parts(journal, clock), tmp_path / "api.sock") as client:
                answer = await client.post("/alarms/undervoltage-1/acknowledge", json={"reason": ""})
                return str(answer.json()["by"])
        finally:
            await journal.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        by = runner.run(acknowledged_by())

    import pwd

    assert by == pwd.getpwuid(os.getuid()).pw_name


async def test_signals_stay_the_daemons_and_the_socket_goes_with_the_server(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    path = tmp_path / "api.sock"
    async with serving(make_parts(journal, clock), path) as client:
        await client.get("/status")
        during = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    assert during == before
    assert not path.exists()


async def test_what_is_answered_over_tcp_is_sent_at_once() -> None:
    accepted: list[int] = []

    async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    bound = listening("127.0.0.1", 0)
    async with await asyncio.start_server(meet, sock=bound):
        reader, writer = await asyncio.open_connection(*bound.getsockname())
        async with asyncio.timeout(60):
            await reader.read()
        writer.close()

    assert accepted == [1]


async def test_only_a_proxy_on_this_machine_says_who_asks_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    told = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told.append(scope["client"][0])
        await PlainTextResponse("")(scope, receive, send)

    port = free_port()
    task = asyncio.create_task(run_bound(app, listening("127.0.0.1", port), clients=10))
    for address in ("127.0.0.1", "127.0.0.2"):
        transport = httpx.AsyncHTTPTransport(local_address=address)
        async with httpx.AsyncClient(trust_env=False, transport=transport) as client:
            await client.get(f"http://127.0.0.1:{port}/", headers={"x-forwarded-for": "203.0.113.9"})
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert told == ["203.0.113.9", "127.0.0.2"]
