"""Refusals are problem details (RFC 9457), and the description of the API names each that a route can give."""

from typing import Any

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.web.api import make_api
from monitor.web.callers import Role
from monitor.web.live import LiveState
from monitor.web.permits import PERMITS
from tests.clock import ManualClock
from tests.web.console.asking import asking, somebody
from tests.web.serving import make_parts


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/api/v1/nothing", {}, 404),
        ("GET", "/api/v1/devices/nothing", {}, 404),
        ("DELETE", "/api/v1/devices", {}, 405),
        ("GET", "/api/v1/devices/main/readings?last=0", {}, 422),
        ("POST", "/api/v1/reload", {"json": {"dry_run": "perhaps"}}, 422),
        ("POST", "/api/v1/reload", {"json": {"dry_run": False}}, 422),
        ("POST", "/api/v1/reload", {"content": b"{", "headers": {"content-type": "application/json"}}, 422),
        ("POST", "/api/v1/reload", {"data": {"dry_run": "true"}}, 415),
        ("POST", "/api/v1/reload", {"content": b" " * 70_000}, 413),
        ("GET", "/api/v1/meters/nothing", {}, 404),
    ],
)
async def test_every_refusal_says_what_to_do(  # noqa: PLR0917 - what is asked, and how
    journal: SqliteJournal, clock: ManualClock, method: str, path: str, sent: dict[str, Any], status: int
) -> None:
    async with asking(make_parts(journal, clock), somebody()) as client:
        answer = await client.request(method, path, **sent)

    told = answer.json()
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (told["type"], told["status"]) == ("about:blank", status)
    assert told["title"]
    assert told["detail"]
    assert told["what_to_do"]


async def test_who_may_not_is_told_who_may(journal: SqliteJournal, clock: ManualClock) -> None:
    async with asking(make_parts(journal, clock), somebody(Role.VIEWER)) as client:
        answer = await client.post("/api/v1/reload", json={})

    assert answer.status_code == 403
    assert "supervisor" in answer.json()["detail"]


async def test_where_a_method_is_not_allowed_those_that_are_are_named(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    async with asking(make_parts(journal, clock), somebody()) as client:
        answer = await client.delete("/api/v1/devices")

    assert answer.headers["allow"] == "GET"


def test_the_description_names_every_refusal(journal: SqliteJournal, clock: ManualClock) -> None:
    parts = make_parts(journal, clock)
    told = make_api(parts, LiveState(parts.site, journal)).openapi()

    names = []
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            names.append(operation["operationId"])
            assert operation["tags"]
            assert operation["summary"]
            answers = operation["responses"]
            refusals = {int(status) for status in answers if int(status) >= 400}
            if PERMITS[path][method.upper()] is not None:
                assert refusals >= {401, 403}, path
            if "requestBody" in operation:
                assert refusals >= {413, 415, 422, 503}, path
            for status in refusals:
                assert list(answers[str(status)]["content"]) == ["application/problem+json"], (path, status)
    assert len(set(names)) == len(names)
    assert "get_alarms_by_occurrence" in names
    assert "HTTPValidationError" not in told["components"]["schemas"]
