"""The sink on Debian's InfluxDB 1.6.7 with authentication, directly and behind nginx as if it were 2.x."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from monitor.errors import SinkUnavailable
from monitor.journal.state import State
from monitor.model import Position, Quality
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.influxdb.text import tag_set, text
from monitor.sinks.rejection import EntriesRejected, SinkMisconfigured
from monitor.site import InfluxSettings
from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.nginx import Nginx
from tests.servers.ports import free_port
from tests.sinks.contract import SinkContract
from tests.sinks.site import NOW, a_site, event, reading, recorded, step

Make = Callable[..., InfluxSettings]


@pytest.fixture(params=["v1", "auto", "v2 behind nginx", "v1 gzip", "v2 gzip"])
async def sink(request: Any, settings: Make, front: Nginx, state: State) -> AsyncIterator[InfluxSink]:
    api = request.param.split()[0]
    url = {"url": front.url} if api == "v2" else {}
    sink = InfluxSink(settings(api=api, **url), a_site(), state, compress="gzip" in request.param)
    yield sink
    await sink.close()


class TestContract(SinkContract):
    @pytest.fixture
    def count(self, server: InfluxServer, database: str):
        async def count() -> int:
            found = [*server.query("SELECT * FROM /.*/", database)]
            return len(found) + len(server.query("SELECT * FROM /.*/", f"{database}-access"))

        return count

    @pytest.fixture
    async def away(self, settings: Make, state: State) -> AsyncIterator[InfluxSink]:
        sink = InfluxSink(settings(url=f"http://127.0.0.1:{free_port()}"), a_site(), state)
        yield sink
        await sink.close()


async def test_what_was_written_reads_back_with_types_and_values(
    sink: InfluxSink, server: InfluxServer, database: str
):
    entries = recorded(
        reading("e-main", quality=Quality.ESTIMATED, power_w=4920, energy_import_kwh=1234567.89),
        replace(reading("leak"), values={"alarm": True, "battery_pct": 92, "model": 'a "b"\nc'}),
    )
    await sink.write(entries)

    [row] = server.query('SELECT * FROM "electricity"', database)
    assert row == {
        "time": NOW,
        "site": "hq",
        "building": "b1",
        "zone": "plant room",
        "device": "e-main",
        "role": "main",
        "power_w": 4920,
        "energy_import_kwh": 1234567.89,
        "quality": 1,
    }
    [row] = server.query('SELECT * FROM "safety"', database)
    assert row["alarm"] is True
    assert (row["alarm_i"], row["model"]) == (1, 'a "b"\nc')
    fields = server.query("SHOW FIELD KEYS", database)
    assert {field["fieldKey"]: field["fieldType"] for field in fields} == {
        "power_w": "float",
        "energy_import_kwh": "float",
        "quality": "integer",
        "alarm": "boolean",
        "alarm_i": "integer",
        "battery_pct": "float",
        "model": "string",
    }


async def test_access_is_kept_apart(settings: Make, state: State, server: InfluxServer, database: str):
    sink = InfluxSink(settings(), a_site(), state)
    await sink.write(recorded(reading("e-main", power_w=1.0), event("card", result="denied", credential="p-1")))
    await sink.close()

    assert [row["name"] for row in server.query("SHOW MEASUREMENTS", database)] == ["electricity"]
    [row] = server.query('SELECT * FROM "access"', f"{database}-access")
    assert (row["event"], row["result"], row["count"], row["seq"]) == ("card", "denied", 1, 2)
    assert "p-1" not in str(row)


async def test_two_events_of_one_millisecond_stand_side_by_side_also_after_a_replay(
    settings: Make, state: State, server: InfluxServer, database: str
):
    batch = recorded(*(event("card", result="denied", number=number) for number in range(4)))
    sink = InfluxSink(settings(), a_site(), state)
    await sink.write(batch[:3])
    await sink.write(batch[1:])
    await sink.close()
    again = InfluxSink(settings(), a_site(), state)
    await again.write(batch[2:])
    await again.write(batch)
    await again.close()

    rows = server.query('SELECT * FROM "access"', f"{database}-access")
    assert [(row["time"], row["seq"]) for row in rows] == [(NOW + index, index + 1) for index in range(4)]


async def test_the_end_of_an_alarm_is_written_to_its_start_also_after_a_replay(
    settings: Make, state: State, server: InfluxServer, database: str
):
    batch = recorded(
        step("raised", 1),
        step("acknowledged", 2, time=NOW + 1000),
        step("cleared", 3, time=NOW + 5000),
        step("raised", 1, time=NOW + 5000, occurrence="o-2"),
    )
    sink = InfluxSink(settings(), a_site(), state)
    await sink.write(batch[:2])
    started = server.query('SELECT * FROM "alarms"', database)
    await sink.write(batch[2:])
    await sink.close()
    first = server.query('SELECT * FROM "alarms"', database)
    again = InfluxSink(settings(), a_site(), state)
    await again.write(batch)
    await again.close()
    second = server.query('SELECT * FROM "alarms"', database)

    assert [row["end_ms"] for row in started] == [0, 0]
    assert [(row["time"] - NOW, row["cause"], row["start_ms"], row["end_ms"]) for row in first] == [
        (0, "raised", NOW, NOW + 5000),
        (1000, "acknowledged", NOW, 0),
        (5000, "cleared", NOW, NOW + 5000),
        (5001, "raised", NOW + 5000, 0),
    ]
    assert [row["since_s"] for row in first] == [0, 1, 5, 0], "seconds from the start, not from the line before"
    assert second == first


async def test_an_event_alarm_begins_and_ends_at_once(
    settings: Make, state: State, server: InfluxServer, database: str
):
    sink = InfluxSink(settings(), a_site(), state)
    await sink.write(recorded(step("raised", 1, condition="clear", rule="door-forced")))
    await sink.close()

    [row] = server.query('SELECT * FROM "alarms"', database)
    assert (row["start_ms"], row["end_ms"], row["active"], row["response"]) == (NOW, NOW, False, "unacked")


async def test_one_rejected_line_leaves_its_neighbours(sink: InfluxSink, server: InfluxServer, database: str):
    await sink.write(recorded(replace(reading("pump"), values={"state": "idle"})))
    batch = recorded(
        *(
            replace(reading("pump", NOW + index), values={"state": 1.0 if index in {3, 40} else "busy"})
            for index in range(1, 50)
        ),
        first=10,
    )

    with pytest.raises(EntriesRejected) as caught:
        await sink.write(batch)

    assert caught.value.reasons.keys() == {Position(12), Position(49)}
    assert "field type conflict" in caught.value.reasons[Position(12)]
    assert len(server.query('SELECT "state" FROM "equipment"', database)) == 48


async def test_a_device_that_is_wrong_throughout_costs_few_requests(
    settings: Make, state: State, server: InfluxServer, database: str
):
    sink = InfluxSink(settings(), a_site(), state)
    await sink.write(recorded(replace(reading("pump"), values={"state": "idle"})))
    batch = []
    for index in range(1, 301):
        batch.append(reading("e-main", NOW + index, power_w=1.0))
        batch.append(replace(reading("pump", NOW + index), values={"state": 1.0}))
        batch.append(reading("w-main", NOW + index, volume_m3=1.0))
    requests = _count_requests(sink)

    with pytest.raises(EntriesRejected) as caught:
        await sink.write(recorded(*batch, first=10))
    await sink.close()

    assert len(caught.value.reasons) == 300
    assert len(requests) < 50
    for measurement in ("electricity", "water"):
        [row] = server.query(f'SELECT count(*) FROM "{measurement}"', database)
        assert row["count_quality"] == 300


def _count_requests(sink: InfluxSink) -> list[int]:
    seen: list[int] = []
    client = sink._open()
    write = client.write

    def counted(bucket: str, body: bytes, *, lines: int) -> None:
        seen.append(lines)
        write(bucket, body, lines=lines)

    client.write = counted  # type: ignore[method-assign]
    return seen


async def test_a_wrong_password_is_a_wrong_setting_until_it_is_mended(
    settings: Make, state: State, server: InfluxServer, database: str
):
    batch = recorded(reading("e-main", power_w=1.0))
    for wrong in ("admin:wrong", "nobody:x", "no-colon", ""):
        sink = InfluxSink(settings(token=wrong, api="auto"), a_site(), state)
        with pytest.raises(SinkMisconfigured) as caught:
            await sink.write(batch)
        await sink.close()
        assert "401" in str(caught.value)
        assert "wrong" not in str(caught.value)

    assert server.query('SELECT * FROM "electricity"', database) == []


async def test_a_database_that_is_not_there_is_a_wrong_setting_where_it_may_not_be_made(
    settings: Make, state: State, server: InfluxServer, database: str
):
    server.drop(database)
    server.query("CREATE USER writer WITH PASSWORD 'right'")
    sink = InfluxSink(settings(token="writer:right"), a_site(), state)

    try:
        with pytest.raises(SinkMisconfigured, match="404"):
            await sink.write(recorded(reading("e-main", power_w=1.0)))

        server.create(database)
        server.query(f'GRANT WRITE ON "{database}" TO writer')
        await sink.write(recorded(reading("e-main", power_w=1.0)))
    finally:
        server.query("DROP USER writer")
        await sink.close()
    assert len(server.query('SELECT * FROM "electricity"', database)) == 1


async def test_a_busy_server_says_when_to_come_back(settings: Make, state: State, front: Nginx):
    sink = InfluxSink(settings(url=front.url, api="v2"), a_site(), state)
    front.busy(True)
    try:
        with pytest.raises(SinkUnavailable) as caught:
            await sink.write(recorded(reading("e-main", power_w=1.0)))
    finally:
        front.busy(False)
        await sink.close()

    assert caught.value.retry_after == 1.0


async def test_a_certificate_that_nobody_trusts_is_a_wrong_setting(settings: Make, state: State):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    stranger = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = stranger.sockets[0].getsockname()[1]
    sink = InfluxSink(settings(url=f"https://127.0.0.1:{port}"), a_site(), state)
    try:
        with pytest.raises(SinkMisconfigured, match="TLS"):
            await sink.write(recorded(reading("e-main", power_w=1.0)))
    finally:
        await sink.close()
        stranger.close()
        await stranger.wait_closed()


async def test_a_batch_that_is_too_large_is_sent_in_parts(state: State, tmp_path_factory: pytest.TempPathFactory):
    with influxdb(tmp_path_factory.mktemp("small"), auth=False, max_body=2000) as small:
        small.create("facility")
        sink = InfluxSink(InfluxSettings(url=small.url), a_site(), state)
        await sink.write(recorded(*(reading("e-main", NOW + index, power_w=1.0) for index in range(200))))
        await sink.close()

        assert small.query('SELECT count("power_w") FROM "electricity"', "facility")[0]["count"] == 200


async def test_what_is_older_than_the_server_keeps_is_rejected_in_one_go(
    settings: Make, state: State, server: InfluxServer, database: str
):
    server.query(f'CREATE RETENTION POLICY "short" ON "{database}" DURATION 1h REPLICATION 1 DEFAULT')
    sink = InfluxSink(settings(), a_site(), state)
    requests = _count_requests(sink)
    batch = recorded(*(reading("e-main", 1_600_000_000_000 + index, power_w=1.0) for index in range(100)))

    with pytest.raises(EntriesRejected, match="retention"):
        await sink.write(batch)
    await sink.close()

    assert requests == [100]


async def test_an_entry_that_cannot_be_encoded_is_rejected_not_fatal(settings: Make, state: State):
    sink = InfluxSink(settings(), a_site(), state)
    strange = replace(reading("e-main"), values={"power_w": object()})

    with pytest.raises(Exception, match="cannot be encoded"):
        await sink.write(recorded(strange))
    await sink.close()


_TEXTS = st.text(max_size=30) | st.text(alphabet='\\", =\n\r\ta#', max_size=10)


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_TEXTS, _TEXTS), min_size=1, max_size=60))
def test_any_text_comes_back_from_the_real_server(
    settings: Make, server: InfluxServer, database: str, pairs: list[tuple[str, str]]
):
    lines = [
        b"texts%b s=%b %d" % (tag_set([("n", str(index)), ("tag", tag)]), text(value), NOW)
        for index, (tag, value) in enumerate(pairs)
    ]
    client = InfluxClient(settings())
    server.query('DROP MEASUREMENT "texts"', database)
    client.write(database, b"\n".join(lines), lines=len(lines))
    client.close()

    rows = {int(row["n"]): row for row in server.query('SELECT "s", "n", "tag" FROM "texts"', database)}
    assert len(rows) == len(pairs)
    for index, (tag, value) in enumerate(pairs):
        assert rows[index]["s"] == value.replace("\0", "").encode("utf-8", "replace").decode()
        if tag.isprintable() and "\\" not in tag:
            assert (rows[index].get("tag") or "") == tag.strip()


async def test_the_preparation_in_the_documents_is_enough(state: State, tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs" / "influxdb.md").read_text("utf-8")
    block, *_ = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    [token] = re.findall(r"The token is\s+then `(.*?)`", page)
    folder = tmp_path / "influxdb"
    folder.mkdir()
    server = InfluxServer(folder, auth=True)
    server.token = ""
    server.start()
    try:
        for line in block.splitlines():
            server.query(line)
            server.token = "admin:choose one"
        sink = InfluxSink(InfluxSettings(url=server.url, token=token), a_site(), state)
        now = time.time_ns() // 1_000_000
        await sink.write(recorded(reading("e-main", now, power_w=1.0), event("card", now, result="granted")))
        await sink.close()

        assert len(server.query('SELECT * FROM "electricity"', "facility")) == 1
        assert len(server.query('SELECT * FROM "access"', "facility-access")) == 1
    finally:
        server.stop()
