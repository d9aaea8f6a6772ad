"""Rules over what was recorded: what the live engine did, and what it would have done otherwise."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from monitor.app import load_site
from monitor.journal.state import State
from monitor.site import Site
from monitor.trials.backtest import Result, Variant, Wish, backtest
from monitor.trials.figures import Occurrence
from tests.cli.running import within
from tests.trials.past import BEGIN, END, load, recorded

_HOUR = 3_600_000
_SPAN = ("--from", "2026-01-05 18:00", "--to", "2026-01-06 05:00")
_WAIT = 15 * 60_000


def loader(file: Path, changes: Mapping[str, Mapping[str, str]]) -> Site:
    """Load a site file: a function that other processes can be told of."""
    return load_site(file, {}, changes=changes).site


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sequence[Mapping[str, Any]]]:
    folder = tmp_path_factory.mktemp("past")
    _, site = load(folder)
    return folder, asyncio.run(recorded(folder, site))


def judged(folder: Path, *variants: Variant, **more: Any) -> list[Result]:
    wish = Wish(folder=folder, start=BEGIN, end=END, rules=more.pop("rules", None))
    return backtest(loader, variants or [now(folder)], wish, lambda *_: None, **more)


def now(folder: Path, **changes: dict[str, str]) -> Variant:
    return Variant(name="now", file=folder / "site.yaml", changes=changes)


def test_the_past_is_judged_again_as_it_was_judged_live(past: tuple[Path, Sequence[Mapping[str, Any]]]) -> None:
    folder, steps = past

    (result,) = judged(folder, processes=1)

    raised = {(one["occurrence"], one["time"]) for one in steps if one["cause"] == "raised"}
    cleared = {one["occurrence"]: one["time"] for one in steps if one["cause"] == "cleared"}
    assert len(raised) > 20
    assert {(one.occurrence, one.raised) for one in result.occurrences} == raised
    assert {
        one.occurrence: one.cleared for one in result.occurrences if not one.is_event and one.cleared
    } == cleared


async def test_messages_are_those_that_were_made_live(past: tuple[Path, Sequence[Mapping[str, Any]]]) -> None:
    folder, _ = past
    state = State.open(folder / "state.db")
    rows = await state.query("SELECT occurrence, kind, person, step FROM outbox WHERE step = 0")
    await state.close()

    (result,) = judged(folder, processes=1)

    made = {(row["occurrence"], row["kind"], row["person"]) for row in rows}
    played = {(one.occurrence, one.kind, one.person) for one in result.told if not one.after}
    told_later = {(one.occurrence, "ben") for one in result.told if one.after}
    assert {key for key in played if key[2] == "ana"} == {key for key in made if key[2] == "ana"}
    assert told_later == set(), "everything was acknowledged after ten minutes, and Ben hears after fifteen"


def test_processes_share_the_work_and_change_nothing(past: tuple[Path, Sequence[Mapping[str, Any]]]) -> None:
    folder, _ = past
    heard: list[tuple[int, int]] = []

    (alone,) = judged(folder, processes=1)
    wish = Wish(folder=folder, start=BEGIN, end=END)
    (shared,) = backtest(loader, [now(folder)], wish, lambda *done: heard.append(done), processes=2)

    assert alone.occurrences == shared.occurrences
    assert alone.told == shared.told
    assert [asdict(one) for one in alone.figures] == [asdict(one) for one in shared.figures]
    assert heard[-1][0] == heard[-1][1]


def test_a_longer_delay_makes_fewer_alarms_and_both_are_judged_in_one_reading(
    past: tuple[Path, Sequence[Mapping[str, Any]]],
) -> None:
    folder, _ = past

    before, after = judged(folder, now(folder), now(folder, low={"on_delay": "10 min"}), rules=frozenset({"low"}))

    (was,), (would,) = before.figures, after.figures
    assert 0 < would.occurrences < was.occurrences
    for one in after.occurrences:  # ten minutes of an alarm that is raised after two already
        (known,) = [each for each in before.occurrences if _holds(each, one.raised, one.source_key)]
        assert one.raised - known.raised >= 8 * 60_000
    assert would.messages < was.messages


def _holds(one: Occurrence, time: int, source: str) -> bool:
    return one.source_key == source and one.raised <= time and (one.cleared is None or time <= one.cleared)


def test_figures_add_up(past: tuple[Path, Sequence[Mapping[str, Any]]]) -> None:
    folder, _ = past

    (result,) = judged(folder)

    for one in result.figures:
        mine = [each for each in result.occurrences if each.rule == one.rule]
        assert one.occurrences == len(mine) == sum(count for _, count in one.sources)
        assert one.active == sum(each.lasted(END) for each in mine)
        assert one.per_week == pytest.approx(len(mine) * 7 * 24 * _HOUR / (END - BEGIN))
        night = [each for each in result.told if each.rule == one.rule and each.kind == "raise"]
        assert one.night == sum(each.time >= BEGIN + 4 * _HOUR for each in night), "18:00 and four hours are 22:00"


def test_only_a_part_of_the_past_counts_and_what_is_before_it_warms_up(
    past: tuple[Path, Sequence[Mapping[str, Any]]],
) -> None:
    folder, steps = past
    middle = BEGIN + 5 * _HOUR
    wish = Wish(folder=folder, start=middle, end=END, warm_up=5 * _HOUR)

    (result,) = backtest(loader, [now(folder)], wish, lambda *_: None, processes=1)

    raised = {one["occurrence"] for one in steps if one["cause"] == "raised" and middle <= one["time"] < END}
    assert {one.occurrence for one in result.occurrences} == raised


async def test_an_alarm_that_nobody_acknowledges_is_told_to_the_next_one(tmp_path: Path) -> None:
    _, site = load(tmp_path)
    await recorded(tmp_path, site, acks=False)

    (result,) = judged(tmp_path, processes=1)

    long = {
        one.occurrence
        for one in result.occurrences
        if one.raised + _WAIT < END and (one.is_event or one.lasted(END) > _WAIT)
    }
    assert {one.occurrence for one in result.told if one.person == "ben" and one.after} == long
    assert {one.after for one in result.told if one.person == "ben"} <= {0, _WAIT}


def test_the_command_tells_both_side_by_side(past: tuple[Path, Sequence[Mapping[str, Any]]]) -> None:
    folder, _ = past
    words = ("--state", folder, "--site", folder / "site.yaml", *_SPAN)

    ran = within("rules", "backtest", *words, "--set", "low.on_delay=10 min")
    listed = within("rules", "backtest", "dead", *words, "--json")

    assert ran.code == 0, ran.err
    (row,) = [line for line in ran.out.splitlines() if line.startswith("low")]
    assert row.count("→") >= 3
    assert {one["rule"] for one in listed.json[0]["occurrences"]} == {"dead"}


def test_a_sweep_is_a_table_and_a_picture(past: tuple[Path, Sequence[Mapping[str, Any]]], tmp_path: Path) -> None:
    folder, _ = past
    words = ("--state", folder, "--site", folder / "site.yaml", *_SPAN)
    picture = tmp_path / "sweep.svg"

    ran = within("rules", "backtest", *words, "--sweep", "low.on_delay=0 s, 2 min, 10 min", "--picture", picture)

    assert ran.code == 0, ran.err
    rows = [line.split() for line in ran.out.splitlines() if line.startswith(("0 s", "2 min", "10 min"))]
    alarms = [int(row[2]) for row in rows]
    assert alarms == sorted(alarms, reverse=True)
    assert len(set(alarms)) == 3
    drawn = ET.parse(picture).getroot()
    bars = {each.get("id") for each in drawn.iter() if str(each.get("id")).startswith("patch_")}
    assert len(bars) >= 2 * len(alarms), "a bar for each value, above and below"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--set", "low=5 min"), "write RULE.KEY=VALUE"),
        (("--set", "lo.on_delay=5 min"), "did you mean `low`?"),
        (("--set", "low.on_dely=5 min"), "did you mean `on_delay`?"),
        (("--set", "low.on_delay=5 parsecs"), "write a time such as"),
        (("--sweep", "low.on_delay=5 min"), "a sweep tries 2 to 40 values"),
        (("--picture", "x.svg"), "it draws a --sweep"),
        (("nothing",), "the site has no rule nothing"),
    ],
)
def test_what_cannot_be_tried_is_told(
    past: tuple[Path, Sequence[Mapping[str, Any]]], words: tuple[str, ...], says: str
) -> None:
    folder, _ = past

    ran = within(
        "rules", "backtest", *words, "--state", folder, "--site", folder / "site.yaml", "--from", "2026-01-05"
    )

    assert ran.code != 0
    assert says in ran.err.replace("\n", " ") or says in " ".join(ran.err.replace("│", " ").split())
