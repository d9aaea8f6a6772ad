"""`dead-letters` and `influx check` as processes, with a real runner and a real InfluxDB."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Reading
from monitor.ports import Batch
from monitor.sinks.deadletters import DeadLetters
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.runner import Pace, SinkRunner
from monitor.site import InfluxSettings
from tests.cli.running import aside, command
from tests.clock import ManualClock
from tests.servers.influxdb import InfluxServer, influxdb
from tests.sinks.site import NOW, a_site
from tests.web.serving import make_parts, serving

SITE = """\
site: {{id: hq, timezone: Europe/Berlin}}
connections:
  - {{id: bus, modbus: {{transport: tcp, host: 127.0.0.1, port: 5020}}}}
devices:
  - id: meter
    connection: bus
    unit: 9
    class: electricity
    points:
      power_w: {{register: holding 100, type: float32, order: ABCD, unit: W}}
sinks:
  influxdb: {{url: "{url}", bucket: facility, token: !env INFLUX_TOKEN}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with influxdb(tmp_path_factory.mktemp("influxdb")) as server:
        server.create("facility", "facility-access")
        yield server


@pytest.fixture
def site(server: InfluxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFLUX_TOKEN", server.token)
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(url=server.url))
    return path


def write(path: Path, text: str) -> None:
    path.write_text(text)


async def test_check_says_that_all_is_fine_and_ends_with_0(site: Path) -> None:
    people, programs = await asyncio.gather(
        aside("influx", "check", site), aside("influx", "check", site, "--json")
    )

    assert people.code == programs.code == 0, people.err
    assert "InfluxDB 1.6.7" in people.out
    assert programs.json["fine"] is True
    assert [each["check"] for each in programs.json["findings"]] == [
        "server",
        "version",
        "clock",
        "token",
        "bucket",
        "retention",
        "types",
        "access_bucket",
        "retention",
        "types",
    ]


async def test_check_says_what_is_wrong_and_what_to_do_and_ends_with_1(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFLUX_TOKEN", "admin:mistyped")
    ran = await command("influx", "check", site)

    assert ran.code == 1
    assert "token: mend the secret behind `token`" in ran.out
    assert "mistyped" not in ran.out + ran.err
    assert "Traceback" not in ran.err


async def test_check_of_a_server_that_is_away_ends_with_1(site: Path) -> None:
    write(site, SITE.format(url="http://127.0.0.1:1"))
    ran = await aside("influx", "check", site, "--json")

    assert ran.code == 1
    assert [each["state"] for each in ran.json["findings"]] == ["wrong"]
    assert "Traceback" not in ran.err


async def test_check_of_a_site_without_influxdb_says_so(site: Path) -> None:
    write(site, SITE.format(url="").partition("sinks:")[0])
    ran = await aside("influx", "check", site)

    assert ran.code == 1
    assert "sinks.influxdb" in ran.err
    assert "Traceback" not in ran.err


async def test_all_influxdbs_are_looked_at_or_the_one_that_is_named(site: Path, server: InfluxServer) -> None:
    head = SITE.partition("  influxdb:")[0].format()
    entry = f"url: '{server.url}', token: !env INFLUX_TOKEN"
    write(site, f"{head}  influxdb:\n    - {{id: a, {entry}}}\n    - {{id: b, {entry}, bucket: absent}}\n")
    both, one, nobody = await asyncio.gather(
        aside("influx", "check", site),
        aside("influx", "check", site, "--sink", "a", "--json"),
        aside("influx", "check", site, "--sink", "c"),
    )

    assert (both.code, one.code, nobody.code) == (1, 0, 1)
    assert "b, bucket: mend `bucket`, or create it: `facility-monitor influx setup FILE`" in both.out
    assert {each["sink"] for each in one.json["findings"]} == {"a"}
    assert "there is a, b" in nobody.err


async def test_check_without_a_file_asks_the_daemon(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path
) -> None:
    async def examined(sink: str) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "sink": sink or "influxdb",
                "check": "token",
                "state": "wrong",
                "found": "not known",
                "what_to_do": "mend it",
            }
        ]

    async with serving(make_parts(journal, clock, examine=examined), tmp_path / "api.sock"):
        ran = await aside("influx", "check", "--state", tmp_path)
    away = await aside("influx", "check", "--state", tmp_path)

    assert (ran.code, ran.out.splitlines()[-1]) == (1, "token: mend it")
    assert away.code == 1
    assert "no daemon answers" in away.err


