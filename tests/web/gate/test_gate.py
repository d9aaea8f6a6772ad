"""What stands between a port and the app: names, sizes, sites, cookies, tokens, and what the trail says."""

from collections.abc import AsyncIterator

import pytest

from monitor.accounts.roles import Role, Scope
from monitor.web.allowance import client_key
from tests.clock import ManualClock
from tests.web.browsing import Front
from tests.web.gate.lines import raw

ACK = "/api/v1/alarms/undervoltage-1/acknowledge"


@pytest.mark.parametrize(
    ("path", "status"), [("/login", 200), ("/nothing", 404), ("/api/v1/status", 401), ("/static/console.css", 200)]
)
async def test_every_answer_says_what_a_browser_must_not_do(here: Front, path: str, status: int) -> None:
    async with here.browser() as browser:
        answer = await browser.get(path)
        foreign = await browser.get(path, headers={"host": "evil.example.org"})

    assert (answer.status_code, foreign.status_code) == (status, 421)
    for each in (answer, foreign):
        policy = each.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in policy
        assert each.headers["x-content-type-options"] == "nosniff"
        assert each.headers["x-frame-options"] == "DENY"
        assert each.headers["referrer-policy"] == "same-origin"
        assert "strict-transport-security" not in each.headers
        assert len(each.headers.get_list("cache-control")) == 1
    assert answer.headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST:{port}", 200),
        ("127.0.0.1:1", 421),
        ("evil.example.org:{port}", 421),
        ("127.0.0.1:{port}@evil.example.org", 421),
        ("evil@127.0.0.1:{port}", 421),
        ("127.0.0.1:{port}/", 421),
        ("127.0.0.1:{port}#", 421),
        ("127.0.0.1:{port}?", 421),
        ("[::", 421),
        ("", 421),
    ],
)
async def test_it_answers_under_its_own_names_alone(here: Front, host: str, status: int) -> None:
    said = host.format(port=here.port)
    answer = await raw(here, f"GET /login HTTP/1.1\r\nHost: {said}\r\nConnection: close\r\n\r\n".encode())

    assert answer.startswith(f"HTTP/1.1 {status}".encode())


async def test_two_names_are_none(here: Front) -> None:
    answer = await raw(
        here, f"GET /login HTTP/1.1\r\nHost: 127.0.0.1:{here.port}\r\nHost: evil.example.org\r\n\r\n".encode()
    )

    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 421"))


@pytest.mark.parametrize(
    "head",
    [
        b"X: " + b"x" * 15_000 + b"\r\nY: " + b"y" * 5_000,
        b"\r\n".join(b"X-%d: 1" % number for number in range(200)),
        b"Cookie: session=" + b"x" * 40_000,
    ],
)
async def test_heads_are_bounded(here: Front, head: bytes) -> None:
    host = f"Host: 127.0.0.1:{here.port}".encode()
    answer = await raw(here, b"GET /login HTTP/1.1\r\n" + host + b"\r\n" + head + b"\r\n\r\n")

    assert answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


async def test_bodies_are_bounded_whatever_their_heads_say(here: Front) -> None:
    token = await here.token(Scope.ALARMS)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 10_000

    async with here.browser() as browser:
        form = await browser.post("/login", {"login": "x" * 40_000, "password": "y"})
        api = await browser.http.post(f"{here.origin}{ACK}", content=endless(), headers=headers)

    assert (form.status_code, api.status_code) == (413, 413)


async def test_a_line_break_in_what_is_asked_makes_no_header(here: Front) -> None:
    async with here.browser() as browser:
        asked = await browser.get("/login?next=/%0d%0aset-cookie:%20a=b&language=zh%0d%0ax:y")
        signed_in = await browser.sign_in("ana", next="/\r\nset-cookie: evil=1")
        path = await browser.get("/%0d%0aset-cookie:%20evil=1")

    for answer in (asked, signed_in, path):
        assert "evil" not in answer.headers.get("set-cookie", "")
        assert "x" not in answer.headers
    assert signed_in.headers["location"] == "/"


