"""The commands that ask a daemon, against the API on its real socket."""

import asyncio
import getpass
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from monitor.cli.alarms import _against, _raised, _state
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Missing, Reading, Value
from monitor.ports import Batch
from tests.cli.running import aside, command
from tests.clock import ManualClock
from tests.web.serving import RULES, make_parts, serving

NOON = 1_795_345_200_000  # 2026-11-22 12:00 in Berlin


def reading(number: int, name: str = "main") -> Reading:
    return Reading(device=name, time=NOON + number, arrived=NOON + number, values={"voltage_l1_v": 230.5})


@pytest.fixture
async def folder(journal: SqliteJournal, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Path]:
    async with serving(make_parts(journal, clock), tmp_path / "api.sock"):
        yield tmp_path


async def test_status_for_people_and_for_programs(folder: Path) -> None:
    people, programs = await asyncio.gather(
        command("status", "--state", folder), aside("status", "--state", folder, "--json")
    )

    assert people.out.startswith("Maple Court (maple-court), version 0.1.0\nrunning since 2026-")
    assert "devices      total 2, answering 1, never_answered 1\n" in people.out
    assert "broker       connected\n" in people.out
    assert "plant-room   polls 7, errors (timeout 2)\n" in people.out
    assert "trimmed" not in people.out
    assert "alive" not in people.out
    assert programs.json["devices"]["total"] == 2


async def test_the_socket_may_be_named_itself(folder: Path) -> None:
    assert (await aside("status", "--socket", folder / "api.sock", "--json")).json["site"] == "maple-court"


async def test_without_a_word_the_users_own_daemon_is_asked(journal: SqliteJournal, clock: ManualClock) -> None:
    with TemporaryDirectory() as home:  # a path that a socket can have, whatever pytest's own folder is
        own = Path(home) / ".local/state/facility-monitor"
        own.mkdir(parents=True)
        async with serving(make_parts(journal, clock), own / "api.sock"):
            assert (await command("status", "--json", home=Path(home))).json["site"] == "maple-court"


async def test_devices(folder: Path) -> None:
    people, programs = await asyncio.gather(
        aside("devices", "--state", folder), aside("devices", "--state", folder, "--json")
    )

    lines = people.out.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["main", "front-door"]
    assert lines[2].split()[-4:] == ["12.5", "%", "3", "ms"]
    assert lines[4:] == ["", "front-door never answered: look at front-door, never_answered"]
    assert [each["class"] for each in programs.json] == ["electricity", "door"]


async def test_a_device_in_words(folder: Path, journal: SqliteJournal) -> None:
    await journal.append([Batch(entries=[reading(0)])])
    people, programs = await asyncio.gather(
        aside("devices", "main", "--state", folder),
        aside("devices", "front-door", "--state", folder, "--json"),
    )

    assert "state        answering\n" in people.out
    assert "loss         12.5 % of the last hour\n" in people.out
    assert "requests     9, of which 7 were answered\n" in people.out
    assert "errors       timeout 2\n" in people.out
    assert "latency      3 ms\n" in people.out
    assert "look at" not in people.out
    assert "voltage_l1_v" in people.out
    assert programs.json["advice"] == "look at front-door, never_answered"
    assert programs.json["errors"] == {}


async def test_readings_have_local_times_units_and_reasons(folder: Path, journal: SqliteJournal) -> None:
    failed = Reading(
        device="main", time=NOON + 1000, arrived=NOON + 1000, values={}, missing={"voltage_l1_v": Missing.TIMEOUT}
    )
    await journal.append([Batch(entries=[reading(0), failed])])
    people = await aside("readings", "main", "--state", folder)

    assert [" ".join(line.split()) for line in people.out.splitlines()[2:]] == [
        "2026-11-22 12:00:00 voltage_l1_v 230.5 V",
        "2026-11-22 12:00:01 voltage_l1_v missing (timeout)",
    ]


async def test_a_device_without_readings_is_not_an_empty_table(folder: Path) -> None:
    people = await aside("readings", "front-door", "--state", folder)

    assert people.out == "no readings of front-door are kept: it has not spoken yet, or sends events alone\n"


async def test_tables_in_a_pipe_are_as_wide_as_their_text(folder: Path, journal: SqliteJournal) -> None:
    values: dict[str, Value] = {f"q{number}_v": 230.5 for number in range(99)}
    await journal.append(
        [Batch(entries=[reading(0), Reading(device="main", time=NOON, arrived=NOON, values=values)])]
    )
    lines = (await aside("readings", "main", "--state", folder)).out.splitlines()

    assert len(lines[1]) == 120
    assert [line for line in lines if line != line.rstrip()] == []


async def test_readings_as_json_are_a_list_newest_last(folder: Path, journal: SqliteJournal) -> None:
    await journal.append([Batch(entries=[reading(number) for number in range(5)])])
    found = (await aside("readings", "main", "--last", "2", "--json", "--state", folder)).json

    assert [each["time"] for each in found] == [NOON + 3, NOON + 4]
    assert set(found[0]) == {"device", "time", "arrived", "values", "missing", "quality"}


async def test_what_a_device_says_does_not_steer_the_terminal(folder: Path, journal: SqliteJournal) -> None:
    evil = Reading(device="main", time=NOON, arrived=NOON, values={"name": "\x1b[2J[red]x"})
    await journal.append([Batch(entries=[evil])])
    people = await aside("readings", "main", "--state", folder)

    assert "\x1b" not in people.out
    assert "[red]x" in people.out


