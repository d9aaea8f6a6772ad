"""What `influx check` finds, on the real InfluxDB wherever it can be brought to it."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
import urllib3

from monitor.errors import SinkUnavailable
from monitor.sinks.influxdb.buckets import Buckets
from monitor.sinks.influxdb.check import Finding, examine
from monitor.sinks.influxdb.client import InfluxClient
from monitor.site import InfluxSettings
from tests.servers.http import Answer, Request, WebServer
from tests.servers.influxdb import InfluxServer
from tests.servers.ports import free_port
from tests.sinks.front import as_2x, breaking
from tests.sinks.site import NOW, a_site

_POLICY = b'{"results":[{"series":[{"columns":["name","duration","default"],"values":[["a","%bh",true]]}]}]}'
_RULE = b'{"buckets":[{"name":"facility","id":"a","retentionRules":[{"everySeconds":%b}]}]}'
BEYOND_MEASURE = [
    b"[" * 100_000,
    _POLICY % (b"9" * 400),
    _RULE % (b"9" * 400),
    _RULE % b"1e999",
    b'{"buckets":[{"name":"facility","id":"a","retentionRules":7}]}',
    b'{"results":[{"series":[{"name":[1],"columns":["a","b"],"values":[["a","b"]]}]}]}',
    b'[{"iox::database":["facility"]}]',
]

Make = Callable[..., InfluxSettings]


def look(settings: InfluxSettings) -> dict[str, Finding]:
    """The findings by name, with a clock that agrees; `types` of the second bucket wins."""
    return {each.check: each for each in examine(settings, a_site(), now=lambda: time.time_ns() // 1_000_000)}


def states(found: dict[str, Finding]) -> dict[str, str]:
    return {name: finding.state for name, finding in found.items()}


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as web:
        yield web


def test_everything_is_fine_and_nothing_is_created(settings: Make, server: InfluxServer, database: str):
    before = server.query("SHOW DATABASES")
    found = look(settings(api="auto"))

    assert states(found) == {
        "server": "fine",
        "version": "fine",
        "clock": "fine",
        "token": "fine",
        "bucket": "fine",
        "access_bucket": "fine",
        "retention": "fine",
        "types": "fine",
    }
    assert found["version"].found.startswith("InfluxDB 1.6.7")
    assert server.query("SHOW DATABASES") == before
    assert server.query("SHOW MEASUREMENTS", database) == []


@pytest.mark.parametrize("token", ["admin:wrong", "nobody:x", ""])
def test_a_wrong_token_is_told_without_being_shown(token: str, settings: Make):
    found = look(settings(token=token))

    assert found["token"].state == "wrong"
    assert "user:password" in found["token"].what_to_do
    assert "bucket" not in found
    assert "wrong:" not in str(found)
    assert "admin:" not in str(found)


def test_a_token_of_2x_for_a_server_of_1x_is_told(settings: Make):
    found = look(settings(token="abcdefgh==", api="auto"))

    assert found["token"].state == "wrong"
    assert "user:password" in found["token"].found


@pytest.mark.fault(
    "database misconfigured",
    part="web and commands",
    outcome="`influx check` names what is wrong, with the command that mends it.",
)
@pytest.mark.parametrize("which", ["bucket", "access_bucket"])
def test_a_database_that_is_not_there_is_named_with_the_command_that_creates_it(
    which: str, settings: Make, server: InfluxServer
):
    found = look(settings(**{which: "absent"}))

    assert states(found) | {which: "wrong"} == states(found)
    assert 'CREATE DATABASE "absent"' in found[which].what_to_do
    assert found["token"].state == "fine"
    assert {"name": "absent"} not in server.query("SHOW DATABASES")


def test_a_token_that_may_not_write_is_told_with_the_grant_and_one_that_only_may_write_is_fine(
    settings: Make, server: InfluxServer, database: str
):
    server.query("CREATE USER writer WITH PASSWORD 'right'")
    try:
        server.query(f'GRANT WRITE ON "{database}" TO writer')
        found = look(settings(token="writer:right"))
    finally:
        server.query("DROP USER writer")

    assert found["bucket"].state == "fine"
    assert found["access_bucket"].state == "wrong"
    assert found["access_bucket"].what_to_do == f'`GRANT WRITE ON "{database}-access" TO writer`'
    assert found["types"].state == "unknown"  # it may not read


def test_a_conflict_of_types_is_named_with_what_it_has_and_wants(
    settings: Make, server: InfluxServer, database: str
):
    http = urllib3.PoolManager(retries=False)
    lines = f"electricity,device=x power_w=7i,open=1i {NOW}\nsafety alarm=1i {NOW}\nother power_w=7i {NOW}"
    answer = http.request(
        "POST",
        f"{server.url}/write?db={database}&precision=ms",
        body=lines,
        headers=urllib3.make_headers(basic_auth=server.token),
    )
    assert answer.status == 204
    findings = examine(settings(), a_site(), now=lambda: time.time_ns() // 1_000_000)

    wrong = [each for each in findings if each.state == "wrong"]
    assert [each.check for each in wrong] == ["types"]
    assert "electricity.power_w is integer and wants float" in wrong[0].found
    assert "safety.alarm is integer and wants boolean" in wrong[0].found
    assert "other" not in wrong[0].found
    assert "electricity.open" not in wrong[0].found  # no device of the site has it
    assert "dead-letters retry" in wrong[0].what_to_do


def test_a_server_that_is_away_is_told_with_what_to_do(settings: Make):
    found = look(settings(url=f"http://127.0.0.1:{free_port()}"))

    assert states(found) == {"server": "wrong"}
    assert "systemctl start influxdb" in found["server"].what_to_do


def test_a_name_that_nobody_knows_is_told(settings: Make):
    found = look(settings(url="http://influxdb.invalid:8086"))

    assert "getent hosts" in found["server"].what_to_do


@pytest.mark.parametrize("ending", ["reset", "half"])
def test_a_connection_that_breaks_is_told(ending: str, settings: Make):
    with breaking(ending) as url:
        assert states(look(settings(url=url))) == {"server": "wrong"}


def test_a_certificate_that_nobody_trusts_is_told(settings: Make):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        found = look(settings(url=f"https://127.0.0.1:{server.server_address[1]}"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert "certificate" in found["server"].what_to_do


@pytest.mark.parametrize(
    ("seconds", "state", "says"),
    [(0, "fine", "agrees"), (20, "warning", "20 s ahead of"), (-7200, "wrong", "7200 s behind")],
)
def test_a_difference_of_the_clocks_is_told(seconds: int, state: str, says: str, settings: Make, web: WebServer):
    def handle(_: Request) -> Answer:
        return 204, {"Date": formatdate(NOW / 1000 + seconds, usegmt=True), "X-Influxdb-Version": "1.8.10"}

    web.handle = handle
    findings = examine(settings(url=web.url), a_site(), now=lambda: NOW)
    [clock] = [each for each in findings if each.check == "clock"]

    assert (clock.state, says in clock.found) == (state, True)


def test_what_is_not_influxdb_is_told(settings: Make, web: WebServer):
    web.otherwise = 404
    found = look(settings(url=web.url, api="auto"))

    assert found["version"].state == "warning"
    assert found["bucket"].state == "wrong"
    assert "`url`" in found["bucket"].what_to_do


@pytest.mark.parametrize(
    ("version", "api", "state"),
    [
        ("1.6.7~rc0", "v2", "wrong"),
        ("1.8.10", "v2", "fine"),
        ("v2.7.1", "v1", "warning"),
        ("v2.7.1", "auto", "fine"),
        ("3.1.0", "auto", "fine"),
    ],
)
def test_an_api_that_the_version_does_not_have_is_told(
    version: str, api: str, state: str, settings: Make, web: WebServer
):
    web.answers = [(204, {"X-Influxdb-Version": version})]
    found = look(settings(url=web.url, api=api))

    assert found["version"].state == state


# 2.x and 3.x, before a real 1.6.7 or scripted ------------------------------------------------------------------


def like_2x(server: InfluxServer, *, mapped: bool = True) -> Callable[[Request], Answer]:
    """2.x's words before a real 1.6.7: /ping, /api/v2/write (no lines are 400) and InfluxQL with a token."""
    write, http = as_2x(server), urllib3.PoolManager(retries=False, timeout=20)

    def handle(request: Request) -> Answer:  # noqa: PLR0911 - one for each thing it can say
        path = urlsplit(request.path).path
        if path == "/ping":
            return 204, {"X-Influxdb-Version": "v2.7.1"}
        if request.headers.get("Authorization") != "Token good":
            return 401, {}, b'{"code":"unauthorized","message":"unauthorized access"}'
        query = parse_qs(urlsplit(request.path).query)
        if path == "/api/v2/write":
            status, headers, body = (*write(request), b"")[:3]  # type: ignore[misc]
            if status == 404:
                return 404, {}, b'{"code":"not found","message":"bucket \\"absent\\" not found"}'
            if status == 204 and not request.body:
                return 400, {}, b'{"code":"invalid","message":"writing requires points"}'
            return status, headers, body
        if path == "/api/v2/buckets":
            return 200, {}, json.dumps({"buckets": [{"name": query["name"][0], "retentionRules": []}]}).encode()
        if not mapped:
            return 404, {}, b'{"code":"not found","message":"no dbrp mapping found"}'
        answer = http.request(
            "GET",
            f"{server.url}/query",
            fields={"db": query["db"][0], "q": query["q"][0]},
            headers=urllib3.make_headers(basic_auth=server.token),
        )
        return answer.status, {}, answer.data

    return handle


