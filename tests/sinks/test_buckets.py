"""Buckets that are missing are made with their retention, where the server lets us; `influx check` compares it."""

import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from monitor.journal.state import State
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb.buckets import in_words, quoted, seconds_of
from monitor.sinks.influxdb.check import Finding, examine
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings
from tests.servers.http import Answer, Request
from tests.servers.influxdb import InfluxServer, influxdb
from tests.sinks.later_influxdb import OPERATOR, Influx2, serving
from tests.sinks.site import a_site, event, reading, recorded

DAY = 86_400.0
BATCH = recorded(reading("e-main", power_w=1.0), event("card", result="granted"))


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    """As Debian installs it: nobody is asked for a password."""
    with influxdb(tmp_path_factory.mktemp("open"), auth=False) as server:
        yield server


def lasting(server: InfluxServer, database: str) -> str:
    [policy] = server.query(f"SHOW RETENTION POLICIES ON {quoted(database)}")
    return str(policy["duration"])


async def test_databases_that_are_missing_are_made_with_their_retention(open_to_all: InfluxServer, state: State):
    given = InfluxSettings(
        url=open_to_all.url,
        bucket="new",
        access_bucket="new-access",
        retention=400 * DAY,
        access_retention=90 * DAY,
    )
    sink = InfluxSink(given, a_site(), state)
    with capture_logs() as logs:
        await sink.write(BATCH)
        await sink.write(BATCH)
    await sink.close()

    assert [each["event"] for each in logs] == ["influx_bucket_created"] * 2
    assert [(each["bucket"], each["kept"]) for each in logs] == [("new", "400 days"), ("new-access", "90 days")]
    assert (lasting(open_to_all, "new"), lasting(open_to_all, "new-access")) == ("9600h0m0s", "2160h0m0s")
    assert len(open_to_all.query("SELECT power_w FROM electricity", "new")) == 1
    assert len(open_to_all.query("SELECT event FROM access", "new-access")) == 1


async def test_without_a_retention_points_are_kept_for_ever(open_to_all: InfluxServer, state: State):
    sink = InfluxSink(InfluxSettings(url=open_to_all.url, bucket='odd "name" für 1'), a_site(), state)
    await sink.write(BATCH[:1])
    await sink.close()

    [name] = [each["name"] for each in open_to_all.query("SHOW DATABASES") if each["name"].startswith("odd")]
    assert name == 'odd "name" für 1'
    assert lasting(open_to_all, name) == "0s"


async def test_a_token_without_the_right_tries_once_in_an_outage_and_names_the_command(
    state: State,
):
    tried: list[str] = []
    influx = Influx2()

    def watched(request: Request) -> Answer:
        tried.append(f"{request.method} {urlsplit(request.path).path}")
        return influx(request)

    with serving(influx) as web:
        web.handle = watched
        influx.tokens["writer"] = {("write", "1".zfill(16))}
        sink = InfluxSink(InfluxSettings(url=web.url, org="facility", token="writer"), a_site(), state)
        for _ in range(3):
            with pytest.raises(SinkMisconfigured) as refused:
                await sink.write(BATCH[:1])
            assert "facility-monitor influx setup FILE" in refused.value.what_to_do
        first_outage = tried.count("GET /api/v2/orgs") + tried.count("POST /api/v2/buckets")
        influx.buckets["facility"] = {"name": "facility", "id": "1".zfill(16), "retentionRules": []}
        await sink.write(BATCH[:1])
        del influx.buckets["facility"]
        with pytest.raises(SinkMisconfigured):
            await sink.write(BATCH[:1])
        await sink.close()

    assert first_outage == 1
    assert tried.count("GET /api/v2/orgs") + tried.count("POST /api/v2/buckets") == 2
    assert len(influx.lines["facility"]) == 1


async def test_a_user_of_1x_who_may_only_write_is_told_what_the_administrator_says(
    server: InfluxServer, settings: Callable[..., InfluxSettings], state: State
):
    server.query("CREATE USER writer WITH PASSWORD 'right'")
    sink = InfluxSink(settings(token="writer:right", bucket="absent"), a_site(), state)
    try:
        with pytest.raises(SinkMisconfigured, match="requires admin privilege") as refused:
            await sink.write(BATCH[:1])
    finally:
        server.query("DROP USER writer")
        await sink.close()

    assert "`facility-monitor influx setup FILE`" in refused.value.what_to_do


