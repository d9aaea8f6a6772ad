"""InfluxDB behind TLS with a private authority: what its certificate can do wrong, and how it goes on."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb.check import examine
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings
from tests.servers.influxdb import InfluxServer
from tests.servers.nginx import Nginx, nginx
from tests.servers.ports import free_port
from tests.sinks.site import NOW, a_site, reading
from tests.sinks.test_runner import a_runner, append, running, until

NOW_REALLY = datetime.now(UTC)
AGO, SOON = NOW_REALLY - timedelta(days=30), NOW_REALLY + timedelta(days=30)


class Front:
    """A port at which nginx stands before InfluxDB, each time with the certificate that it is given."""

    def __init__(self, folder: Path, server: InfluxServer) -> None:
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))
        self._folder = folder
        self._server = server
        self._port = free_port()
        self.url = f"https://localhost:{self._port}"

    def presenting(self, leaf: trustme.LeafCert) -> AbstractContextManager[Nginx]:
        certificate, key = self._folder / "server.pem", self._folder / "server.key"
        leaf.private_key_pem.write_to_path(str(key))
        leaf.cert_chain_pems[0].write_to_path(str(certificate))
        return nginx(self._folder, self._server.url, port=self._port, certificate=(certificate, key))


@pytest.fixture
def secured(tmp_path: Path, server: InfluxServer) -> Iterator[Front]:
    return Front(tmp_path, server)


BAD: dict[str, Callable[[trustme.CA], trustme.LeafCert]] = {
    "expired": lambda ca: ca.issue_cert("localhost", not_after=AGO),
    "too early": lambda ca: ca.issue_cert("localhost", not_before=SOON),
    "another name": lambda ca: ca.issue_cert("elsewhere.test"),
    "another authority": lambda _: trustme.CA().issue_cert("localhost"),
}


@pytest.mark.fault(
    "certificate wrong or expired",
    part="InfluxDB sink",
    outcome="`status` says what is wrong with it and what to do, as does `influx check`; everything is kept, and"
    " written once by itself when there is a right one.",
)
@pytest.mark.parametrize(
    ("which", "said", "what_to_do"),
    [
        ("expired", "certificate has expired", "renew the server's certificate"),
        ("too early", "certificate is not yet valid", "clock"),
        ("another name", "Hostname mismatch", "the name that the certificate is for in `url`"),
        ("another authority", "unable to get local issuer", "the authority .* in `ca`"),
    ],
)
async def test_a_wrong_certificate_is_told_and_a_right_one_found(  # noqa: PLR0917 - fixtures
    which: str,
    said: str,
    what_to_do: str,
    secured: Front,
    settings: Callable[..., InfluxSettings],
    journal: SqliteJournal,
    state: State,
    server: InfluxServer,
    database: str,
):
    mine = settings(url=secured.url, ca=secured.ca)
    runner = a_runner(journal, state, InfluxSink(mine, a_site(), state))
    async with running(runner):
        with secured.presenting(secured.authority.issue_cert("localhost")):
            await append(journal, reading("e-main", power_w=0.0))
            await until(lambda: runner.status()["lag"] == 0)
        with secured.presenting(BAD[which](secured.authority)):
            await append(journal, *(reading("e-main", NOW + number, power_w=number) for number in range(1, 100)))
            await until(lambda: runner.status().get("problem") == SinkMisconfigured.__name__)
            facts = runner.status()
            looked = examine(mine, a_site(), now=lambda: time.time_ns() // 1_000_000)
        with secured.presenting(secured.authority.issue_cert("localhost")):
            await until(lambda: runner.status()["lag"] == 0)
            after = examine(mine, a_site(), now=lambda: time.time_ns() // 1_000_000)

    assert said in str(facts["last_error"])
    assert facts["lag"] == 99
    assert [(each.check, each.state) for each in looked] == [("server", "wrong")]
    for told in (str(facts["what_to_do"]), looked[0].what_to_do):
        assert re.search(what_to_do, told), told
    assert {each.state for each in after} == {"fine"}
    rows = server.query('SELECT "power_w" FROM "electricity"', database)
    assert [row["power_w"] for row in rows] == [float(number) for number in range(100)]
    assert runner.status()["rejected"] == 0


async def test_only_the_authority_that_is_named_is_trusted(
    tmp_path: Path, secured: Front, settings: Callable[..., InfluxSettings]
):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with secured.presenting(secured.authority.issue_cert("localhost")):
        for ca in (other, None):
            [finding] = examine(settings(url=secured.url, ca=ca), a_site(), now=lambda: NOW)

            assert "in `ca`" in finding.what_to_do
