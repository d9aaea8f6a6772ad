"""`equipment`: what it shows and what it tells, against the API on its socket over a real journal and ledger."""

import asyncio
import getpass
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.cli.equipmentlook import print_groups
from tests.cli.running import aside, rows
from tests.clock import ManualClock
from tests.web.houses import NOON, SITE, House, living, said

WHO = getpass.getuser()


@pytest.mark.usefixtures("house")
async def test_equipment_is_listed_with_its_groups(tmp_path: Path) -> None:
    people, short, programs = await asyncio.gather(
        aside("equipment", "list", "--state", tmp_path),
        aside("equipment", "--state", tmp_path),
        aside("equipment", "--json", "--state", tmp_path),
    )

    assert rows(people.out)[2:5] == [
        "pump-1 Pump 1 pump running 59 min ago 1.00 h 1 boost",
        "pump-2 Pump 2 pump fault 60 min ago 0.00 h 0 boost",
        "lift Lift not known (silent) - 0.00 h 0",
    ]
    assert rows(people.out)[-1] == "Pressure: pump-1; 1 of 2 able, no reserve"
    assert short.out == people.out
    assert [each["device"] for each in programs.json["equipment"]] == ["pump-1", "pump-2", "lift"]
    assert programs.json["groups"][0]["reserve"] == 0


@pytest.mark.usefixtures("house")
async def test_one_is_shown_with_its_days_and_services(tmp_path: Path) -> None:
    pump, lift, programs, nobody = await asyncio.gather(
        aside("equipment", "show", "pump-1", "--state", tmp_path),
        aside("equipment", "show", "lift", "--state", tmp_path),
        aside("equipment", "show", "pump-1", "--json", "--state", tmp_path),
        aside("equipment", "show", "nobody", "--state", tmp_path),
    )

    assert rows(pump.out)[:2] == [
        "Pump 1 (pump-1): running, in A, Cellar",
        "ran 1.00 h, started once since 2026-11-27 12:00",
    ]
    assert "2026-11-27 1.00 h 1 - - 1.0 h - -" in rows(pump.out)
    assert "pump-1 belt Look at the belt fine 2026-12-27 never" in rows(pump.out)
    assert rows(lift.out)[1] == "ran 0.00 h, started 0 times: it has said nothing yet"
    assert programs.json["days"][0]["starts"] == 1
    assert (nobody.code, "no device nobody" in nobody.err) == (1, True)


async def test_work_that_was_done_is_kept_and_due_again(house: House, tmp_path: Path) -> None:
    words = ("--at", "2026-11-26 10:30", "--note", "new belt", "--hours", "812")
    told = await aside("equipment", "service", "pump-1", "belt", *words, "--state", tmp_path)
    shown = await aside("equipment", "show", "pump-1", "--state", tmp_path)
    twice = await aside("equipment", "service", "pump-1", "belt", *words, "--json", "--state", tmp_path)
    sooner = await aside("equipment", "service", "pump-1", "belt", "--at", "2026-11-25", "--state", tmp_path)

    assert rows(told.out) == [
        f"kept in the name of {WHO}: belt of pump-1 done at 2026-11-26 10:30",
        "due again: 2026-12-26",
    ]
    assert f"2026-11-26 10:30 belt 812 h {WHO} new belt" in rows(shown.out)
    assert twice.json["service"]["service"] == "belt"
    assert (sooner.code, "only the last time matters" in sooner.err) == (1, True)
    assert len(await house.commands("service")) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pump-1", "paint"), "`pump-1` has no service `paint`; it has oil, belt"),
        (("pump-2", "oil"), "`pump-2` has no service"),
        (("pump-1", "oil", "--at", "tomorrow"), "--at"),
        (("pump-1", "oil", "--at", "2026-11-28 10:30"), "is not yet"),
    ],
)
async def test_work_that_cannot_be_is_refused(
    house: House, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    refused = await aside("equipment", "service", *words, "--state", tmp_path)

    assert refused.code in {1, 2}
    assert said in refused.err
    assert await house.commands("service") == []


@pytest.mark.usefixtures("house")
async def test_services_batteries_and_supply_are_listed(tmp_path: Path) -> None:
    services, batteries, supply = await asyncio.gather(
        *(aside("equipment", what, "--state", tmp_path) for what in ("services", "batteries", "supply"))
    )
    programs = [
        await aside("equipment", what, "--json", "--state", tmp_path)
        for what in ("services", "batteries", "supply")
    ]

    assert rows(services.out)[2:] == [
        "lift belt Look at the belt fine 2026-12-27 never",
        "pump-1 belt Look at the belt fine 2026-12-27 never",
        "pump-1 oil Change the oil fine 2027-11-27, in 1999 h of running never",
    ]
    assert "climate Climate 64 % 60 min ago - -" in rows(batteries.out)
    assert rows(supply.out)[-2:] == [
        "A electricity present 2026-11-27 12:40 main",
        "A, electricity: partly lost from 2026-11-27 12:30 to 2026-11-27 12:40, 10 min 0 s",
    ]
    assert [len(each.json) for each in programs] == [3, 1, 1]


async def test_a_supply_that_is_lost_is_said_to_be_so_now(house: House, tmp_path: Path) -> None:
    house.clock.time = NOON + 20_000
    await house.keep(
        said("main", NOON + 1000, voltage_l1_v=2.0, voltage_l2_v=3.0),
        said("main", NOON + 19_000, voltage_l1_v=2.0, voltage_l2_v=3.0),
    )
    shown = await aside("equipment", "supply", "--state", tmp_path)

    assert "A, electricity: lost from 2026-11-27 13:00:01 to now, 19 s" in rows(shown.out)


async def test_a_house_without_anything_says_what_to_write(tmp_path: Path) -> None:
    empty = replace(SITE, devices={}, equipment={}, groups={}, supplies=())
    async with living(tmp_path, ManualClock(NOON), empty):
        asked = ((), ("services",), ("batteries",), ("supply",))
        found = await asyncio.gather(*(aside("equipment", *words, "--state", tmp_path) for words in asked))

    assert [each.out for each in found] == [
        "no equipment: no device of the site file is of class equipment\n",
        "no services: the site file names none under `equipment: {service: …}` of a device\n",
        "no device has said how full its battery is\n",
        "nothing is known of the supply: see `supply:` in docs/settings.md\n",
    ]


def test_a_group_of_which_nothing_is_known_yet_is_not_said_to_have_no_reserve(
    capsys: pytest.CaptureFixture[str],
) -> None:
    group = {"name": "Boosters", "members": ["one", "two"], "running": [], "able": [], "unknown": ["one", "two"]}
    print_groups([{**group, "reserve": 0}, {**group, "able": ["one"], "unknown": [], "reserve": 0}])

    assert capsys.readouterr().out.splitlines() == [
        "Boosters: none runs; 0 of 2 able, 2 not known, reserve not known",
        "Boosters: none runs; 1 of 2 able, no reserve",
    ]