@pytest.mark.parametrize(
    "path",
    ["/static/../page.py", "/static/..%2fpage.py", "/static/%2e%2e/%2e%2e/site.yaml", "/static//etc/passwd",
     "/welcome/../../etc/passwd", "/static/console.css%00.py"],
)  # fmt: skip
async def test_no_path_leads_out(here: Front, path: str) -> None:
    host = f"Host: 127.0.0.1:{here.port}"
    answer = await raw(here, f"GET {path} HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n".encode())

    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 303"))
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example.org"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_what_another_site_has_a_browser_send_is_refused(here: Front, headers: dict[str, str]) -> None:
    async with here.browser() as browser:
        await browser.sign_in("ana")
        csrf = await browser.csrf()
        out = await browser.http.post(f"{here.origin}/logout", data={"csrf": csrf}, headers=headers)
        into = await browser.http.post(f"{here.origin}/login", data={"login": "ana"}, headers=headers)
        api = await browser.http.post(f"{here.origin}{ACK}", json={}, headers={**headers, "x-csrf-token": csrf})
        home = await browser.get("/")

    assert {out.status_code, into.status_code, api.status_code} == {403}
    assert home.status_code == 200
    assert [row["action"] for row in await here.accounts.audit.look(refused=True)] == ["sent_from_elsewhere"] * 3


async def test_a_session_needs_the_word_of_its_own_forms(here: Front) -> None:
    await here.add("ben", Role.OPERATOR)
    async with here.browser() as browser, here.browser() as bens:
        await browser.sign_in("ana")
        await bens.sign_in("ben")
        own, other = await browser.csrf(), await bens.csrf()
        forms = [
            (await browser.post("/account/sessions", each)).status_code for each in ({"a": "b"}, {"csrf": other})
        ]
        calls = [
            (await browser.post(ACK, json={}, headers=headers)).status_code
            for headers in ({}, {"x-csrf-token": other}, {"x-csrf-token": b"\xfc"})
        ]
        right = await browser.http.post(
            f"{here.origin}{ACK}", json={"reason": ""}, headers={"x-csrf-token": own, "origin": here.origin}
        )

    assert own != other
    assert {*forms, *calls} == {403}
    assert right.status_code == 202


async def test_no_link_and_no_picture_does_anything(here: Front) -> None:
    async with here.browser() as browser:
        await browser.sign_in("ana")
        tried = [(await browser.get(path)).status_code for path in ("/logout", "/account/sessions", ACK)]
        home = await browser.get("/")

    assert set(tried) <= {404, 405}
    assert home.status_code == 200


async def test_a_token_is_for_the_api_alone(here: Front) -> None:
    token = await here.token(*Scope)
    async with here.browser(headers={"authorization": f"Bearer {token}"}) as browser:
        api = await browser.get("/api/v1/whoami")
        pages = [(await browser.get(path)).status_code for path in ("/", "/account", "/users", "/audit")]
        acknowledged = await browser.http.post(f"{here.origin}{ACK}", json={"reason": ""})

    assert api.json()["scopes"] == sorted(Scope)
    assert set(pages) == {403}
    assert acknowledged.json()["by"] == "token t0"


async def test_a_token_works_until_its_time_or_until_it_is_removed(here: Front, clock: ManualClock) -> None:
    short, _ = await here.accounts.tokens.add("s", [Scope.READ], expires_at=clock.now() + 1000, by="")
    gone, made = await here.accounts.tokens.add("g", [Scope.READ], expires_at=None, by="")
    async with here.browser() as browser:

        async def asked(secret: str) -> int:
            headers = {"authorization": f"Bearer {secret}"}
            return (await browser.get("/api/v1/status", headers=headers)).status_code

        before = [await asked(short), await asked(gone)]
        clock.time += 1000
        await here.accounts.tokens.remove(made.id)
        after = [await asked(short), await asked(gone), await asked("fm_guess"), await asked("x")]

    assert before == [200, 200]
    assert after == [401] * 4


