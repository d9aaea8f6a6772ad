"""The driver against a real Mosquitto and a real journal."""

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Collection, Sequence
from hashlib import blake2b
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from drivers.mqtt import MQTT
from drivers.mqtt.devices import Message
from monitor.clock import Clock
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Entry, Event, Missing, Origin, Position, Reading
from monitor.ports import Batch, Gap, PushedDriver
from monitor.site import Device
from tests.drivers.contract_pushed import Kept, eventually, running
from tests.drivers.mqtt.publisher import Publisher
from tests.drivers.mqtt.site import CARDS, connection, context, device, pseudonymise
from tests.servers.mosquitto import Mosquitto

METER = {"temperature_c": {"json": "$.n"}}
BOTH = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


def make(broker: Mosquitto, *devices: Device, **options: object) -> PushedDriver:
    driver: PushedDriver = MQTT.create(
        connection(broker.url, **options), devices or [device(points=METER)], context()
    )
    return driver


async def up(driver: PushedDriver) -> None:
    await eventually(lambda: bool(driver.status()["subscribed"]))


async def entries(journal: SqliteJournal) -> list[Entry]:
    found = await journal.read(Position(0), 100_000)
    assert not isinstance(found, Gap)
    return [recorded.entry for recorded in found]


async def numbers(journal: SqliteJournal) -> list[float]:
    return [
        value
        for entry in await entries(journal)
        if isinstance(entry, Reading)
        for value in entry.values.values()
        if isinstance(value, float)
    ]


