"""Certificates run out, are not valid yet, name somebody else or come from nobody known; then they are renewed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import NumberedPublisher
from tests.servers.mosquitto import SHIPPED, Mosquitto, Tls
from tests.servers.ports import free_port

NOW = datetime.now(UTC)
AGO, SOON = NOW - timedelta(days=30), NOW + timedelta(days=30)
DURING = 20
CONNECTION = (
    '  - {{id: {id}, mqtt: {{url: "{url}", ca: {ca}, certificate: {certificate}, key: {key},'
    " protocol: {protocol}}}}}"
)
DEVICE = (
    "  - {{id: counter-{id}, connection: {id}, topic: meters/counter, class: water,"
    " points: {{volume_m3: {{json: $.n, unit: m3}}}}}}"
)
SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
{connections}
devices:
{devices}
"""


class Secured:
    """A broker with TLS, which asks for certificates too, and a way in without for whoever publishes."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        folder.mkdir()
        names = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")
        self.files = Tls(*(folder / name for name in names))
        authority.cert_pem.write_to_path(str(self.files.ca))
        self.authority = authority
        self.plain = free_port()
        template = folder / "shipped.conf"
        template.write_text(f"{SHIPPED.read_text()}\nlistener {self.plain} 127.0.0.1\n")
        self.broker = Mosquitto(folder / "broker", tls=self.files, client_certificates=True, template=template)
        self.renew()

    def renew(self) -> None:
        self.present(self.authority.issue_cert("localhost"))
        self.show(self.authority.issue_cert("monitor@localhost"))

    def present(self, leaf: trustme.LeafCert) -> None:
        """Let the broker have this certificate from its next start on."""
        _write(leaf, self.files.certificate, self.files.key)

    def show(self, leaf: trustme.LeafCert) -> None:
        """Let the daemon have this one."""
        _write(leaf, self.files.client_certificate, self.files.client_key)


def _write(leaf: trustme.LeafCert, certificate: Path, key: Path) -> None:
    leaf.private_key_pem.write_to_path(str(key))
    leaf.cert_chain_pems[0].write_to_path(str(certificate))


@contextmanager
def _brokers(folder: Path, *names: str) -> Iterator[Mapping[str, Secured]]:
    authority = trustme.CA()
    brokers = {name: Secured(folder / name, authority) for name in names}
    with ExitStack() as running:
        for each in brokers.values():
            running.enter_context(each.broker)
        yield brokers


def _publish(broker: Secured, numbers: range) -> None:
    with NumberedPublisher(broker.plain, lambda _: "meters/counter", a_second=1) as publisher:
        for number in numbers:
            publisher.say("meters/counter", number)


@pytest.mark.fault(
    "certificate wrong or expired",
    part="MQTT",
    outcome="One log line says what is wrong with which certificate and what to look at; a renewed one, the"
    " broker's or the monitor's own, is found without a restart, and what was sent meanwhile comes once.",
)
def test_a_certificate_that_is_renewed_is_found_and_nothing_of_the_time_without_is_lost(tmp_path: Path) -> None:
    said = {
        "expired": "certificate has expired",
        "early": "certificate is not yet valid",
        "name": "Hostname mismatch",
        "stranger": "unable to get local issuer certificate",
        "own": "certificate expired",
    }
    with _brokers(tmp_path, *said) as brokers:
        connections = [
            CONNECTION.format(
                id=name,
                url=each.broker.url,
                ca=each.files.ca,
                certificate=each.files.client_certificate,
                key=each.files.client_key,
                protocol=("5", "3.1.1")[number % 2],
            )
            for number, (name, each) in enumerate(brokers.items())
        ]
        devices = [DEVICE.format(id=name) for name in brokers]
        site = tmp_path / "site.yaml"
        site.write_text(SITE.format(connections="\n".join(connections), devices="\n".join(devices)))
        with Daemon(site, tmp_path / "state") as daemon:
            daemon.start()
            daemon.until(lambda: all(_connections(daemon, "connected")), "all are connected")
            for name, each in brokers.items():
                daemon.until(lambda name=name, each=each: _is_heard(daemon, name, each), "it has subscribed")

            brokers["expired"].present(brokers["expired"].authority.issue_cert("localhost", not_after=AGO))
            brokers["early"].present(brokers["early"].authority.issue_cert("localhost", not_before=SOON))
            brokers["name"].present(brokers["name"].authority.issue_cert("elsewhere.test"))
            brokers["stranger"].present(trustme.CA().issue_cert("localhost"))
            brokers["own"].show(brokers["own"].authority.issue_cert("monitor@localhost", not_after=AGO))
            for each in brokers.values():
                each.broker.restart()
            for name, words in said.items():
                daemon.until(lambda name=name, words=words: words in _lost(daemon, name), f"{name} is said")
            for each in brokers.values():
                _publish(each, range(1, DURING + 1))
                each.renew()
                each.broker.restart()
            daemon.until(lambda: all(_connections(daemon, "connected")), "all are connected again")
            for name in brokers:
                daemon.until(lambda name=name: len(_numbers(daemon, name)) >= DURING, "what was said has come")
            lost = {name: _lost(daemon, name).splitlines() for name in brokers}
            assert daemon.stop() == 0

    for name in brokers:
        assert Counter(_numbers(daemon, name)) == Counter(range(1, DURING + 1))
        assert len(lost[name]) == 2, lost[name]
        assert "certificate" in lost[name][1].split('"check"')[1]
    assert "the monitor's own certificate" in lost["own"][1]
    assert "Traceback" not in daemon.tail(100_000)


def _connections(daemon: Daemon, fact: str) -> list[object]:
    return [each[fact] for each in daemon.get("status")["connections"].values()]


def _is_heard(daemon: Daemon, name: str, broker: Secured) -> bool:
    _publish(broker, range(1))
    return bool(daemon.readings(f"counter-{name}"))


def _numbers(daemon: Daemon, name: str) -> list[int]:
    found = [int(values["volume_m3"]) for _, values in daemon.readings(f"counter-{name}")]
    return [number for number in found if number]


def _lost(daemon: Daemon, name: str) -> str:
    lines = daemon.tail(100_000).splitlines()
    return "\n".join(line for line in lines if '"broker_lost"' in line and f'"connection": "{name}"' in line)
