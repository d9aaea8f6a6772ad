"""Connections to the gate: by proxies, with TLS, silent ones, many of one client, and those that go on."""

import asyncio
import contextlib
import socket
from dataclasses import replace

import httpx
import pytest

from monitor.accounts.roles import Scope
from monitor.journal.state import State
from monitor.model import Reading
from monitor.ports import Batch
from monitor.site import ConsoleSettings
from monitor.web.parts import Parts
from monitor.web.server import BoundedProtocol
from tests.clock import ManualClock
from tests.web.browsing import Front, accounts_of, front
from tests.web.gate.lines import contexts

HERE = ("127.0.0.0/8", "::1/128")


@pytest.mark.parametrize("kind", ["session", "token"])
@pytest.mark.parametrize(
    "path", ["/api/v1/devices/main/readings/stream?last=1", "/api/v1/live?topics=readings&device=main"]
)
async def test_what_goes_on_ends_with_the_session_or_the_token(
    here: Front, clock: ManualClock, kind: str, path: str
) -> None:
    secret, made = await here.accounts.tokens.add("t", [Scope.READ], expires_at=None, by="")
    told: list[bytes] = []
    over: float | None = None

    async def says(volts: float) -> None:
        values = {"voltage_l1_v": volts}
        reading = Reading(device="main", time=clock.time, arrived=clock.time, values=values)
        await here.parts.journal.append([Batch(entries=[reading])])

    volts = 230.0
    await says(volts)
    async with here.browser() as browser:
        if kind == "session":
            await browser.sign_in("ana")
        headers = {"authorization": f"Bearer {secret}"} if kind == "token" else {}
        async with (
            asyncio.timeout(60),
            browser.http.stream("GET", f"{here.origin}{path}", headers=headers) as answer,
        ):
            async for piece in answer.aiter_bytes():
                told.append(piece)
                if b"voltage" in piece and over is None:
                    over = volts
                    if kind == "session":
                        await here.accounts.change("ana", disabled=True)
                    else:
                        await here.accounts.tokens.remove(made.id)
                volts += 1
                await says(volts)
            status = answer.status_code

    assert status == 200
    assert over is not None
    assert [each for each in range(int(over) + 1, int(volts) + 1) if f"{each}.0".encode() in b"".join(told)] == []


@pytest.mark.parametrize("has_tls", [False, True])
async def test_one_client_cannot_take_all_connections(
    parts: Parts, state: State, clock: ManualClock, *, has_tls: bool
) -> None:
    server, client = contexts()
    settings = ConsoleSettings()
    if has_tls:
        settings = replace(settings, certificate=__file__, key=__file__)  # type: ignore[arg-type] - there is one
    async with front(
        parts,
        await accounts_of(state, clock),
        settings,
        tls=server if has_tls else None,
        clients=20,
        is_shared=lambda host: host == "127.0.0.2",
    ) as served:
        silent = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(30)]
        try:
            async with served.browser(
                verify=client, transport=httpx.AsyncHTTPTransport(local_address="127.0.0.2", verify=client)
            ) as other:
                answer = await other.get("/login")
            async with asyncio.timeout(60):
                first = [await reader.read(1) for reader, _ in silent[10:]]
        finally:
            for _, writer in silent:
                writer.close()

    assert answer.status_code == 200
    assert set(first) == {b""}


@pytest.mark.parametrize("before", ["", "/fm"])
async def test_below_a_path_of_a_proxy_everything_leads_there(
    parts: Parts, state: State, clock: ManualClock, before: str
) -> None:
    settings = ConsoleSettings(base="https://house.example.org/fm", proxies=HERE)
    async with front(parts, await accounts_of(state, clock), settings) as served, served.browser() as browser:
        await served.add("ana")
        headers = {"host": "house.example.org", "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}
        headers["origin"] = "https://house.example.org"
        home = await browser.get(f"{before}/", headers=headers)
        form = await browser.get(f"{before}/login", headers=headers)
        signed_in = await browser.post(
            f"{before}/login", {"login": "ana", "password": "seven quiet meters hum"}, headers=headers
        )
        cookie = signed_in.headers["set-cookie"]
        secret = cookie.partition(";")[0]
        inside = await browser.get(f"{before}/account", headers={**headers, "cookie": secret})
        plain = await browser.get(
            f"{before}/account", headers={**headers, "cookie": secret.replace("__Host-", "")}
        )
        session = served.accounts.sessions("ana")[0]

    assert home.headers["location"] == "/fm/login"
    assert 'action="/fm/login"' in form.text
    assert signed_in.headers["location"] == "/fm/"
    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "Path=/"} <= {each.strip() for each in cookie.split(";")}
    assert "domain" not in cookie.lower()
    assert inside.status_code == 200
    assert plain.status_code == 303
    assert session.address == "203.0.113.9"
    assert home.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("proxies", "said", "taken"),
    [
        ((), "203.0.113.9", "127.0.0.1"),
        (HERE, "203.0.113.9", "203.0.113.9"),
        (HERE, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ((*HERE, "203.0.113.0/24"), "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (HERE, "203.0.113.9, 127.0.0.1", "203.0.113.9"),
        (HERE, "<script>", "127.0.0.1"),
        (HERE, "", "127.0.0.1"),
    ],
)
async def test_only_proxies_are_believed_who_is_behind_them(
    parts: Parts, state: State, clock: ManualClock, *, proxies: tuple[str, ...], said: str, taken: str
) -> None:
    settings = ConsoleSettings(proxies=proxies)
    async with front(parts, await accounts_of(state, clock), settings) as served, served.browser() as browser:
        await served.add("ana")
        form = {"login": "ana", "password": "seven quiet meters hum"}
        await browser.post("/login", form, headers={"x-forwarded-for": said})

        assert [each.address for each in served.accounts.sessions("ana")] == [taken]


async def test_with_tls_of_its_own_cookies_are_secure_and_handshakes_are_bounded(
    parts: Parts, state: State, clock: ManualClock
) -> None:
    server, client = contexts()
    settings = replace(ConsoleSettings(), certificate=__file__, key=__file__)  # type: ignore[arg-type] - there is one
    accounts = await accounts_of(state, clock)
    async with front(parts, accounts, settings, tls=server, clients=8) as served:
        await served.add("ana")
        async with served.browser(verify=client) as browser:
            signed_in = await browser.sign_in("ana")
            home = await browser.get("/")
        silent = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(8)]
        late = await asyncio.open_connection("127.0.0.1", served.port)
        try:
            async with asyncio.timeout(60):
                closed = await late[0].read(1)
        finally:
            for _, writer in (*silent, late):
                writer.close()
        async with served.browser(verify=client) as again:
            async with asyncio.timeout(60):
                while True:
                    with contextlib.suppress(httpx.HTTPError):
                        after = await again.get("/login")
                        break

    assert signed_in.headers["set-cookie"].startswith("__Host-session=")
    assert home.status_code == 200
    assert home.headers["strict-transport-security"]
    assert closed == b""
    assert after.status_code == 200