async def test_a_body_of_two_lengths_is_refused_and_what_follows_is_no_request(here: Front) -> None:
    host = f"Host: 127.0.0.1:{here.port}\r\n"
    smuggled = f"GET /healthz HTTP/1.1\r\n{host}\r\n"
    head = (
        f"POST /login HTTP/1.1\r\n{host}Content-Length: {len(smuggled) + 5}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    answer = await raw(here, f"{head}0\r\n\r\n{smuggled}".encode())

    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


async def test_what_is_in_a_path_does_nothing_to_who_reads_the_trail(here: Front) -> None:
    async with here.browser() as browser:
        await browser.sign_in("ana")
        csrf = await browser.csrf()
        path = "/api/v1/alarms/%1b[2J%0d%0aroot/acknowledge"
        headers = {"origin": here.origin, "x-csrf-token": csrf}
        await browser.http.post(f"{here.origin}{path}", json={"reason": ""}, headers=headers)
    rows = await here.accounts.audit.look(action="acknowledge")

    assert [row["target"] for row in rows] == [""]


async def test_nobody_drives_out_of_the_trail_with_trifles_what_was_done(here: Front) -> None:
    async with here.browser() as browser:
        await browser.sign_in("ana")
        csrf = await browser.csrf()
        for number in range(20):
            await browser.post("/account/language", {"csrf": csrf, "language": ("en", "zh")[number % 2]})
            await browser.post("/account/sessions", {"csrf": csrf})
    rows = await here.accounts.audit.look()

    assert [row["action"] for row in rows] == ["end_other_sessions", "POST /account/language", "sign_in"]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::3", "2001:db8:1:3::3", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
def test_what_counts_as_one_client(one: str, other: str, is_same: bool) -> None:  # noqa: FBT001 - a case
    assert (client_key(one) == client_key(other)) is is_same


async def test_who_guesses_tokens_is_slowed_down_and_nobody_who_has_one(here: Front) -> None:
    token = await here.token(Scope.READ)
    async with here.browser() as browser:
        guesses = [
            (await browser.get("/api/v1/status", headers={"authorization": f"Bearer fm_{number}"})).status_code
            for number in range(40)
        ]
        right = await browser.get("/api/v1/status", headers={"authorization": f"Bearer {token}"})

    assert set(guesses) == {401, 429}
    assert right.status_code == 200


async def test_a_session_is_not_used_beside_a_wrong_token(here: Front) -> None:
    async with here.browser() as browser:
        await browser.sign_in("ana")
        answer = await browser.get("/api/v1/status", headers={"authorization": "Bearer fm_x"})

    assert answer.status_code == 401


async def test_nobody_over_tcp_is_of_the_socket(here: Front) -> None:
    async with here.browser() as browser:
        answers = [
            (await browser.get("/api/v1/whoami", headers=headers)).status_code
            for headers in ({}, {"x-forwarded-for": "127.0.0.1"}, {"cookie": "session=; caller=root"})
        ]

    assert answers == [401, 401, 401]


async def test_pages_too_say_what_can_be_asked_instead_and_how_long_to_wait(here: Front) -> None:
    async with here.browser() as browser:
        method = await browser.http.request("OPTIONS", f"{here.origin}/login")
        guesses = [await browser.get(f"/welcome/{number}") for number in range(11)]

    assert method.status_code == 405
    assert "GET" in method.headers["allow"].split(", ")
    assert guesses[-1].status_code == 429
    assert guesses[-1].headers["retry-after"] == "60"


async def test_a_link_to_choose_a_password_is_not_in_what_its_page_loads(here: Front) -> None:
    secret, _ = await here.accounts.invite("ana", by="test")
    async with here.browser() as browser:
        page = await browser.get(f"/welcome/{secret}")

    assert page.status_code == 200
    assert page.headers.get_list("referrer-policy") == ["strict-origin"]


async def test_who_has_to_sign_in_goes_on_to_what_he_asked_unless_that_is_very_long(here: Front) -> None:
    async with here.browser() as browser:
        short = await browser.get("/alarms?q=" + "a" * 500)
        long = await browser.get("/alarms?q=" + "%25" * 5000)

    assert short.headers["location"].endswith("a" * 500)
    assert long.headers["location"] == "/login"
