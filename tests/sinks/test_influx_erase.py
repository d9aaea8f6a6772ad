"""One person's points leave a real InfluxDB, their neighbours stay, and whatever is in the way is said."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from monitor.access.erasing import Erasing
from monitor.errors import SinkUnavailable
from monitor.journal.counting import holds
from monitor.journal.state import State
from monitor.model import Event
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb import erase as erase_module
from monitor.sinks.influxdb.erase import InfluxErasing
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings
from monitor.zones import AccessSettings
from tests.clock import ManualClock
from tests.journal.ledgers import opened
from tests.servers.http import Answer, Request, WebServer
from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.ports import free_port
from tests.sinks.site import NOW, a_site, event, recorded
from tests.sinks.test_runner import a_runner, append, running, until

Make = Callable[..., InfluxSettings]
ANA, BEN = "0123456789abcdef01234567", "fedcba9876543210fedcba98"


async def settled() -> None:
    """Nothing is on its way."""


def card(who: str, number: int, **attributes: Any) -> Event:
    """A card; every third one is said to be at the same instant as the one before."""
    time = NOW + number - (number % 3 == 2)
    shown = event("card", time, credential=who, **{"result": "granted", **attributes})
    return replace(shown, id=f"{who}-{number}-{attributes.get('direction', '')}")


CARDS = [card(ANA if number % 2 else BEN, number) for number in range(60)] + [
    card(ANA, 61, direction="in"),
    card(BEN, 61),
    card(BEN, 61, direction="out"),
    card(ANA, 62, result='it\'s "so", a\\b=c'),
    replace(card(ANA, 63), kind="tamper"),
    replace(card(BEN, 64), kind="tamper"),
]


async def write(settings: InfluxSettings, folder: Path) -> None:
    """What the sink writes of a site that lets pseudonyms out."""
    state = State.open(folder / "state.db")
    house = a_site(access=AccessSettings(pseudonyms=True))
    reader = replace(house.devices["front-reader"], zone="O'Neill's \"B\", a=b")
    house = replace(house, devices={**house.devices, reader.id: reader})
    sink = InfluxSink(settings, house, state)
    await sink.write(recorded(*CARDS))
    await sink.close()
    await state.close()


def stored(server: InfluxServer, database: str, who: str) -> list[tuple[int, int]]:
    """Time and number of a person's points, in both databases."""
    return sorted(
        (row["time"], row["seq"])
        for name in (database, f"{database}-access")
        for measurement in ("access", "events")
        for row in server.query(f'SELECT * FROM "{measurement}"', name)
        if row["credential"] == who
    )


async def test_one_person_leaves_and_the_neighbours_of_the_same_instant_stay(
    server: InfluxServer, database: str, settings: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase_module, "_AT_ONCE", 10)
    monkeypatch.setattr(erase_module, "_STATEMENTS", 7)
    await write(settings(), tmp_path)
    ana, ben = stored(server, database, ANA), stored(server, database, BEN)
    erasing = InfluxErasing(settings(), lambda: 0, settled)

    erased = await erasing.erase(ANA)
    left, again = await erasing.count(ANA), await erasing.erase(ANA)
    erasing.close()

    assert (len(ana), len(ben)) == (33, 33)
    assert (erased, left, again) == (33, 0, 0)
    assert stored(server, database, ANA) == []
    assert stored(server, database, BEN) == ben


async def test_a_database_that_is_not_there_knows_nobody(settings: Make) -> None:
    erasing = InfluxErasing(settings(bucket="absent", access_bucket="absent-too", api="auto"), lambda: 0, settled)

    assert await erasing.erase(ANA) == 0
    erasing.close()


async def test_who_cannot_be_reached_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "influx").mkdir()
    with influxdb(tmp_path / "influx") as server:
        server.create("b", "b-access")
        settings = InfluxSettings(url=server.url, token=server.token, bucket="b", access_bucket="b-access")
        await write(settings, tmp_path)
        erasing = InfluxErasing(settings, lambda: 0, settled)
        server.stop()
        with pytest.raises(SinkUnavailable):
            await erasing.erase(ANA)
        server.start()

        assert await erasing.erase(ANA) == 33
        assert stored(server, "b", ANA) == []
        erasing.close()


async def test_a_wrong_token_and_a_wrong_address_say_what_to_do(settings: Make) -> None:
    wrong = InfluxErasing(settings(token="nobody:nothing"), lambda: 0, settled)
    absent = InfluxErasing(settings(url=f"http://127.0.0.1:{free_port()}"), lambda: 0, settled)

    with pytest.raises(SinkMisconfigured) as refused:
        await wrong.erase(ANA)
    with pytest.raises(SinkUnavailable):
        await absent.count(ANA)

    assert "token" in refused.value.what_to_do
    assert "nothing" not in str(refused.value)


# 2.x ---------------------------------------------------------------------------------------------------