def test_everything_is_fine_with_2x(settings: Make, server: InfluxServer, web: WebServer):
    web.handle = like_2x(server)
    found = look(settings(url=web.url, api="auto", token="good"))

    assert set(states(found).values()) == {"fine"}
    assert found["mapping"].found.startswith("InfluxQL")


def test_a_wrong_token_and_an_absent_bucket_are_told_with_2x(settings: Make, server: InfluxServer, web: WebServer):
    web.handle = like_2x(server)
    stranger = look(settings(url=web.url, api="auto", token="bad"))
    lost = look(settings(url=web.url, api="auto", token="good", bucket="absent"))

    assert (stranger["token"].state, "unauthorized access" in stranger["token"].found) == ("wrong", True)
    assert "bad" not in str(stranger)
    assert lost["bucket"].state == "wrong"
    assert "influx bucket create --name absent" in lost["bucket"].what_to_do
    assert lost["access_bucket"].state == "fine"


def test_a_bucket_that_influxql_does_not_find_is_told_with_the_mapping_it_needs(
    settings: Make, server: InfluxServer, web: WebServer
):
    web.handle = like_2x(server, mapped=False)
    found = look(settings(url=web.url, api="auto", token="good"))

    assert found["mapping"].state == "wrong"
    assert "influx v1 dbrp create" in found["mapping"].what_to_do


