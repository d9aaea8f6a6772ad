"""`access`: what it shows and what it does about a person, against the API on its socket over real files."""

import asyncio
import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.running import aside, rows
from tests.clock import ManualClock
from tests.web.houses import NOON, PSEUDONYMS, SITE, living

ANA, BEN = PSEUDONYMS("1001"), PSEUDONYMS("1002")


@pytest.mark.usefixtures("house")
async def test_doors_and_zones_are_listed(tmp_path: Path) -> None:
    doors, short, zones = await asyncio.gather(
        aside("access", "doors", "--state", tmp_path),
        aside("access", "--state", tmp_path),
        aside("access", "zones", "--state", tmp_path),
    )
    programs = [await aside("access", what, "--json", "--state", tmp_path) for what in ("doors", "zones")]

    assert [line.split()[0] for line in rows(doors.out)[2:]] == ["front", "server"]
    assert short.out == doors.out
    assert rows(zones.out)[2].startswith("house House 3 1 40 - ")
    assert rows(zones.out)[3].startswith("servers Server room 1 0 - - ")
    assert [[each["name"] for each in program.json] for program in programs] == [
        ["Front", "Server"],
        ["House", "Server room"],
    ]


@pytest.mark.usefixtures("house")
async def test_events_are_shown_and_chosen(tmp_path: Path) -> None:
    every, chosen, none, wrong = await asyncio.gather(
        aside("access", "events", "--state", tmp_path),
        aside("access", "events", "--door", "server", "--kind", "card", "--json", "--state", tmp_path),
        aside("access", "events", "--period", "yesterday", "--state", tmp_path),
        aside("access", "events", "--door", "attic", "--state", tmp_path),
    )

    assert f"2026-11-27 12:10:00 front-in card granted, in {ANA}" in rows(every.out)
    assert [each["result"] for each in chosen.json] == ["granted", "denied"]
    assert none.out == "nothing happened in that time, as far as is known\n"
    assert (wrong.code, "no door attic" in wrong.err) == (1, True)


@pytest.mark.usefixtures("house")
async def test_the_roll_call_is_a_table_a_list_and_a_page(tmp_path: Path) -> None:
    page = tmp_path / "here.html"
    table, listed, html, written, programs = await asyncio.gather(
        aside("access", "rollcall", "--state", tmp_path),
        aside("access", "rollcall", "--format", "csv", "--state", tmp_path),
        aside("access", "rollcall", "--format", "html", "--state", tmp_path),
        aside("access", "rollcall", "--format", "html", "--out", page, "--state", tmp_path),
        aside("access", "rollcall", "--json", "--state", tmp_path),
    )

    assert page.stat().st_mode & 0o777 == 0o600, "names are for whoever asked for them"
    assert rows(table.out)[0] == "HQ, 2026-11-27 13:00:00: 3 people"
    assert rows(table.out)[-1] == "and 1 in House without a card of their own"
    lines = list(csv.reader(io.StringIO(listed.out)))
    assert lines[0] == ["zone", "who", "since", "came by"]
    assert {(line[0], line[1]) for line in lines[1:] if line} == {
        ("House", ANA),
        ("Server room", BEN),
        ("House", "1 without a card"),
    }
    assert html.out.startswith("<!")
    assert ANA in html.out
    assert written.out == f"written to {page}\n"
    assert page.read_text("utf-8").strip() == html.out.strip()
    assert len(programs.json["present"]) == 2


@pytest.mark.usefixtures("house")
async def test_a_roll_call_goes_to_a_file_as_its_ending_says(tmp_path: Path) -> None:
    listed, page = tmp_path / "here.csv", tmp_path / "here.html"
    told = await aside("access", "rollcall", "--zone", "servers", "--out", listed, "--state", tmp_path)
    await aside("access", "rollcall", "--zone", "servers", "--out", page, "--state", tmp_path)
    wrong = await aside("access", "rollcall", "--zone", "attic", "--state", tmp_path)

    assert told.out == f"written to {listed}\n"
    assert listed.read_text("utf-8").splitlines()[1].startswith(f"Server room,{BEN},")
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert (wrong.code, "no zone attic" in wrong.err) == (1, True)


