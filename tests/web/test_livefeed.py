"""What changes, told to those who look: real connections, and one who does not read."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Command, Event, Position, Reading, Transition
from monitor.ports import Batch
from monitor.web import livefeed, server
from tests.clock import ManualClock
from tests.web.serving import make_parts, serving


def _reading(time: int, device: str = "main", **values: float | str) -> Reading:
    return Reading(device=device, time=time, arrived=time, values=values or {"voltage_l1_v": 230.5})


def _step(number: int = 1) -> Transition:
    return Transition(
        occurrence="o-1",
        number=number,
        rule="undervoltage",
        device="main",
        source_key="main/voltage_l1_v",
        cause="raised",
        condition="active",
        response="unacked",
        severity="high",
        time=5,
    )


def _card(device: str = "front-door") -> Event:
    return Event(
        device=device, kind="card", time=7, arrived=7, id="c-7", attributes={"credential": "0123456789ab"}
    )


@asynccontextmanager
async def looking(client: httpx.AsyncClient, **query: str) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """Yields what is told: name of the event, data."""
    async with asyncio.timeout(60), client.stream("GET", "live", params=query) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")

        async def events() -> AsyncIterator[tuple[str, Any]]:
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])

        yield events()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livefeed, "_PACE", 0.02)


async def test_whoever_looks_is_told_once_of_all_topics_and_then_of_what_changes(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path
) -> None:
    served = serving(make_parts(journal, clock), tmp_path / "api.sock")
    async with served as client, looking(client, topics="alarms,doors") as told:
        first = await anext(told)
        await journal.append([Batch(entries=[_reading(1), _reading(2, "front-door")])])
        await journal.append([Batch(entries=[_step()])])
        second = await anext(told)
        await journal.append([Batch(entries=[_card()])])
        third = await anext(told)

    assert first == ("changed", {"topics": ["alarms", "doors"]})
    assert second == ("changed", {"topics": ["alarms"]})
    assert third == ("changed", {"topics": ["doors"]})  # and nothing of who it was


async def test_readings_are_those_of_the_device_asked_for(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path
) -> None:
    served = serving(make_parts(journal, clock), tmp_path / "api.sock")
    async with served as client, looking(client, topics="readings", device="main") as told:
        waiting = asyncio.ensure_future(anext(told))
        while not waiting.done():  # it may not have come in yet
            await journal.append([Batch(entries=[_reading(1, "front-door"), _reading(2)])])
            await asyncio.sleep(0.02)

    name, data = waiting.result()
    assert name == "reading"
    assert (data["device"], data["time"], data["values"]) == ("main", 2, {"voltage_l1_v": 230.5})


async def test_a_page_is_told_only_of_what_changed_since_it_was_drawn(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path
) -> None:
    drawn = clock.now() + 1000
    clock.time = drawn + 5000
    async with serving(make_parts(journal, clock), tmp_path / "api.sock") as client:
        async with looking(client, topics="devices,doors") as told:  # once it is told, the feed has heard it
            await anext(told)
            health = Event(device="main", kind="health", time=3, arrived=3, id="h-3")
            await journal.append([Batch(entries=[health])])
            await anext(told)
        clock.time += 5000
        async with looking(client, topics="devices,doors", since=str(clock.now() - 5000)) as told:
            since = await anext(told)
        async with looking(client, topics="devices,doors", since=str(drawn - 5000)) as told:
            longer = await anext(told)

    assert since[1] == {"topics": ["devices"]}
    assert longer[1] == {"topics": ["devices", "doors"]}  # from before the daemon: it cannot know


async def test_whoever_comes_again_is_told_of_all_topics(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path
) -> None:
    async with serving(make_parts(journal, clock), tmp_path / "api.sock") as client:
        client.headers["last-event-id"] = "17"
        async with looking(client, topics="devices", since=str(clock.now() + 1)) as told:
            first = await anext(told)

    assert first[1] == {"topics": ["devices"]}


async def test_of_a_command_is_told_when_it_is_judged(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path
) -> None:
    judged = [Position(0)]
    parts = replace(make_parts(journal, clock), judged=lambda: judged[0])
    async with serving(parts, tmp_path / "api.sock") as client, looking(client, topics="alarms") as told:
        await anext(told)
        kept = await journal.append(
            [Batch(entries=[Command(id="c", time=1, by="ana", kind="comment", target="o-1", reason="")])]
        )
        next_one = asyncio.ensure_future(anext(told))
        await asyncio.sleep(0.1)
        was_told_before = next_one.done()
        judged[0] = kept
        name, _ = await next_one

    assert not was_told_before
    assert name == "changed"


async def test_a_message_that_was_sent_is_seen_without_an_entry(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(livefeed, "_LOOK", 0.02)
    sent = [0]

    async def counts() -> Mapping[str, int]:
        sent[0] += 1
        return {"sent": sent[0]}

    parts = replace(make_parts(journal, clock), notify=counts)
    served = serving(parts, tmp_path / "api.sock")
    async with served as client, looking(client, topics="notifications") as told:
        found = [await anext(told) for _ in range(2)]

    assert found == [("changed", {"topics": ["notifications"]})] * 2


async def test_one_too_many_is_told_to_come_later(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.web.seats.OF_ONE", 2)
    async with serving(make_parts(journal, clock), tmp_path / "api.sock") as client:
        async with looking(client) as one, looking(client) as two:
            await anext(one)
            await anext(two)
            refused = await client.get("live")
        async with asyncio.timeout(60):
            while (await _status(client)) != 200:  # noqa: ASYNC110 - asked over a socket
                await asyncio.sleep(0.02)

    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


async def _status(client: httpx.AsyncClient) -> int:
    async with client.stream("GET", "live") as answer:
        return answer.status_code


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"topics": "people"}, 422),
        ({"topics": ""}, 422),
        ({"topics": "readings"}, 422),
        ({"topics": "alarms", "device": "main"}, 422),
        ({"topics": "readings", "device": "nothing"}, 404),
        ({"since": "-1"}, 422),
    ],
)
async def test_what_cannot_be_told_is_refused(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path, query: dict[str, str], status: int
) -> None:
    async with serving(make_parts(journal, clock), tmp_path / "api.sock") as client:
        answer = await client.get("live", params=query)

    assert answer.status_code == status


async def test_a_client_that_does_not_read_is_dropped(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_UNREAD_S", 0.2)
    path = tmp_path / "api.sock"
    async with serving(make_parts(journal, clock), path) as client:
        reader, writer = await asyncio.open_unix_connection(path, limit=1024)
        writer.write(b"GET /api/v1/live?topics=readings&device=main HTTP/1.1\r\nhost: monitor\r\n\r\n")
        assert b"200 OK" in await reader.readline()
        long = {f"text_{n}": "x" * 1000 for n in range(30)}
        dropped = False
        async with asyncio.timeout(60):
            number = 0
            while not dropped:  # its buffers fill, then it has its time
                number += 1
                await journal.append([Batch(entries=[_reading(number, **long)])])
                await asyncio.sleep(0.02)
                dropped = writer.transport.is_closing() or await _is_gone(writer)
        alive = (await client.get("status")).status_code
        with contextlib.suppress(OSError):
            writer.close()
            await writer.wait_closed()

    assert alive == 200


async def _is_gone(writer: asyncio.StreamWriter) -> bool:
    """Whether the other end has closed: writing fails then."""
    try:
        writer.write(b"\r\n")
        await writer.drain()
    except OSError:
        return True
    return False