def test_no_write_is_tried_with_3x_which_might_create_a_database(settings: Make, web: WebServer):
    def handle(request: Request) -> Answer:
        if request.path == "/ping":
            return 200, {"X-Influxdb-Version": "3.1.0"}
        if request.path.startswith("/api/v3/configure/database"):
            return 200, {}, b'[{"iox::database":"facility"}]'
        return 200, {}, b'{"results":[{"statement_id":0}]}'

    web.handle = handle
    found = look(replace(settings(url=web.url, api="auto", token="t"), bucket="facility", access_bucket="other"))

    assert (found["bucket"].state, found["access_bucket"].state) == ("fine", "warning")
    assert {request.method for request in web.requests} == {"GET"}


@pytest.mark.parametrize("version", ["1.6.7", "2.7.1", "3.0.0"])
@pytest.mark.parametrize("body", BEYOND_MEASURE)
def test_answers_beyond_all_measure_are_survived(version: str, body: bytes, settings: Make, web: WebServer):
    is_told = {"/ping", "/write", "/api/v2/write"}
    web.handle = lambda request: (
        (204, {"X-Influxdb-Version": version}, b"") if urlsplit(request.path).path in is_told else (200, {}, body)
    )
    given = replace(settings(url=web.url, api="auto", token="a:b"), bucket="facility", access_bucket="doors")
    found = look(given)
    client = InfluxClient(given)
    with suppress(SinkUnavailable):
        Buckets(client, given.org).find("facility")
    client.close()

    assert found["server"].state == "fine"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"results":7}', b'{"results":[{"series":[7]}]}', b"\xff" * 99]
)
def test_answers_that_make_no_sense_are_survived(body: bytes, settings: Make, web: WebServer):
    web.handle = lambda _: (200, {"X-Influxdb-Version": "\x7f.x", "Date": "never"}, body)
    found = look(settings(url=web.url, api="auto"))

    assert found["server"].state == "fine"
    assert found["clock"].state == "unknown"