@pytest.mark.usefixtures("house")
async def test_names_are_given_by_a_card_on_standard_input(tmp_path: Path) -> None:
    empty = await aside("access", "names", "--state", tmp_path)
    added = await aside("access", "names", "add", "Ana", "--note", "flat 3", "--state", tmp_path, text="1001\n")
    listed = await aside("access", "names", "--state", tmp_path)
    shown = await aside("access", "rollcall", "--names", "--state", tmp_path)
    nobody = await aside("access", "names", "add", "Ben", "--state", tmp_path, text="\n")
    removed = await aside("access", "names", "remove", "--name", "Ana", "--state", tmp_path)

    assert empty.out == "the directory is empty: `facility-monitor access names add NAME`\n"
    assert added.out == f"{ANA} is Ana\n"
    assert rows(listed.out)[-1] == f"Ana flat 3 {ANA}"
    assert rows(shown.out)[3].startswith("House Ana 2026-11-27 12:10")
    assert (nobody.code, "nobody is named" in nobody.err) == (2, True)
    assert removed.out == f"{ANA} has no name any more\n"


@pytest.mark.usefixtures("house")
async def test_many_names_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("\ufeffcredential;name;note\n1001;Ana;flat 3\n1002;Ben;\n", "utf-8")
    taken = await aside("access", "names", "import", file, "--state", tmp_path)
    missing = await aside("access", "names", "import", tmp_path / "none.csv", "--state", tmp_path)
    file.write_text("number,who\n1001,Ana\n", "utf-8")
    wrong = await aside("access", "names", "import", file, "--state", tmp_path)

    assert taken.out == f"2 names are in the directory; now delete {file}, which is not sealed\n"
    assert (missing.code, "cannot be read" in missing.err) == (2, True)
    assert (wrong.code, "the columns are credential and name" in wrong.err) == (1, True)


async def test_a_site_without_a_directory_says_so(tmp_path: Path) -> None:
    site = replace(SITE, access=replace(SITE.access, names_key=""))
    async with living(tmp_path, ManualClock(NOON), site):
        refused = await aside("access", "names", "--state", tmp_path)
        named = await aside("access", "rollcall", "--names", "--state", tmp_path)

    for each in (refused, named):
        assert each.code == 1
        assert "this site has no directory of names" in each.err
        assert "access: {names: !secret NAME}" in each.err


@pytest.mark.usefixtures("house")
async def test_everything_of_a_person_is_exported_as_json(tmp_path: Path) -> None:
    found = await aside("access", "export", "--state", tmp_path, text="1002\n")
    both = await aside("access", "export", "--pseudonym", BEN, "--name", "Ben", "--state", tmp_path)

    assert BEN in str(found.json)
    assert ANA not in found.out
    assert (both.code, "one of both" in both.err) == (2, True)


@pytest.mark.usefixtures("house")
async def test_a_person_is_erased_with_yes_and_without_it_only_when_that_is_confirmed(tmp_path: Path) -> None:
    words = ("access", "erase", "--reason", "moved out", "--state", tmp_path)
    asked = await aside(*words, "--pseudonym", ANA, text="n\n")
    kept = await aside("access", "events", "--state", tmp_path)
    done = await aside(*words, "--yes", text="1001\n")
    after = await aside("access", "events", "--state", tmp_path)

    assert (asked.code, f"Forget {ANA}?" in asked.out + asked.err) == (1, True)
    assert ANA in kept.out
    assert done.code == 0
    assert "every file was read again: nothing is left" in done.out
    assert "files exported before, and backups, are not reached" in done.out
    assert ANA not in done.out
    assert ANA not in after.out
    assert "erased" in after.out
