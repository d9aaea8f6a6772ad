"""An estate of twelve doors, three nested zones and two doors for live guests, with every server there is."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import yaml
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from monitor.access.pseudonyms import Pseudonyms
from monitor.credentials import canonical
from monitor.simulation.modbus import Unit
from tests.access.crowd import DOORS
from tests.end_to_end.daemon import COMMAND, Daemon
from tests.end_to_end.estateday import OPEN, READER, Day, Said
from tests.end_to_end.meters import Endpoint
from tests.end_to_end.people import Resident
from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

__all__ = ["CONTACT", "Estate", "Messages", "estate", "pseudonym"]

CONTACT: Final = 5
"""The Modbus unit of the contact that is polled."""
_PROFILE: Final = {
    "class": "access",
    "mqtt": {"payload": "json", "time": {"json": "$.at", "format": "unix_ms", "trusted": True}},
    "events": [
        {
            "kind": "card",
            "id": {"json": "$.n"},
            "credential": {"json": "$.uid", "form": "hex"},
            "result": {"json": "$.ok", "map": {"yes": "granted", "no": "denied"}},
            "reason": {"json": "$.why", "map": {"expired": "expired"}},
        }
    ],
}


def _doors() -> Iterator[dict[str, Any]]:
    """Contacts and readers of all doors."""
    clock = {"json": "$.at", "format": "unix_ms", "trusted": True}
    contact = {"class": "door", "connection": "broker", "points": {"open": {"json": "$.open"}}, "time": clock}
    for door in [door for doors in DOORS.values() for door in doors] + ["gate"]:
        if door != OPEN:
            yield {"id": door, "topic": f"estate/{door}", **contact}
        for way in ("in", "out"):
            name = f"{door}-{way}"
            named = {"door": door} if door != OPEN else {"door": READER} if name != READER else {}
            yield {"id": name, "profile": "turnstile", "connection": "broker", "topic": f"estate/{name}"} | (
                {"direction": way} | named
            )
    polled = {"open": {"register": "discrete 0"}}
    yield {"id": "plant", "class": "door", "connection": "bus", "unit": CONTACT, "every": "200 ms"} | (
        {"points": polled}
    )
    yield {"id": "plant-in", "profile": "turnstile", "connection": "broker", "topic": "estate/plant-in"} | (
        {"direction": "in", "door": "plant"}
    )


def _site(broker: str, bus: int, influx: InfluxServer, mail: int) -> str:
    to = f"mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=house@example.org"
    within = {"floor": {"within": "house"}, "lab": {"within": "floor", "passback": True}}
    hours = {"floor": {"hours": {"days": "mon-fri", "hours": "07:00-19:00"}}}
    zones = [
        {"id": zone, "doors": [READER if door == OPEN else door for door in doors]}
        | within.get(zone, {})
        | hours.get(zone, {})
        for zone, doors in DOORS.items()
    ]
    site = {
        "site": {"id": "estate", "name": "Estate", "timezone": "Europe/Berlin"},
        "connections": [
            {"id": "broker", "mqtt": {"url": broker}},
            {"id": "bus", "modbus": {"transport": "tcp", "host": "127.0.0.1", "port": bus, "timeout": "2 s"}},
        ],
        "devices": list(_doors()),
        "rules": [{"stock": "doors"}, {"stock": "access"}],
        "access": {
            "pseudonyms": True,
            "names": "SECRET",
            "doors": [{"door": door, "held_after": "1 s"} for door in ("gate", "plant")],
            "zones": [*zones, {"id": "yard", "doors": ["gate", "plant"], "reset": "03:00"}],
        },
        "notify": {
            "grouping": {"wait": "0 s", "pace": "0 s"},
            "people": [{"id": "house", "name": "Caretaker", "channels": {"mail": to}}],
            "teams": [{"id": "house", "members": ["house"]}],
            "routes": [{"team": "house"}],
        },
        "sinks": {
            "influxdb": {"url": influx.url, "token": influx.token, "bucket": "facility", "api": "v1"},
            "mqtt": {"connection": "broker", "topic": "told"},
        },
    }
    return yaml.safe_dump(site).replace("names: SECRET", "names: !secret names")


class Messages:
    """All devices: says what they say without waiting for each of it; and hears what the monitor sends."""

    def __init__(self, broker: Mosquitto) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(500)
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            message.topic.encode() + b" " + message.payload
        )
        self._client.on_connect = lambda client, *_: client.subscribe("told/#", qos=1)
        self._client.connect("127.0.0.1", broker.port)
        self.heard: list[bytes] = []

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, said: Sequence[Said]) -> None:
        """Say it all; returns when the broker has it."""
        infos = [self._client.publish(each.topic, each.payload, qos=1) for each in said]
        for info in infos:
            info.wait_for_publish(60)

    def now(self, topic: str, **told: Any) -> None:
        """Say one thing."""
        self._client.publish(f"estate/{topic}", json.dumps(told, ensure_ascii=False), qos=1).wait_for_publish(60)


@dataclass
class Estate:
    """The servers, the daemon, and what came out of it; `printed` is of commands that were not asked for names."""

    folder: Path
    broker: Mosquitto
    influx: InfluxServer
    mail: MailServer
    bus: Endpoint
    daemon: Daemon
    messages: Messages
    printed: list[bytes] = field(default_factory=list)

    def run(self, *words: str, answer: str = "", patience: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command, with an answer to what it asks."""
        return subprocess.run(
            [*COMMAND, *words, "--state", str(self.daemon.state)],
            capture_output=True,
            text=True,
            check=False,
            input=answer,
            timeout=patience,
        )

    def ask(self, *words: str, answer: str = "", of_names: bool = False) -> Any:
        """Run a command that answers with JSON, and has to."""
        ran = self.run(*words, answer=answer)
        if not of_names:
            self.printed += [ran.stdout.encode(), ran.stderr.encode()]
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def show(self, *words: str) -> None:
        """Run a command for what it prints."""
        ran = self.run(*words)
        self.printed += [ran.stdout.encode(), ran.stderr.encode()]
        assert ran.returncode == 0, ran.stderr

    def happened(self, day: Day, kind: str) -> list[dict[str, Any]]:
        """What happened on the day, by the book."""
        return list(self.daemon.get("access", "events", period=day.date, kind=kind, last=10_000))

    def counts(self) -> dict[str, tuple[int, int]]:
        """How many are in each zone of the day's doors, and of how many it is known who they are."""
        found = self.daemon.get("access", "zones") or ()
        return {each["zone"]: (each["count"], each["known"]) for each in found if each["zone"] in DOORS}

    def points(self, measurement: str, database: str, condition: str = "") -> list[dict[str, Any]]:
        """The points of InfluxDB."""
        return self.influx.query(f'SELECT * FROM "{measurement}" {condition}', database)

    def files(self) -> dict[str, bytes]:
        """Every file of the state folder, by its path."""
        state = self.daemon.state
        return {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*") if path.is_file()}

    def disk(self) -> dict[str, bytes]:
        """Every file of InfluxDB and of the broker, as they lie there."""
        found = [*self.folder.glob("influxdb/**/*"), *self.folder.glob("broker/**/*")]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found if path.is_file()}

    def mails(self) -> list[bytes]:
        """Every mail as it came, and what its reader reads."""
        return [text.encode() for text in (*self.mail.texts(), *self.mail.pages(), *self.mail.subjects())] + [
            bytes(message) for message in self.mail.messages
        ]

    def is_connected(self) -> bool:
        """Whether the daemon hears the broker."""
        status = self.daemon.get("status")
        return bool(status) and bool(status["connections"]["broker"]["connected"])

    def started(self) -> None:
        """Start the daemon, and return when it hears."""
        self.daemon.start()
        self.daemon.until(self.is_connected, "the broker is there")

    def erasure(self, number: str) -> dict[str, Any]:
        """How far an erasure is."""
        found = self.daemon.get("access", "erasures") or ()
        return next((dict(each) for each in found if each["id"] == number), {})

    def is_sent(self) -> bool:
        """Whether InfluxDB has what the journal has of events."""
        last = self.daemon.journal("SELECT max(position) AS last FROM entries WHERE kind = 2")[0]["last"]
        status = self.daemon.get("status")
        return bool(status) and status["sinks"]["influxdb"]["position"] >= last


