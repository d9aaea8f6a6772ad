"""A reader that was off-line tells all it has kept, while the daemon is killed: once each, in order, and late."""

import json
import random
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.daemon import Daemon
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

CARDS, KILLS = 2000, 2
HOUR = 3_600_000

_PROFILE = """\
class: access
mqtt: {payload: json, time: {json: $.at, format: unix_ms, trusted: true}}
events:
  - kind: card
    id: [{json: $.boot}, {json: $.seq}]
    credential: {json: $.card, form: hex}
    result: {json: $.ok, map: {"true": granted, "false": denied}}
"""
_SITE = """\
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: broker, mqtt: {{url: "{broker}"}}}}
devices:
  - {{id: far, profile: memory, connection: broker, topic: doors/far}}
  - {{id: near, profile: memory, connection: broker, topic: doors/near}}
rules:
  - {{id: denied, kind: event, event: card, where: {{result: denied}}, severity: high}}
  - {{id: seen, kind: event, event: card, devices: {{id: far}}, severity: low}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""


@pytest.fixture
def daemon(tmp_path: Path, broker: Mosquitto, mail: MailServer, influx: InfluxServer) -> Iterator[Daemon]:
    profile = tmp_path / "profiles" / "access" / "memory.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text(_PROFILE)
    site = tmp_path / "site.yaml"
    site.write_text(_SITE.format(broker=broker.url, mail=mail.port, influx=influx.url, token=influx.token))
    with Daemon(site, tmp_path / "state") as daemon:
        yield daemon


@pytest.mark.fault(
    "SIGKILL",
    part="whole monitor",
    outcome="What a reader kept while it was off-line, told in part twice, is once in the journal and once in"
    " InfluxDB, in order, and late; another reader's card is told at once, the backlog in few messages.",
)
def test_a_backlog_is_kept_once_and_in_order_over_kills_and_holds_nobody_up(
    daemon: Daemon, broker: Mosquitto, influx: InfluxServer
) -> None:
    live_through(daemon, broker, influx, cards=CARDS, kills=KILLS)


def live_through(daemon: Daemon, broker: Mosquitto, influx: InfluxServer, *, cards: int, kills: int) -> None:
    """Have a backlog told in parts, with a live card in each, and kill the daemon in all but the last."""
    daemon.start()
    daemon.until(lambda: _is_subscribed(daemon), "the broker keeps a session for the daemon")
    daemon.kill()
    begin = time.time_ns() // 1_000_000 - HOUR
    told = [card(number, begin + number * 100, ok=number % 2 > 0) for number in range(cards)]
    share = cards // (kills + 1)
    for part in range(kills + 1):
        end = cards if part == kills else (part + 1) * share
        start, middle = part * share, part * share + share // 2
        live = card(part, time.time_ns() // 1_000_000, ok=False)
        say(broker.port, with_repetitions(told, start, middle))
        say(broker.port, [("doors/near", live)])
        daemon.start(ready=False)
        say(broker.port, with_repetitions(told, middle, end))
        if part < kills:
            wanted = start + random.randrange(share)
            daemon.until(lambda wanted=wanted: len(kept(daemon, "far")) >= wanted, "a part is kept")
            time.sleep(random.uniform(0, 0.05))
            daemon.kill()
    daemon.until(lambda: len(kept(daemon, "far")) >= cards, "every card is in the journal")
    daemon.until(lambda: len(written(influx, "far")) >= cards, "every card is in InfluxDB")
    daemon.until(lambda: len(kept(daemon, "near")) > kills, "the live cards are in the journal")
    daemon.until(lambda: _told(daemon, late=False) > kills, "people are told of every live card")
    daemon.until(lambda: _judged(daemon) >= cards + cards // 2 + kills + 1, "every card is judged")
    assert daemon.stop() == 0

    far = kept(daemon, "far")
    assert [each["id"] for each in far] == [f"1/{number}" for number in range(cards)]
    assert [each["time"] for each in far] == [begin + number * 100 for number in range(cards)]
    assert all(each["arrived"] - each["time"] > 120_000 for each in far)
    assert [each["id"] for each in kept(daemon, "near")] == [f"1/{part}" for part in range(kills + 1)]
    assert sorted(written(influx, "far")) == sorted(each["position"] for each in far)
    rows = daemon.memory("SELECT body FROM outbox WHERE kind = 'raise'")
    backlogs = [found["backlog"] for row in rows if "backlog" in (found := json.loads(row["body"]))]
    assert sum(1 + each["more"] for each in backlogs) == cards // 2
    assert {each["rule"] for each in backlogs} == {"denied"}
    assert len(rows) - len(backlogs) == kills + 1
    assert len(backlogs) < 10


def with_repetitions(told: Sequence[bytes], start: int, end: int) -> list[tuple[str, bytes]]:
    """What a reader sends of its memory, and again of all until then, because it is not sure of it."""
    again = random.sample(told[:end], (end - start) // 10)
    return [("doors/far", each) for each in (*told[start:end], *again)]


def card(number: int, at: int, *, ok: bool) -> bytes:
    """What a reader says."""
    return json.dumps({"boot": 1, "seq": number, "at": at, "card": "04a2b3c4", "ok": ok}).encode()


def say(port: int, messages: Sequence[tuple[str, bytes]]) -> None:
    """Publish with QoS 1 as fast as the broker takes it: by hand, and returning when it has all."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(bytes.fromhex("101300044d515454040200000007") + b"gateway")
        link.recv(4)
        for start in range(0, len(messages), 500):
            part = messages[start : start + 500]
            link.sendall(b"".join(_packet(topic, payload, at + 1) for at, (topic, payload) in enumerate(part)))
            acknowledged = 0
            while acknowledged < 4 * len(part):
                acknowledged += len(link.recv(65536))


def _packet(topic: str, payload: bytes, number: int) -> bytes:
    body = struct.pack(">H", len(topic)) + topic.encode() + struct.pack(">H", number) + payload
    length = len(body)
    size = bytes([length]) if length < 128 else bytes([length % 128 | 128, length // 128])
    return b"\x32" + size + body


def kept(daemon: Daemon, device: str) -> list[dict[str, Any]]:
    """The cards of a reader, in the order of the journal, with their positions."""
    found = daemon.journal(
        "SELECT position, body FROM entries WHERE kind = 2 AND device = ? ORDER BY position", device
    )
    entries = [{**json.loads(row["body"]), "position": row["position"]} for row in found]
    return [entry for entry in entries if entry["kind"] == "card"]


def written(influx: InfluxServer, device: str) -> list[int]:
    """The positions of a reader's cards in InfluxDB."""
    found = influx.query(f"SELECT seq FROM access WHERE device = '{device}' AND event = 'card'", "facility-access")
    return [int(row["seq"]) for row in found]


def _is_subscribed(daemon: Daemon) -> bool:
    status = daemon.get("status")
    return bool(status) and bool(status["connections"]["broker"].get("subscribed"))


def _told(daemon: Daemon, *, late: bool) -> int:
    rows = daemon.memory("SELECT body FROM outbox WHERE state = 'sent'")
    return sum(json.loads(row["body"])["late"] is late for row in rows)


def _judged(daemon: Daemon) -> int:
    (found,) = daemon.memory("SELECT count(*) AS n FROM alarm")
    return int(found["n"])
