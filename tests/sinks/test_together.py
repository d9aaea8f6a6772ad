"""Two InfluxDB sinks of one site: at different places in the journal, with filters, killed and sent again."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Position, Recorded
from monitor.ports import Batch
from monitor.sinks.influxdb import InfluxSink
from monitor.site import InfluxSettings, SinkFilter, Site
from tests.servers.influxdb import InfluxServer
from tests.sinks.site import NOW, a_site, event, recorded, step
from tests.sinks.test_runner import a_runner, running, until

DOORS = ("front-reader", "gate")


def many() -> list[Recorded]:
    """Cards and alarms of two devices, mostly within the same few milliseconds."""
    chance = random.Random(7)
    entries: list[Any] = []
    for number in range(120):
        device, at = DOORS[number % 2], NOW + chance.randrange(4)
        entries.append(event("card", at, device, result="granted", number=number))
        if number % 10 < 2:
            episode = {"occurrence": f"o{number}", "device": device, "rule": "door-forced", "source_key": device}
            entries += [
                step("raised", 1, time=at, **episode),
                step("cleared", 2, time=at + 1, condition="clear", **episode),
            ]
    return recorded(*entries)


@pytest.fixture
def databases(server: InfluxServer) -> Iterator[tuple[str, str]]:
    names = ("first", "second")
    server.create(*names, *(f"{name}-access" for name in names))
    yield names
    server.drop(*names, *(f"{name}-access" for name in names))


def a_pair(server: InfluxServer, second: SinkFilter) -> tuple[Site, Sequence[InfluxSettings]]:
    chosen = {"first": SinkFilter(), "second": second}
    both = {
        name: InfluxSettings(
            id=name, url=server.url, token=server.token, bucket=name, access_bucket=f"{name}-access", filter=each
        )
        for name, each in chosen.items()
    }
    return a_site(influxdbs=both), list(both.values())


def stored(server: InfluxServer, name: str, device: str) -> tuple[list[Any], list[Any]]:
    cards = server.query(f"SELECT seq, event, result FROM access WHERE device = '{device}'", f"{name}-access")
    alarms = server.query(
        f"SELECT cause, occurrence, start_ms, end_ms FROM alarms WHERE device = '{device}'", name
    )
    return cards, alarms


@pytest.mark.parametrize(
    ("second", "shared"),
    [
        (SinkFilter(), DOORS),
        (SinkFilter(devices=frozenset({"gate"})), ("gate",)),
        (SinkFilter(devices=frozenset({"gate"}), kinds=frozenset({"access", "alarms"})), ("gate",)),
    ],
    ids=["no filter", "devices", "devices and kinds"],
)
@pytest.mark.parametrize("ahead", [0, 1], ids=["the first is ahead", "the second is ahead"])
@pytest.mark.usefixtures("databases")
async def test_both_write_the_same_points_whoever_is_ahead_and_whatever_is_sent_again(
    server: InfluxServer, state: State, second: SinkFilter, shared: Sequence[str], ahead: int
):
    site, both = a_pair(server, second)
    entries, chance = many(), random.Random(ahead)
    for settings in (both[ahead], both[1 - ahead]):
        start, size = 0, 40 if settings is both[ahead] else 7
        while start < len(entries):
            sink = InfluxSink(settings, site, state)  # as after a kill: nothing is remembered
            await sink.write(entries[start : start + size])
            await sink.close()
            start += size if chance.random() < 0.6 else 0  # and what was not confirmed is sent again

    for device in shared:
        cards, alarms = stored(server, "first", device)
        assert (cards, alarms) == stored(server, "second", device)
        assert len(cards) == 60
        assert len(alarms) == 24
        assert all(row["end_ms"] for row in alarms)
    if len(shared) == 1:
        assert stored(server, "second", "front-reader") == ([], [])


@pytest.mark.usefixtures("databases")
async def test_a_sink_that_is_added_later_begins_with_the_oldest_entry(
    server: InfluxServer, state: State, journal: SqliteJournal
):
    site, (old, new) = a_pair(server, SinkFilter())
    await journal.append([Batch(entries=[each.entry]) for each in many()])
    first = a_runner(journal, state, InfluxSink(old, site, state))
    async with running(first):
        await until(lambda: first.position == journal.last)
    later = a_runner(journal, state, InfluxSink(new, site, state))
    async with running(later):
        await until(lambda: later.position == journal.last)

    for device in DOORS:
        assert stored(server, "second", device) == stored(server, "first", device)
        assert len(stored(server, "second", device)[0]) == 60
    assert await state.position("second") == journal.last > Position(0)