def as_2x(server: InfluxServer) -> Callable[[Request], Answer]:
    """2.x's queries and deletions before a real 1.x; a predicate is carried out as 2.x does it."""
    http = urllib3.PoolManager(retries=False, timeout=20)
    headers = urllib3.make_headers(basic_auth=server.token)

    def handle(request: Request) -> Answer:
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/api/v2/delete":
            told = request.json()
            words = [word.split("=", 1) for word in told["predicate"].split(" AND ")]
            plain = {key: value[1:-1].replace('\\"', '"').replace("'", "\\'") for key, value in words}
            tags = "".join(f" AND {key} = '{value}'" for key, value in plain.items() if key != '"_measurement"')
            measurement = dict(words)['"_measurement"']
            period = f"time >= '{told['start']}' AND time <= '{told['stop']}'"
            fields = {"q": f"DELETE FROM {measurement} WHERE {period}{tags}", "db": query["bucket"]}
            http.request("POST", f"{server.url}/query", fields=fields, headers=headers)
            return 204, {}
        path = f"{server.url}{request.path}"
        form = {**headers, "Content-Type": request.headers["Content-Type"]}
        answer = http.request(request.method, path, body=request.body, headers=form)
        return answer.status, {"Content-Type": "application/json"}, answer.data

    return handle


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as web:
        yield web


async def test_the_way_of_2x_deletes_each_point_by_its_tags_and_instant(
    server: InfluxServer, database: str, settings: Make, tmp_path: Path, web: WebServer
) -> None:
    await write(settings(), tmp_path)
    ben = stored(server, database, BEN)
    web.handle = as_2x(server)
    v2 = InfluxErasing(settings(url=web.url, api="v2", org="house", token="secret"), lambda: 0, settled)

    erased = await v2.erase(ANA)
    v2.close()

    deletions = [each for each in web.requests if each.path.startswith("/api/v2/delete")]
    assert {each.headers["Authorization"] for each in web.requests} == {"Token secret"}
    assert parse_qs(urlsplit(deletions[0].path).query)["org"] == ["house"]
    assert erased == 33
    assert stored(server, database, ANA) == []
    assert [each for each in ben if each not in stored(server, database, BEN)] == []


@pytest.mark.parametrize(
    ("answer", "said", "advice"),
    [
        ((200, {}, json.dumps({"results": [{"error": "database not found: b"}]}).encode()), "not found", "dbrp"),
        ((401, {}, b'{"code":"unauthorized","message":"unauthorized access"}'), "unauthorized", "token"),
        ((404, {}, b'{"code":"not found","message":"path not found"}'), "not found", "bucket"),
        ((400, {}, b'{"code":"invalid","message":"no"}'), "no", "token"),
    ],
)
async def test_a_2x_that_cannot_be_asked_stays_open_and_says_what_to_do(
    web: WebServer, answer: Answer, said: str, advice: str
) -> None:
    web.handle = lambda _: answer
    erasing = InfluxErasing(InfluxSettings(url=web.url, api="v2", bucket="b"), lambda: 0, settled)

    with pytest.raises(SinkMisconfigured, match=said) as refused:
        await erasing.erase(ANA)
    assert advice in refused.value.what_to_do


async def test_a_server_that_only_says_that_it_deletes_is_not_believed(web: WebServer) -> None:
    there = {"series": [{"tags": {"device": "reader"}, "columns": ["time", "credential"], "values": [[7, ANA]]}]}
    found = json.dumps({"results": [there]}).encode()
    web.handle = lambda request: (204, {}) if "delete" in request.path else (200, {}, found)
    erasing = InfluxErasing(InfluxSettings(url=web.url, api="v2", bucket="b"), lambda: 0, settled)

    async with asyncio.timeout(60):
        with pytest.raises(SinkMisconfigured, match="still has points"):
            await erasing.erase(ANA)


# With everything that a person is in ------------------------------------------------------------------------


async def test_a_person_who_was_sent_leaves_and_what_is_sent_later_knows_nobody(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Half of it was written before the server went away; the other half waits in the memory of the sink."""
    (tmp_path / "influx").mkdir()
    (tmp_path / "state").mkdir()
    with influxdb(tmp_path / "influx") as server:
        server.create("b", "b-access")
        settings = InfluxSettings(url=server.url, token=server.token, bucket="b", access_bucket="b-access")
        house = a_site(access=AccessSettings(pseudonyms=True))
        async with opened(tmp_path / "state" / "ledger.db", clock) as files:
            runner = a_runner(files.journal, files.state, InfluxSink(settings, house, files.state))
            outside = InfluxErasing(settings, lambda: int(str(runner.status()["position"])), runner.settled)
            erasing = Erasing(files, now=clock.now, outside=[outside])
            async with running(runner):
                await append(files.journal, *CARDS[:30])
                await until(lambda: runner.status()["lag"] == 0)
                server.stop()
                await append(files.journal, *CARDS[30:])
                await until(lambda: bool(runner.status()["error_since"]))
                number = await erasing.ask(ANA, "house", "moved out")
                working = asyncio.create_task(erasing.run())
                await until(lambda: holds(tmp_path / "state" / "journal.db", ANA) == 0)
                server.start()
                async with asyncio.timeout(60):
                    while (told := await erasing.state(number) or {})["state"] != "done":  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
                await until(lambda: runner.status()["lag"] == 0)
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
            outside.close()

        assert stored(server, "b", ANA) == []
        assert len(stored(server, "b", BEN)) == 33
        assert len(stored(server, "b", "erased")) + told["places"]["influxdb"] >= 33
        assert told["found_after"] == {}
        assert told["places"]["influxdb"] >= 15