def pseudonym(state: Path, person: Resident) -> str:
    """The pseudonym of somebody's card."""
    return Pseudonyms.open(state)(canonical(person.card.hex(), "hex"))


@contextmanager
def estate(folder: Path) -> Iterator[Estate]:
    """The estate with all servers; the daemon does not run yet."""
    (folder / "influxdb").mkdir()
    (folder / "profiles").mkdir()
    (folder / "secrets").mkdir()
    (folder / "profiles" / "turnstile.yaml").write_text(yaml.safe_dump(_PROFILE))
    secret = folder / "secrets" / "names"
    secret.touch(mode=0o600)
    secret.write_text("five words that nobody will ever guess")
    with ExitStack() as servers:
        broker = servers.enter_context(Mosquitto(folder / "broker"))
        influx = servers.enter_context(influxdb(folder / "influxdb"))
        influx.create("facility", "facility-access")
        mail = servers.enter_context(MailServer())
        bus = servers.enter_context(Endpoint({CONTACT: Unit()}))
        messages = servers.enter_context(Messages(broker))
        site = folder / "site.yaml"
        site.write_text(_site(broker.url, bus.port, influx, mail.port))
        daemon = servers.enter_context(Daemon(site, folder / "state"))
        yield Estate(folder, broker, influx, mail, bus, daemon, messages)