async def test_2x_gets_a_bucket_of_the_organisation(state: State):
    influx = Influx2()
    with serving(influx) as web:
        given = InfluxSettings(url=web.url, org="facility", token=OPERATOR, retention=30 * DAY)
        sink = InfluxSink(given, a_site(), state)
        await sink.write(BATCH[:1])
        await sink.close()

    assert influx.buckets["facility"]["retentionRules"] == [{"type": "expire", "everySeconds": 30 * 86_400}]
    assert len(influx.lines["facility"]) == 1


# influx check ---------------------------------------------------------------------------------------------


def found(given: InfluxSettings) -> Sequence[Finding]:
    findings = examine(given, a_site(), now=lambda: time.time_ns() // 1_000_000)
    return [each for each in findings if each.check == "retention"]


@pytest.mark.parametrize(
    ("wanted", "has", "state", "words"),
    [
        (None, "30d", "fine", "for 30 days"),
        (30 * DAY, "30d", "fine", "for 30 days"),
        (90 * DAY, "30d", "wrong", "for 30 days, not for 90 days"),
        (30 * DAY, "INF", "warning", "for ever, longer than the site says: for 30 days"),
    ],
)
def test_retention_is_compared_with_the_settings(  # noqa: PLR0917 - fixtures
    wanted: float | None, has: str, state: str, words: str, settings: Callable[..., InfluxSettings],
    server: InfluxServer, database: str,
):  # fmt: skip
    server.query(f'ALTER RETENTION POLICY autogen ON "{database}" DURATION {has}')
    main, _ = found(settings(retention=wanted))

    assert main.state == state
    assert words in main.found
    assert ("influx setup" in main.what_to_do) == (state != "fine")


def test_access_kept_for_longer_than_the_site_says_is_a_warning(
    settings: Callable[..., InfluxSettings], server: InfluxServer, database: str
):
    longer = found(settings(access_retention=90 * DAY))[1]
    server.query(f'ALTER RETENTION POLICY autogen ON "{database}-access" DURATION 10d')
    shorter = found(settings(access_retention=90 * DAY))[1]

    assert (longer.state, shorter.state) == ("warning", "warning")
    assert "`access_retention`" in longer.what_to_do
    assert f"{database}-access keeps its points for 10 days, not for 90 days" in shorter.found


def test_retention_of_2x_is_compared_and_one_that_cannot_be_seen_is_unknown():
    influx = Influx2()
    influx.buckets = {
        name: {"name": name, "id": f"{number:016x}", "retentionRules": rules}
        for number, (name, rules) in enumerate(
            (("facility", [{"type": "expire", "everySeconds": 3600}]), ("facility-access", []))
        )
    }
    influx.tokens["writer"] = {("write", each["id"]) for each in influx.buckets.values()}
    with serving(influx) as web:
        given = InfluxSettings(url=web.url, org="facility", retention=DAY, access_retention=DAY)
        seen = found(InfluxSettings(**{**_fields(given), "token": OPERATOR}))
        unseen = found(InfluxSettings(**{**_fields(given), "token": "writer"}))

    assert [each.state for each in seen] == ["wrong", "warning"]
    assert [each.state for each in unseen] == ["unknown", "unknown"]


def _fields(given: InfluxSettings) -> dict[str, object]:
    return {name: getattr(given, name) for name in ("url", "org", "retention", "access_retention")}


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", None), ("2160h0m0s", 90 * DAY), ("1w2d", 9 * DAY), ("1h30m", 5400.0)]
)
def test_a_duration_of_influxdb_is_read(text: str, seconds: float | None):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "for ever", "1h forever", "-1h", "1y"])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(ValueError, match="no duration"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "for ever"), (3600.0, "1 hour"), (90 * DAY, "90 days"), (5 * 31_557_600.0, "1826.25 days")],
)
def test_retention_is_told_in_words(seconds: float | None, words: str):
    assert in_words(seconds) == words