async def test_follow_prints_each_reading_as_it_comes(folder: Path, journal: SqliteJournal) -> None:
    await journal.append([Batch(entries=[reading(0)])])
    words = ("readings", "main", "--follow", "--last", "1", "--json", "--state", str(folder))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", *words, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        first = await process.stdout.readline()
        await journal.append([Batch(entries=[reading(1)])])
        second = await process.stdout.readline()
    process.kill()
    await process.wait()

    assert f'"time": {NOON}'.encode() in first
    assert f'"time": {NOON + 1}'.encode() in second


async def test_alarms_are_listed_with_and_without_the_word(folder: Path) -> None:
    people, programs, short = await asyncio.gather(
        aside("alarms", "--state", folder),
        aside("alarms", "list", "--json", "--state", folder),
        aside("alarms", "--json", "--state", folder),
    )

    assert "undervoltage-1" in people.out
    assert "199.5 V (limit 207 V)" in people.out
    assert "active, unacked" in people.out
    assert programs.json == short.json
    assert programs.json[0]["occurrence"] == "undervoltage-1"


def test_what_is_only_tried_is_marked_in_the_list() -> None:
    assert _state({"state": "active", "active": True, "response": "unacked", "shadow": True}) == (
        "active, unacked, shadow"
    )


async def test_rules_are_listed_and_those_in_shadow_say_what_they_would_have_done(folder: Path) -> None:
    people, programs = await asyncio.gather(
        aside("rules", "list", "--state", folder), aside("rules", "list", "--json", "--state", folder)
    )

    then = "take `shadow: true` away when that is right."
    assert programs.json == [json.loads(json.dumps(rule)) for rule in RULES]
    table, told = people.out.splitlines()[2:8], people.out.splitlines()[8:]
    assert table[0].split() == ["undervoltage", "threshold", "medium,", "high", "3", "1", "2", "5"]
    assert "fails: TypeError: no number, learning" in table[1]
    assert "shadow since 2026-11-14 21:15" in table[2]
    assert [" ".join(line.split()) for line in told] == [
        f"tried has been in shadow for 8 days and would have raised an alarm 4 times (3.5 a week): {then}",
        f"once has been in shadow for 8 days and would have raised an alarm once: {then}",
        "quiet has been in shadow for 8 days and would have told nobody anything.",
    ]


def test_what_a_rule_about_a_device_counts_is_no_quantity() -> None:
    offline = {"value": 3.0, "limit": 3.0, "unit": None, "point": None}

    assert _against(offline) == ""
    assert _against(offline | {"point": "pf"}) == "3 (limit 3)"
    volts = {"value": 231.86502075195312, "limit": 207.0, "unit": "V", "point": "voltage_l1_v"}
    assert _against(volts) == "231.865 V (limit 207 V)"


async def test_an_alarm_is_acknowledged_by_the_beginning_of_its_name(folder: Path) -> None:
    done = await aside("alarms", "ack", "under", "--reason", "on my way", "--state", folder)
    again = await aside("alarms", "ack", "under", "--state", folder)
    shown = await aside("alarms", "show", "under", "--json", "--state", folder)

    assert (done.code, done.out) == (0, f"acknowledged by {getpass.getuser()}\n")
    assert again.code == 1
    assert "was acknowledged before" in again.err
    assert shown.json["response"] == "acked"


async def test_an_alarm_is_called_by_its_rule_and_source_too(folder: Path) -> None:
    shown = await aside("alarms", "show", "undervoltage/main/voltage_l1_v", "--json", "--state", folder)
    done = await aside("alarms", "ack", "undervoltage/main/voltage_l1_v", "--state", folder)

    assert shown.json["occurrence"] == "undervoltage-1"
    assert (done.code, done.out) == (0, f"acknowledged by {getpass.getuser()}\n")


def test_what_was_only_shelved_was_not_raised() -> None:
    shelved = {"raised_at": 1_795_810_769_000, "cleared_at": 1_795_810_769_000, "momentary": False}

    assert _raised(shelved, "UTC") == "-"
    assert _raised(shelved | {"momentary": True}, "UTC") == "2026-11-27 20:19:29"
    assert _raised(shelved | {"cleared_at": None}, "UTC") == "2026-11-27 20:19:29"


@pytest.mark.parametrize(
    "words", [("readings", "none"), ("alarms", "show", "none"), ("alarms", "show", "undervoltage/none")]
)
async def test_what_is_not_there_is_told_with_what_to_do(folder: Path, words: tuple[str, ...]) -> None:
    ran = await aside(*words, "--state", folder)

    assert ran.code == 1
    assert "none" in ran.err
    assert "list them with" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.fault(
    "monitor off",
    part="web and commands",
    outcome="Commands say that nobody answers, and what to do.",
)
async def test_without_a_daemon_it_is_told_what_to_do(tmp_path: Path) -> None:
    ran = await aside("status", "--state", tmp_path)

    assert ran.code == 1
    assert str(tmp_path / "api.sock") in ran.err
    assert "facility-monitor run FILE" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "words", [("readings",), ("devices", "--nonsense"), ("nonsense",), ("readings", "m", "--last", "0")]
)
async def test_wrong_usage_ends_with_2(words: tuple[str, ...]) -> None:
    assert (await aside(*words)).code == 2
