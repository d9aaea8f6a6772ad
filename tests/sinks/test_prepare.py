"""What `influx setup` does on 2.x and 3.x, which answer here as their documentation says; on 1.x: tests/cli."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from monitor.errors import SinkUnavailable
from monitor.sinks.influxdb.buckets import Refused
from monitor.sinks.influxdb.check import examine
from monitor.sinks.influxdb.prepare import Step, asks_for_password, prepare
from monitor.site import InfluxSettings, SinkFilter
from tests.servers.http import WebServer
from tests.sinks.kept import Kept
from tests.sinks.later_influxdb import OPERATOR, Influx2, Influx3, serving
from tests.sinks.site import a_site

DAY = 86_400.0


def settings(web: WebServer, **more: Any) -> InfluxSettings:
    given = {"org": "facility", "secret": "influxdb", "retention": 365 * DAY, "access_retention": 90 * DAY, **more}
    return InfluxSettings(url=web.url, **given)


def said(given: InfluxSettings, kept: Kept, **more: Any) -> Sequence[Step]:
    return list(prepare(given, a_site(), admin=OPERATOR, files=kept, **more))


def test_2x_gets_buckets_and_tokens_with_no_more_than_their_rights():
    influx, kept = Influx2(), Kept()
    with serving(influx) as web:
        assert asks_for_password(settings(web))
        first = said(settings(web), kept)
        before = dict(kept.variables)
        again = said(settings(web, token=kept.token), kept)

    lasting = {name: each["retentionRules"] for name, each in influx.buckets.items()}
    assert lasting == {
        "facility": [{"type": "expire", "everySeconds": 365 * 86_400}],
        "facility-access": [{"type": "expire", "everySeconds": 90 * 86_400}],
    }
    idents = {each["id"] for each in influx.buckets.values()}
    assert influx.tokens[kept.token] == {("write", ident) for ident in idents}
    assert read_by(influx, kept) == {
        "FACILITY_INFLUXDB_PASSWORD": {"facility"},
        "FACILITY_INFLUXDB_ACCESS_PASSWORD": {"facility-access"},
    }
    assert [told for _, told in influx.described.values()] == [
        "facility-monitor hq influxdb: write",
        "facility-monitor hq influxdb: read facility",
        "facility-monitor hq influxdb: read facility-access",
    ]
    assert [step.state for step in first] == ["made"] * 6
    assert {step.state for step in again} == {"kept"}
    assert (dict(kept.variables), len(influx.tokens)) == (before, 3)


def read_by(influx: Influx2, kept: Kept) -> dict[str, set[str]]:
    """Which buckets each of Grafana's tokens may read, and that it may do nothing else."""
    names = {each["id"]: name for name, each in influx.buckets.items()}
    found = {}
    for variable in ("FACILITY_INFLUXDB_PASSWORD", "FACILITY_INFLUXDB_ACCESS_PASSWORD"):
        rights = influx.tokens.get(kept.variables.get(variable, ""), set())
        assert {action for action, _ in rights} <= {"read"}
        found[variable] = {names[ident] for _, ident in rights}
    return found


def with_one_token_for_both(influx: Influx2, web: WebServer, description: str) -> Kept:
    """As an earlier setup has left it, or somebody by hand: one token of Grafana's, which reads both buckets."""
    kept = Kept()
    said(settings(web), kept)
    idents = {each["id"] for each in influx.buckets.values()}
    influx.tokens["one-token-that-reads-both-buckets-of-the-site"] = {("read", ident) for ident in idents}
    influx.described["one-token-that-reads-both-buckets-of-the-site"] = ("00000000000000ff", description)
    for variable in ("FACILITY_INFLUXDB_PASSWORD", "FACILITY_INFLUXDB_ACCESS_PASSWORD"):
        token = kept.variables[variable]
        del influx.tokens[token], influx.described[token]
    four = {name: value for name, value in kept.variables.items() if "ACCESS" not in name}
    kept.variables = four | {"FACILITY_INFLUXDB_PASSWORD": "one-token-that-reads-both-buckets-of-the-site"}
    influx.lines["facility-access"] = [b'access,device=front event="card" 1']
    return kept


@pytest.mark.parametrize("broken_off_after", [4, 5, 9])
def test_2x_token_that_an_earlier_setup_let_read_both_is_replaced(broken_off_after: int):
    influx = Influx2()
    with serving(influx) as web:
        kept = with_one_token_for_both(influx, web, "facility-monitor hq influxdb: read")
        wanted = settings(web, token=kept.token)
        first = prepare(wanted, a_site(), admin=OPERATOR, files=kept)
        told = [step for step, _ in zip(first, range(broken_off_after), strict=False)]
        first.close()
        told += said(wanted, kept)
        last = said(wanted, kept)

    assert "one-token-that-reads-both-buckets-of-the-site" not in influx.tokens
    assert read_by(influx, kept) == {
        "FACILITY_INFLUXDB_PASSWORD": {"facility"},
        "FACILITY_INFLUXDB_ACCESS_PASSWORD": {"facility-access"},
    }
    assert "left" not in {step.state for step in told}
    assert {step.state for step in last} == {"kept"}


