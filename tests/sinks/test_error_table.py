"""Every way in which InfluxDB can say no, or nothing: what becomes of what was to be written.

The table is in docs/influxdb.md. InfluxDB is real wherever it can be brought to the answer; a scripted HTTP server
stands before it, or in its place, for the others.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Reading
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.pace import Pace
from monitor.sinks.runner import SinkRunner
from monitor.site import InfluxSettings
from tests.clock import ManualClock
from tests.servers.http import WebServer
from tests.servers.influxdb import InfluxServer
from tests.servers.ports import free_port
from tests.sinks.front import as_2x, breaking
from tests.sinks.site import NOW, a_site, reading
from tests.sinks.test_runner import a_runner, append, running, until

Make = Callable[..., InfluxSettings]


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as web:
        web.otherwise = 204
        yield web


class Box:
    """A runner on a real journal, and what is asked of it."""

    def __init__(self, journal: SqliteJournal, state: State, settings: InfluxSettings) -> None:
        self.journal = journal
        self.state = state
        self.sink = InfluxSink(settings, a_site(), state)
        self.runner = a_runner(journal, state, self.sink)

    async def letters(self) -> list[Any]:
        return await self.state.query("SELECT * FROM dead_letters ORDER BY position")

    @property
    def facts(self) -> Any:
        return self.runner.status()

    async def written(self) -> None:
        await until(lambda: self.facts["lag"] == 0)


@pytest.fixture
def box(journal: SqliteJournal, state: State) -> Callable[[InfluxSettings], Box]:
    return lambda settings: Box(journal, state, settings)


Boxes = Callable[[InfluxSettings], Box]


def pump(word: str | float, number: int) -> Reading:
    return Reading(device="pump", time=NOW + number, arrived=NOW, values={"state": word})


# 400 and 422: a partial write ------------------------------------------------------------------------------


@pytest.mark.fault(
    "database refuses lines",
    part="InfluxDB sink",
    outcome="The bad lines go to the dead letters with their reason; their neighbours are kept, and"
    " nothing is blocked.",
)
@pytest.mark.parametrize("status", [400, 422])
async def test_a_partial_write_leaves_the_bad_lines_with_their_reasons_and_keeps_their_neighbours(  # noqa: PLR0917 - fixtures
    status: int, box: Boxes, settings: Make, server: InfluxServer, database: str, web: WebServer
):
    web.handle = as_2x(server)
    there = settings() if status == 400 else settings(url=web.url, api="v2")
    one = box(there)
    async with running(one.runner):
        await append(one.journal, pump("idle", 0))
        await one.written()
        await append(one.journal, *(pump(1.0 if number in {7, 31} else "busy", number) for number in range(1, 60)))
        await one.written()

    reason = f"{status}: field type conflict: state of equipment has the type string in InfluxDB and wants float"
    assert [(each["position"], each["reason"]) for each in await one.letters()] == [(8, reason), (32, reason)]
    assert len(server.query('SELECT "state" FROM "equipment"', database)) == 58
    assert one.facts["last_rejection"] == reason
    bodies = [request.body for request in web.requests]
    assert len(bodies) == len(set(bodies))  # nothing that was refused is sent again as it was


async def test_a_conflict_of_types_in_the_words_of_3x_is_named(box: Boxes, web: WebServer):
    said = {
        "error": "partial write of line protocol occurred",
        "data": [
            {
                "line_number": 1,
                "error_message": "invalid column type for column 'power_w', "
                "expected iox::column_type::field::integer, got iox::column_type::field::float",
            }
        ],
    }
    web.answers = [(400, {}, json.dumps(said).encode())]
    one = box(InfluxSettings(url=web.url, api="v2"))
    async with running(one.runner):
        await append(one.journal, reading("e-main", power_w=1.0))
        await one.written()

    [letter] = await one.letters()
    assert letter["reason"] == "400: field type conflict: power_w has the type integer in InfluxDB and wants float"


async def test_a_400_that_is_not_about_lines_loses_nothing(box: Boxes, web: WebServer):
    web.answers = [(400, {}, b"<html>The plain HTTP request was sent to HTTPS port</html>")]
    one = box(InfluxSettings(url=web.url, api="v2"))
    async with running(one.runner):
        await append(one.journal, reading("e-main", power_w=1.0))
        await one.written()

    assert await one.letters() == []
    assert len(web.taken) == 1


# 401, 403, 404: somebody has to mend a setting ---------------------------------------------------------------


@pytest.mark.fault(
    "database misconfigured",
    part="InfluxDB sink",
    outcome="Wrong token, absent bucket, wrong address: everything is kept, tried slowly, and the log"
    " says once what to do.",
)
@pytest.mark.parametrize(
    ("status", "token", "advice", "mend"),
    [
        (401, "writer:wrong", "check `token`", ["SET PASSWORD FOR writer = 'wrong'"]),
        (403, "writer:right", "let the token write to the bucket", ['GRANT WRITE ON "{}" TO writer']),
        (404, "writer:right", "create the bucket", ['CREATE DATABASE "{}"', 'GRANT WRITE ON "{}" TO writer']),
    ],
)
async def test_a_wrong_setting_keeps_everything_is_logged_once_and_says_what_to_do(  # noqa: PLR0917 - fixtures
    status: int, token: str, advice: str, mend: list[str], box: Boxes, settings: Make, server: InfluxServer,
    database: str,
):  # fmt: skip
    server.query("CREATE USER writer WITH PASSWORD 'right'")
    if status == 401:
        server.query(f'GRANT WRITE ON "{database}" TO writer')
    if status == 404:
        server.drop(database)
    one = box(settings(token=token))
    try:
        with capture_logs() as logs:
            async with running(one.runner):
                await append(one.journal, reading("e-main", power_w=1.0))
                await until(lambda: str(status) in one.facts["last_error"])
                facts = one.facts
                await until(lambda: len(one.runner._live) == 0)
                for each in mend:
                    server.query(each.format(database))
                await one.written()
    finally:
        server.query("DROP USER writer")

    assert (facts["problem"], facts["lag"]) == ("SinkMisconfigured", 1)
    assert facts["what_to_do"].startswith(advice)
    assert [each["event"] for each in logs] == ["sink_down", "sink_up"]
    assert await one.letters() == []
    assert len(server.query('SELECT * FROM "electricity"', database)) == 1
    assert "what_to_do" not in one.facts


@pytest.mark.fault(
    "database misconfigured",
    part="InfluxDB sink",
    outcome="It is no success and followed nowhere: a wrong `url`, and everything is kept.",
)
@pytest.mark.parametrize("status", [200, 302, 405])
async def test_an_answer_that_is_not_influxdbs_is_a_wrong_address_and_not_a_success(
    status: int, box: Boxes, web: WebServer
):
    web.answers = [(status, {"Location": "/login"}, b"<html>Please log in</html>")]
    one = box(InfluxSettings(url=web.url, api="v2"))
    async with running(one.runner):
        await append(one.journal, reading("e-main", power_w=1.0))
        await until(lambda: one.facts.get("problem") == "SinkMisconfigured")
        assert "`url`" in one.facts["what_to_do"]
        await one.written()

    assert len(web.taken) == (2 if status == 200 else 1)
    assert await one.letters() == []


# 413: too large -------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "database refuses lines",
    part="InfluxDB sink",
    outcome="A batch that is too large is sent in halves.",
)
async def test_what_is_too_large_is_halved_and_one_line_that_is_too_large_alone_is_a_dead_letter(
    box: Boxes, settings: Make, server: InfluxServer, database: str, web: WebServer
):
    web.handle = as_2x(server, limit=2000)
    one = box(settings(url=web.url, api="v2"))
    await append(one.journal, *(reading("e-main", NOW + each, power_w=1.0) for each in range(100)))
    await append(one.journal, pump("x" * 3000, 7), reading("w-main", volume_m3=2.0))
    async with running(one.runner):
        await one.written()

    assert server.query('SELECT count("power_w") FROM "electricity"', database)[0]["count"] == 100
    assert len(server.query('SELECT * FROM "water"', database)) == 1
    [letter] = await one.letters()
    assert letter["reason"].startswith("413")
    assert letter["position"] == 101


# Busy, broken and silent servers ---------------------------------------------------------------------------------


@pytest.mark.fault(
    "database slow or in trouble",
    part="InfluxDB sink",
    outcome="Server errors and too many requests are waited out, with growing pauses, for ever.",
)
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507])
async def test_a_server_in_trouble_is_asked_again_until_it_takes_everything(  # noqa: PLR0917 - fixtures
    status: int, box: Boxes, settings: Make, server: InfluxServer, database: str, web: WebServer
):
    web.answers = [(status, {}, b"<html>trouble</html>")] * 4
    web.handle = as_2x(server)
    one = box(settings(url=web.url, api="v2"))
    with capture_logs() as logs:
        async with running(one.runner):
            await append(one.journal, reading("e-main", power_w=1.0))
            await one.written()

    assert [(each["event"], each.get("problem")) for each in logs] == [
        ("sink_down", "SinkUnavailable"),
        ("sink_up", None),
    ]
    assert len({request.body for request in web.requests}) == 1
    assert len(web.requests) == 5
    assert await one.letters() == []
    assert len(server.query('SELECT * FROM "electricity"', database)) == 1


class NotingPace(Pace):
    """Notes the wish of each failure, and does not wait for it."""

    __slots__ = ("wishes",)

    def pause(self, error: Any, _attempt: int, _chance: float) -> float:
        self.wishes.append(error.retry_after)
        return 0.0


def _in_five_minutes(header: dict[str, str]) -> dict[str, str]:
    now = datetime.now(UTC) - timedelta(days=400)  # the box's clock is wrong: the server's own counts
    later = format_datetime(now + timedelta(minutes=5), usegmt=True)
    return {"Date": format_datetime(now, usegmt=True), "Retry-After": later, **header}


@pytest.mark.fault(
    "database slow or in trouble",
    part="InfluxDB sink",
    outcome="What the server asks for (Retry-After) is heeded.",
)
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wish"),
    [({"Retry-After": "120"}, 120), (_in_five_minutes({}), 300), ({}, None), ({"Retry-After": "soon"}, None)],
    ids=["seconds", "date", "none", "nonsense"],
)
async def test_retry_after_is_heeded_in_both_its_forms(  # noqa: PLR0917 - fixtures
    status: int, headers: dict[str, str], wish: float | None, journal: SqliteJournal, state: State, web: WebServer
):
    web.answers = [(status, headers)]
    pace = NotingPace(interval=0.01)
    object.__setattr__(pace, "wishes", [])
    sink = InfluxSink(InfluxSettings(url=web.url, api="v2"), a_site(), state)
    runner = SinkRunner(journal, state, sink, now=ManualClock().now, pace=pace)
    await append(journal, reading("e-main", power_w=1.0))
    async with running(runner):
        await until(lambda: runner.status()["lag"] == 0)

    assert pace.wishes == [wish]


@pytest.mark.fault(
    "database slow or in trouble",
    part="InfluxDB sink",
    outcome="A request without an answer ends at its deadline and is made again; nothing is there twice.",
)
async def test_a_server_that_takes_the_request_and_says_nothing_is_asked_again(
    box: Boxes, web: WebServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("monitor.sinks.influxdb.client._TIMEOUT_S", (0.5, 0.3))
    web.hang = True
    one = box(InfluxSettings(url=web.url, api="v2"))
    async with running(one.runner):
        await append(one.journal, reading("e-main", power_w=1.0))
        await until(lambda: "ReadTimeoutError" in one.facts["last_error"])
        web.hang = False
        await one.written()

    assert len(web.taken) == 1
    assert await one.letters() == []


@pytest.mark.fault(
    "connection reset",
    part="InfluxDB sink",
    outcome="A request that breaks off before or in its answer is an outage: the batch is kept and sent again.",
)
@pytest.mark.parametrize("ending", ["reset", "end", "half"])
async def test_a_connection_that_breaks_is_an_outage(ending: str, box: Boxes):
    with breaking(ending) as url:
        one = box(InfluxSettings(url=url, api="v2"))
        async with running(one.runner):
            await append(one.journal, reading("e-main", power_w=1.0))
            await until(lambda: one.facts.get("problem") == "SinkUnavailable")

    assert one.facts["lag"] == 1
    assert await one.letters() == []


async def test_a_refused_connection_is_an_outage(box: Boxes):
    one = box(InfluxSettings(url=f"http://127.0.0.1:{free_port()}"))
    async with running(one.runner):
        await append(one.journal, reading("e-main", power_w=1.0))
        await until(lambda: one.facts.get("problem") == "SinkUnavailable")

    assert "refused" in one.facts["last_error"]
    assert await one.letters() == []


async def test_a_name_that_nobody_knows_is_an_outage(box: Boxes):
    one = box(InfluxSettings(url="http://influxdb.invalid:8086"))
    async with running(one.runner):
        await append(one.journal, reading("e-main", power_w=1.0))
        await until(lambda: one.facts.get("problem") == "SinkUnavailable")

    assert "influxdb.invalid" in one.facts["last_error"]


@pytest.mark.parametrize(("ending", "problem"), [("end", "SinkUnavailable"), ("half", "SinkMisconfigured")])
async def test_tls_that_breaks_off_is_an_outage_and_none_at_all_is_a_wrong_setting(
    ending: str, problem: str, box: Boxes
):
    with breaking(ending) as url:
        one = box(InfluxSettings(url=url.replace("http:", "https:"), api="v2"))
        async with running(one.runner):
            await append(one.journal, reading("e-main", power_w=1.0))
            await until(lambda: one.facts["last_error"] != "")

    assert (one.facts["problem"], one.facts["last_error"][:4]) == (problem, "TLS:")