# Dead letters -----------------------------------------------------------------------------------------------


def pump(word: str | float, number: int) -> Reading:
    return Reading(device="pump", time=NOW + number, arrived=NOW, values={"state": word})


@pytest.fixture
async def folder(
    journal: SqliteJournal, state: State, clock: ManualClock, server: InfluxServer, tmp_path: Path
) -> AsyncIterator[Path]:
    """A daemon's folder whose InfluxDB has refused two readings of the pump."""
    settings = InfluxSettings(url=server.url, token=server.token, api="v1")
    letters = DeadLetters(state, clock.now)
    sink = InfluxSink(settings, a_site(), state)
    runner = SinkRunner(journal, state, sink, now=clock.now, letters=letters, pace=Pace(interval=0.01, first=0.05))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(runner.run())
        for entries in ([pump("idle", 0)], [pump(1.0, 1), pump(2.0, 2)]):
            await journal.append([Batch(entries=entries)])
            async with asyncio.timeout(60):
                while runner.status()["lag"]:  # noqa: ASYNC110 - what is waited for is behind sockets
                    await asyncio.sleep(0.01)
        clock.advance(3 * 60_000)
        async with serving(make_parts(journal, clock, letters=letters), tmp_path / "api.sock"):
            yield tmp_path
        running.cancel()
    server.query('DROP MEASUREMENT "equipment"', "facility")


async def test_letters_are_listed_with_reason_age_and_line(folder: Path) -> None:
    people, programs = await asyncio.gather(
        command("dead-letters", "--state", folder), aside("dead-letters", "list", "--json", "--state", folder)
    )

    assert people.code == programs.code == 0, people.err
    assert "state of equipment has the type string in InfluxDB and wants float" in people.out
    assert "3 min ago" in people.out
    assert "equipment,site=hq" in people.out
    assert [letter["time"] - NOW for letter in programs.json] == [2, 1]


async def test_what_is_refused_again_ends_with_1_and_what_is_mended_is_written(
    folder: Path, server: InfluxServer
) -> None:
    refused = await aside("dead-letters", "retry", "--all", "--state", folder)
    server.query('DROP MEASUREMENT "equipment"', "facility")
    written = await aside("dead-letters", "retry", "--all", "--json", "--state", folder)

    assert refused.code == 1
    assert refused.out.startswith("0 written, 2 refused again, 0 waiting for the server")
    assert (written.code, written.json) == (0, {"written": 2, "refused": [], "waiting": []})
    assert len(server.query('SELECT "state" FROM "equipment"', "facility")) == 2


async def test_letters_are_dropped(folder: Path) -> None:
    newest, oldest = (await aside("dead-letters", "--json", "--state", folder)).json
    one = await aside("dead-letters", "drop", str(oldest["id"]), "--state", folder)
    left = (await aside("dead-letters", "--json", "--state", folder)).json
    await aside("dead-letters", "drop", "--all", "--state", folder)
    none = await aside("dead-letters", "--state", folder)
    others = await aside("dead-letters", "drop", "--all", "--sink", "owner", "--state", folder)

    assert others.out == "0 dropped\n"
    assert one.out == "1 dropped\n"
    assert left == [newest]
    assert none.out == "no dead letters\n"


async def test_a_number_that_is_none_is_told_with_what_to_do(folder: Path) -> None:
    ran = await aside("dead-letters", "drop", "99", "--state", folder)

    assert ran.code == 1
    assert "no dead letter 99" in ran.err
    assert "facility-monitor dead-letters" in ran.err


@pytest.mark.parametrize(
    "words", [("retry",), ("drop",), ("drop", "1", "--all"), ("retry", "one"), ("drop", "1", "--sink", "a")]
)
async def test_wrong_usage_ends_with_2(words: tuple[str, ...]) -> None:
    assert (await aside("dead-letters", *words)).code == 2