class Cut:
    """A journal that keeps for good, and whose answer never reaches the driver: killed between commit and ack."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.kept = 0

    async def append(self, batches: Sequence[Batch], *, settled: Collection[str] = ()) -> Position:
        await self._journal.append(batches, settled=settled)
        self.kept += len(batches)
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.fault(
    "message redelivered",
    part="MQTT",
    outcome="A message that was kept but not acknowledged comes again, and is acknowledged and dropped.",
)
@BOTH
async def test_a_driver_killed_between_commit_and_acknowledgement_doubles_nothing(
    broker: Mosquitto, journal: SqliteJournal, protocol: str
):
    reader = device("reader", topic="doors/front", events=[CARDS], device_class="access")
    cut, first = Cut(journal), make(broker, reader, protocol=protocol)
    with Publisher(broker) as door:
        async with running(first, cut.append):
            await up(first)
            for _ in range(2):
                door.say("doors/front", '{"type": "access", "uid": "5a3", "access": "Always"}')
            await eventually(lambda: cut.kept >= 1)

        second = make(broker, reader, protocol=protocol)
        async with running(second, journal.append):
            await eventually(lambda: second.status()["messages"] == 2)
            await eventually(lambda: second.status()["kept"] == 2)

    cards = [entry for entry in await entries(journal) if isinstance(entry, Event)]
    assert second.status()["redelivered"] >= 1
    assert len(cards) == 2
    assert {card.attributes["credential"] for card in cards} == {pseudonymise("5a3")}


@pytest.mark.fault(
    "broker restarts",
    part="MQTT",
    outcome="With a persistent session no message is lost and none is there twice.",
)
@BOTH
async def test_a_restart_of_the_broker_loses_and_doubles_nothing(
    broker: Mosquitto, journal: SqliteJournal, protocol: str
):
    driver = make(broker, protocol=protocol)
    async with running(driver, journal.append):
        await up(driver)
        for part in range(3):
            with Publisher(broker) as meter:
                for number in range(100):
                    meter.say("meters/meter", json.dumps({"n": part * 100 + number}))
            broker.restart()
        await eventually(lambda: int(driver.status()["connections"]) >= 2)
        with Publisher(broker) as meter:
            meter.say("meters/meter", '{"n": 300}')
        async with asyncio.timeout(60):
            # Not `kept`: what comes again after a restart counts there a second time.
            while len(set(await numbers(journal))) < 301:  # noqa: ASYNC110 - the broker has no event of ours
                await asyncio.sleep(0.05)

    assert Counter(await numbers(journal)) == Counter(map(float, range(301)))


@pytest.mark.fault(
    "monitor off",
    part="MQTT",
    outcome="Messages wait in the session at the broker, and are kept when the monitor is back.",
)
@BOTH
async def test_what_is_said_while_the_monitor_is_off_waits_in_its_session(
    broker: Mosquitto, journal: SqliteJournal, protocol: str
):
    driver = make(broker, protocol=protocol)
    async with running(driver, journal.append):
        await up(driver)
    with Publisher(broker) as meter:
        for number in range(200):
            meter.say("meters/meter", json.dumps({"n": number}))
    broker.restart()

    driver = make(broker, protocol=protocol)
    async with running(driver, journal.append):
        await eventually(lambda: int(driver.status()["kept"]) == 200)

    assert await numbers(journal) == list(map(float, range(200)))


@pytest.mark.fault(
    "monitor off",
    part="MQTT",
    outcome="A backlog is taken in the order in which it happened, and marked late.",
)
async def test_a_backlog_is_kept_in_the_order_it_happened_and_marked_late(
    broker: Mosquitto, journal: SqliteJournal
):
    now = Clock().now()
    meter = device(points=METER, time={"json": "$.t", "format": "unix_ms", "trusted": True})
    driver = make(broker, meter)
    async with running(driver, journal.append):
        await up(driver)
    with Publisher(broker) as gateway:
        for minutes in (3, 60, 30, 0):
            gateway.say("meters/meter", json.dumps({"n": minutes, "t": now - minutes * 60_000}))

    driver = make(broker, meter)
    async with running(driver, journal.append):
        await asyncio.sleep(0)
        _let_it_wait(driver, 4)
        await eventually(lambda: int(driver.status()["kept"]) == 4)

    kept = [entry for entry in await entries(journal) if isinstance(entry, Reading)]
    assert [(reading.values["temperature_c"], reading.late) for reading in kept] == [
        (60.0, True),
        (30.0, True),
        (3.0, True),
        (0.0, False),
    ]


def _let_it_wait(driver: PushedDriver, messages: int) -> None:
    """Keep the loop busy until so many messages wait for it: they are looked at together then."""
    deadline = time.monotonic() + 60
    while int(driver.status()["messages"]) < messages or int(driver.status()["waiting"]) < messages:
        assert time.monotonic() < deadline, driver.status()
        time.sleep(0.005)


@BOTH
async def test_what_the_broker_has_seen_acknowledged_is_settled(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch, protocol: str
):
    monkeypatch.setattr("drivers.mqtt.link._PROOF_S", 0.0)
    kept, driver = Kept(), make(broker, protocol=protocol)

    async with running(driver, kept.append):
        await up(driver)
        with Publisher(broker) as meter:
            for number in range(30):
                meter.say("meters/meter", json.dumps({"n": number}))
        await eventually(lambda: len(kept.settled) == 30)

    assert kept.settled == {batch.id for batch in kept.batches}


@pytest.mark.fault(
    "hostile bytes",
    part="MQTT",
    outcome="Payloads of any kind are survived and counted; the next message is read.",
)
async def test_hostile_payloads_are_survived_and_counted(broker: Mosquitto, journal: SqliteJournal):
    driver = make(broker, device(points=METER), device("any", topic="odd/#", points=METER))
    hostile = [
        b'{"n": 1, "pad": "' + b"x" * 1_000_000 + b'"}',
        b"[" * 50_000,
        b'{"n": ' * 5000,
        b"\xff\xfe{\x00",
        b'{"n": NaN}',
        b'{"n": 1e999}',
        b'{"n": ' + b"9" * 5000 + b"}",
        b'{"n": "many"}',
        b'{"n": {"n": 1}}',
        b'"\xed\xa0\x80"',
        b"null",
        b"",
    ]
    topics = ["odd//x", "odd/ /$SYS", "odd/" + "deep/" * 100, "odd/\u4e2d\u6587", "elsewhere"]

    async with running(driver, journal.append) as task:
        await up(driver)
        with Publisher(broker) as attacker:
            for payload in hostile:
                attacker.say("meters/meter", payload)
            for topic in topics:
                attacker.say(topic, '{"n": 5}')
            attacker.say("meters/meter", '{"n": 7}')
        await eventually(lambda: int(driver.status()["messages"]) == len(hostile) + len(topics))
        await eventually(lambda: driver.status()["waiting"] == 0)
        await asyncio.sleep(0.1)
        assert not task.done()

    status = driver.status()
    assert status["failed"] == 0
    assert int(status["undecodable"]) >= 5
    assert sorted(await numbers(journal)) == [5.0, 5.0, 5.0, 5.0, 7.0]
    reasons = {
        reason
        for entry in await entries(journal)
        if isinstance(entry, Reading)
        for reason in entry.missing.values()
    }
    assert reasons == {Missing.UNDECODABLE, Missing.NAN, Missing.OUT_OF_RANGE}


async def test_overlapping_topics_are_one_message(broker: Mosquitto, journal: SqliteJournal):
    driver = make(
        broker, device("one", topic="site/box", points=METER), device("all", topic="site/+", points=METER)
    )

    async with running(driver, journal.append):
        await up(driver)
        with Publisher(broker) as box:
            box.say("site/box", '{"n": 1}')
            box.say("site/box", '{"n": 2}')
        await eventually(lambda: int(driver.status()["kept"]) == 2)

    assert driver.status()["messages"] == 2
    assert sorted(await numbers(journal)) == [1.0, 1.0, 2.0, 2.0]


@BOTH
async def test_retained_messages_come_at_the_start_and_not_with_every_reconnect(
    broker: Mosquitto, journal: SqliteJournal, protocol: str
):
    with Publisher(broker) as meter:
        meter.say("meters/meter", '{"n": 1}', retain=True)
    driver = make(broker, protocol=protocol)

    async with running(driver, journal.append):
        await eventually(lambda: driver.status()["kept"] == 1)
        broker.restart()
        await eventually(lambda: driver.status()["connections"] == 2)
        with Publisher(broker) as meter:
            meter.say("meters/meter", '{"n": 2}', retain=True)
        await eventually(lambda: int(driver.status()["kept"]) >= 2)

    kept = [entry for entry in await entries(journal) if isinstance(entry, Reading)]
    assert [(reading.values["temperature_c"], reading.origin) for reading in kept] == [
        (1.0, Origin.RETAINED),
        (2.0, Origin.PUSH),
    ]


async def test_the_monitor_says_whether_it_is_there(broker: Mosquitto):
    driver = make(broker)
    with Publisher(broker) as listener:
        listener.listen("facility-monitor/test/status")
        async with running(driver, Kept().append):
            await eventually(lambda: [word for _, word in listener.heard] == [b"online"])
        await eventually(lambda: [word for _, word in listener.heard] == [b"online", b"offline"])


async def test_messages_of_qos_0_are_kept_too(broker: Mosquitto, journal: SqliteJournal):
    driver = make(broker, device(points=METER, qos=0))

    async with running(driver, journal.append):
        await up(driver)
        with Publisher(broker) as meter:
            meter.say("meters/meter", '{"n": 1}', qos=0)
            meter.say("meters/meter", '{"n": 2}', qos=2)
            await eventually(lambda: int(driver.status()["kept"]) == 2)

    assert await numbers(journal) == [1.0, 2.0]


@pytest.mark.fault(
    "broker away",
    part="MQTT",
    outcome="It is asked again with growing pauses; the program log has one line each way.",
)
async def test_an_outage_is_logged_once_each_way(broker: Mosquitto):
    driver = make(broker)
    with capture_logs() as logs:
        async with running(driver, Kept().append):
            await up(driver)
            broker.stop()
            await eventually(lambda: not driver.status()["connected"])
            await asyncio.sleep(1.5)
            broker.start()
            await up(driver)

    assert [log["event"] for log in logs if log.get("connection")] == ["broker_lost", "broker_back"]


@pytest.mark.fault(
    "stop in the middle",
    part="MQTT",
    outcome="A broker that says nothing does not hold up the stop.",
)
async def test_a_server_that_says_nothing_does_not_hold_the_stop_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = connection(f"mqtt://127.0.0.1:{silent.getsockname()[1]}")
        driver: PushedDriver = MQTT.create(place, [device(points=METER)], context())
        task = asyncio.create_task(driver.run(Kept().append))
        await asyncio.sleep(0.3)

        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=20.0)

    assert done == {task}


@pytest.mark.fault(
    "broker refuses",
    part="MQTT",
    outcome="It is said once what was answered, and tried again.",
)
async def test_something_that_is_no_broker_is_said_and_tried_again():
    async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x20\x02HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
        writer.close()

    server = await asyncio.start_server(talk_nonsense, "127.0.0.1", 0)
    place = connection(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    driver: PushedDriver = MQTT.create(place, [device(points=METER)], context())
    async with server:
        with capture_logs() as logs:
            async with running(driver, Kept().append) as task:
                await eventually(lambda: any(log["event"] == "broker_lost" for log in logs))
                await asyncio.sleep(1.2)
                assert not task.done()

    assert [log["event"] for log in logs if log.get("connection")] == ["broker_lost"]


async def test_two_with_one_name_fight_for_it_less_and_less(broker: Mosquitto):
    first, second = make(broker), make(broker)
    with capture_logs() as logs:
        async with running(first, Kept().append):
            await up(first)
            async with running(second, Kept().append):
                await eventually(lambda: sum(log["event"] == "broker_back" for log in logs) >= 3)

    away = [log["away_s"] for log in logs if log["event"] == "broker_back"]
    assert max(away) >= 1.0, "the second pause of a client is 2 s, less at most half of it for jitter"
    assert any("another client uses the same client_id" in log["check"] for log in logs if "check" in log)


async def test_patterns_that_cross_are_said(broker: Mosquitto):
    driver = make(broker, device("one", topic="a/+", points=METER), device("two", topic="+/b", points=METER))

    with capture_logs() as logs:
        async with running(driver, Kept().append):
            await up(driver)

    assert [(log["one"], log["other"]) for log in logs if log["event"] == "topics_cross"] == [("a/+", "+/b")]


@pytest.mark.fault(
    "broker's queue was full",
    part="MQTT",
    outcome="`status` warns when as much had waited as brokers commonly keep at most.",
)
@pytest.mark.parametrize(("said", "warning"), [(50, False), (300, True)])
async def test_a_queue_that_was_probably_full_is_warned_of(tmp_path: Path, said: int, *, warning: bool):
    small = ("max_queued_messages 100", "max_inflight_messages 20")
    with Mosquitto(tmp_path / "small", template=None, extra=small) as broker:
        driver = make(broker)
        async with running(driver, Kept().append):
            await up(driver)
        with Publisher(broker) as meter:
            for number in range(said):
                meter.say("meters/meter", json.dumps({"n": number}))

        driver = make(broker)
        async with running(driver, Kept().append):
            await eventually(lambda: int(driver.status()["backlog"]) > 0)

    assert driver.status()["backlog_warning"] is warning, driver.status()


def test_the_id_of_a_message_with_a_card_cannot_be_found_by_trying_all_cards(tmp_path: Path):
    broker = Mosquitto(tmp_path)
    payload = b'{"type": "access", "uid": "5a3fb1c2"}'
    message = Message(1, 7, 1, False, False, "meters/meter", payload, 1_795_000_000_000)
    one, same = make(broker, device(events=[CARDS])), make(broker, device(events=[CARDS]))

    batch, again = one._batch(message), same._batch(message)  # type: ignore[attr-defined]

    digest = blake2b(b"meters/meter" + payload, digest_size=8).hexdigest()
    assert digest not in batch.id
    assert batch.id == again.id == f"broker/7/{pseudonymise(digest)}"