@pytest.mark.parametrize(
    ("description", "tells"), [("made by hand", True), ("facility-monitor hq influxdb: read", False)]
)
def test_2x_token_that_is_not_known_to_be_setups_is_told_and_left(description: str, *, tells: bool):
    influx = Influx2(tells_tokens=tells)
    with serving(influx) as web:
        kept = with_one_token_for_both(influx, web, description)
        steps = said(settings(web, token=kept.token), kept)

    [left] = [step for step in steps if step.state == "left"]
    assert "whoever may ask in Grafana can see doors and cards" in left.told
    assert "take FACILITY_INFLUXDB_PASSWORD out" in left.what_to_do
    assert "one-token-that-reads-both-buckets-of-the-site" in influx.tokens
    assert read_by(influx, kept)["FACILITY_INFLUXDB_ACCESS_PASSWORD"] == {"facility-access"}


def test_2x_bucket_of_another_retention_is_changed_only_when_that_is_said():
    influx, kept = Influx2(), Kept()
    with serving(influx) as web:
        said(settings(web, retention=None), kept)
        wanted = settings(web, token=kept.token)
        [left] = [step for step in said(wanted, kept) if step.state == "left"]
        assert influx.buckets["facility"]["retentionRules"] == []
        states = {step.state for step in said(wanted, kept, alter=True)}

    assert left.told == "facility is there and keeps its points for ever, not for 365 days"
    assert states == {"kept", "changed"}
    assert influx.buckets["facility"]["retentionRules"] == [{"type": "expire", "everySeconds": 365 * 86_400}]


def test_2x_token_that_may_not_write_is_told_and_left():
    influx, kept = Influx2(), Kept()
    with serving(influx) as web:
        steps = said(settings(web, token="somebody-else-s"), kept)

    [left] = [step for step in steps if step.state == "left"]
    assert (left.what, left.told) == ("token", "the token of the site file may not write")
    assert kept.token == ""


def test_a_sink_without_access_has_no_bucket_for_it():
    influx, kept = Influx2(), Kept()
    with serving(influx) as web:
        given = settings(web, filter=SinkFilter(kinds=frozenset({"usage"})))
        said(given, kept)
        looked = examine(replace(given, token=kept.token), a_site(), now=lambda: 0)

    assert set(influx.buckets) == {"facility"}
    assert not [name for name in kept.variables if "ACCESS" in name]
    assert "access_bucket" not in {each.check for each in looked}
    assert next(each.state for each in looked if each.check == "bucket") == "fine"


def test_one_bucket_for_both_has_one_reader_and_that_is_told():
    influx, kept = Influx2(), Kept()
    with serving(influx) as web:
        steps = said(settings(web, access_bucket="facility"), kept)

    assert set(influx.buckets) == {"facility"}
    assert not [name for name in kept.variables if "ACCESS" in name]
    assert steps[-1].told.startswith("doors and cards are in facility beside all else")


def test_2x_where_the_organisation_is_wrong_nothing_is_made():
    influx, kept = Influx2(), Kept()
    with serving(influx) as web, pytest.raises(Refused, match="no organisation 'other'"):
        said(settings(web, org="other"), kept)

    assert (influx.buckets, influx.tokens) == ({}, {})


def test_a_site_that_may_erase_people_gets_a_token_that_reads_too():
    influx, kept = Influx2(), Kept()
    site = a_site()
    site = replace(site, access=replace(site.access, pseudonyms=True))
    with serving(influx) as web:
        list(prepare(settings(web), site, admin=OPERATOR, files=kept))

    assert {action for action, _ in influx.tokens[kept.token]} == {"write", "read"}


def test_3x_gets_its_databases_and_is_told_how_tokens_are_made():
    influx, kept = Influx3(), Kept()
    influx.retention["facility"] = None  # by a write before
    with serving(influx) as web:
        first = said(settings(web), kept)
        changed = said(settings(web, token="a-token-of-the-site"), kept, alter=True)

    assert [(step.what, step.state) for step in first] == [
        ("bucket", "left"), ("bucket", "made"), ("token", "left"), ("token", "left"), ("token", "left"),
        ("grafana", "made"),
    ]  # fmt: skip
    assert '"db:facility:read"' in first[3].what_to_do
    assert '"db:facility-access:read"' in first[4].what_to_do
    assert "whose tokens may do everything" in first[4].what_to_do
    assert "influxdb3 create token" in first[2].what_to_do
    assert "db:facility,facility-access:write" in first[2].what_to_do
    assert [step.state for step in changed][:3] == ["changed", "changed", "kept"]
    assert influx.retention == {"facility": "8760h", "facility-access": "2160h"}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/api/v2/buckets", b"<html>login</html>"),
        ("/api/v2/buckets", b'{"buckets": [{"name": "facility"}]}'),
        ("/api/v2/buckets", b'{"buckets": ["facility"]}'),
        ("/api/v2/buckets", b'{"buckets": [{"name": "facility", "id": "../../x", "retentionRules": []}]}'),
        ("/api/v2/buckets", b"[" * 100_000),
        ("/api/v2/orgs", b'{"orgs": [{"name": "facility", "id": 7}]}'),
        ("/api/v2/authorizations", b'{"token": ""}'),
        ("/api/v2/authorizations", json.dumps({"token": "x" * 30 + "\nFACILITY_INFLUXDB_URL=evil"}).encode()),
        ("/api/v2/authorizations", b'{"token": 5}'),
        ("/api/v2/authorizations", b'{"token": "' + b"x" * 5_000_000 + b'"}'),
    ],
    ids=range(10),
)
def test_an_answer_that_is_not_influxdbs_is_never_taken_for_one(path: str, answer: bytes):
    influx, kept = Influx2(), Kept()

    def crooked(request: Any) -> Any:
        return (200, {}, answer) if request.path.startswith(path) else influx(request)

    with serving(influx) as web:
        web.handle = crooked
        with pytest.raises(SinkUnavailable):
            said(settings(web), kept)

    assert kept.token == ""