async def test_who_sends_nothing_is_let_go_and_others_go_on(here: Front) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(20)]
    for _, writer in slow:
        writer.write(b"GET /login HTTP/1.1\r\nHo")
    async with here.browser() as browser:
        answer = await browser.get("/login")
    async with asyncio.timeout(60):
        ends = [await reader.read() for reader, _ in slow]
    for _, writer in slow:
        writer.close()

    assert answer.status_code == 200
    assert set(ends) == {b""}


async def test_who_stops_reading_live_values_over_tls_is_dropped_before_much_waits_for_him(
    parts: Parts, state: State, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.web.server._UNREAD_S", 0.2)
    monkeypatch.setattr("monitor.web.livefeed._PACE", 0.001)
    held: list[int] = []

    def pause_writing(protocol: BoundedProtocol) -> None:
        held.append(protocol.transport.get_write_buffer_size())
        pausing(protocol)

    pausing = BoundedProtocol.pause_writing
    monkeypatch.setattr(BoundedProtocol, "pause_writing", pause_writing)
    long = {f"text_{number}": "x" * 1000 for number in range(30)}
    server, client = contexts()
    settings = replace(ConsoleSettings(), certificate=__file__, key=__file__)  # type: ignore[arg-type] - there is one
    async with front(parts, await accounts_of(state, clock), settings, tls=server) as served:
        token = await served.token(Scope.READ)
        asked = f"GET /api/v1/live?topics=readings&device=main HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", served.port))
        plain.setblocking(False)
        _, writer = await asyncio.open_connection(sock=plain, ssl=client, server_hostname="127.0.0.1", limit=1024)
        writer.write(f"{asked}Authorization: Bearer {token}\r\n\r\n".encode())
        told = 0
        async with asyncio.timeout(60), served.browser(verify=client) as other:
            while not served.gate._answering:  # noqa: ASYNC110 - over a port
                await asyncio.sleep(0.01)
            while served.gate._answering:
                told += 1
                values = {"voltage_l1_v": 230.0, **long}
                reading = Reading(device="main", time=told, arrived=told, values=values)
                await parts.journal.append([Batch(entries=[reading])])
                await asyncio.sleep(0.01)
            page = await other.get("/login")
        writer.transport.abort()

    assert page.status_code == 200
    assert 64 * 1024 <= held[0] < 128 * 1024


@pytest.mark.parametrize(
    "begun", [b"GET /login HTTP/1.1\r\nX: ", b"POST /login HTTP/1.1\r\nHost: %s\r\nContent-Length: 60000\r\n\r\n"]
)
async def test_who_sends_byte_after_byte_over_tls_is_cut_off(
    parts: Parts, state: State, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("monitor.web.server._IDLE_S", 0.3)
    server, client = contexts()
    settings = replace(ConsoleSettings(), certificate=__file__, key=__file__)  # type: ignore[arg-type] - there is one
    async with front(parts, await accounts_of(state, clock), settings, tls=server) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=client)
        writer.write(begun.replace(b"%s", f"127.0.0.1:{served.port}".encode()))
        sent = 0
        async with asyncio.timeout(60):
            while not reader.at_eof():
                writer.write(b"x")
                sent += 1
                try:
                    await asyncio.wait_for(reader.read(100), 0.02)
                except TimeoutError:
                    continue
                except OSError:  # cut off in the middle of a byte: the reader says so each time, at once
                    break
        writer.transport.abort()

    assert 1 < sent < 2000
    assert not served.gate._answering


async def test_who_goes_in_the_middle_of_a_form_leaves_nothing_in_the_log(
    here: Front, caplog: pytest.LogCaptureFixture
) -> None:
    for body in (b"login=a", b""):
        _, writer = await asyncio.open_connection("127.0.0.1", here.port)
        head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{here.port}\r\nContent-Length: 1000\r\n"
        writer.write(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode() + body)
        await writer.drain()
        async with asyncio.timeout(60):
            while not here.gate._answering:  # noqa: ASYNC110 - over a port
                await asyncio.sleep(0.01)
            writer.close()
            while here.gate._answering:  # noqa: ASYNC110 - over a port
                await asyncio.sleep(0.01)
    rows = await here.accounts.audit.look(refused=True)

    assert caplog.records == []
    assert [(row["action"], row["outcome"]) for row in rows] == [("sign_in", 400)] * 2
