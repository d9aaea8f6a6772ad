"""Changes that are proposed for rules: found in a past of which it is known what really happened."""

import asyncio
from pathlib import Path

import pytest

from monitor.app import load_site
from monitor.site import Site
from monitor.trials.backtest import Variant, Wish, backtest
from monitor.trials.propose import Proposal, Tried, candidates, most_raised, propose
from tests.cli.running import within
from tests.trials import past
from tests.trials.hovering import BEGIN, END, Truth, load, recorded
from tests.trials.test_backtest import loader

_MINUTE = 60_000
_STEP = 20_000


@pytest.fixture(scope="module")
def hovered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("hovering")
    load(folder)
    return folder, asyncio.run(recorded(folder))


def proposed(folder: Path, *rules: str, processes: int = 1) -> list[Proposal]:
    wish = Wish(folder=folder, start=BEGIN, end=END)
    return propose(loader, folder / "site.yaml", wish, rules, lambda *_: None, processes=processes)


def chosen(found: Proposal) -> Tried:
    assert found.chosen is not None, found.why
    return found.chosen


def test_a_voltage_that_hovers_needs_a_deadband_and_both_real_dips_are_told_as_early(
    hovered: tuple[Path, Truth],
) -> None:
    folder, truth = hovered

    (found,) = proposed(folder, "low")

    change = chosen(found)
    assert found.occurrences > 20
    assert (change.key, change.value) == ("deadband", "2 V")
    assert (change.occurrences, change.avoided) == (2, found.occurrences - 2)
    assert change.later == 0
    for left, (begin, lasts) in zip(change.left, truth.dips, strict=True):
        assert begin - 10 * _MINUTE <= left.raised < begin + lasts
    assert change.lost == []
    assert change.messages == 4, "raised and cleared, twice"


def test_short_dips_need_a_delay_and_the_long_one_is_told(hovered: tuple[Path, Truth]) -> None:
    folder, truth = hovered

    (found,) = proposed(folder, "short")

    change = chosen(found)
    assert found.occurrences == truth.short + 1
    assert (change.key, change.value, change.avoided) == ("on_delay", "1 min", truth.short)
    assert [one.later for one in change.left] == [60_000]
    assert {one.key: one.avoided for one in found.tried if one.key == "deadband"} == {"deadband": 0}


def test_what_is_proposed_does_what_was_said(hovered: tuple[Path, Truth]) -> None:
    folder, _ = hovered

    proposals = proposed(folder, "low", "short")

    for found in proposals:
        change = chosen(found)
        site = folder / "site.yaml"
        variant = Variant(name="changed", file=site, changes={found.rule: {change.key: change.value}})
        wish = Wish(folder=folder, start=BEGIN, end=END, rules=frozenset({found.rule}))
        (result,) = backtest(loader, [variant], wish, lambda *_: None, processes=1)
        assert len(result.occurrences) == change.occurrences
        assert [one.raised for one in result.occurrences] == [one.raised for one in change.left]
        assert result.figures[0].active == change.active


def test_several_rules_and_processes_change_nothing(hovered: tuple[Path, Truth]) -> None:
    folder, _ = hovered

    together = proposed(folder, "low", "short", "forced", processes=2)

    assert together == [*proposed(folder, "low"), *proposed(folder, "short"), *proposed(folder, "forced")]
    assert (together[2].chosen, together[2].tried) == (None, [])
    assert together[2].why.startswith("its alarms are events")


def test_a_deadband_that_the_value_never_leaves_is_not_proposed(tmp_path: Path) -> None:
    load(tmp_path)
    asyncio.run(recorded(tmp_path, well=210.0))  # within 5 V of the limit, all the time

    (found,) = proposed(tmp_path, "low")

    lost = {one.value: len(one.lost) for one in found.tried if one.key == "deadband"}
    assert lost == {"1 V": 0, "2 V": 0, "5 V": 1, "10 V": 1}, "the second dip would have been part of the first"
    assert (chosen(found).key, chosen(found).value) == ("deadband", "2 V")


def test_a_delay_that_would_lose_what_lasts_long_is_not_proposed(tmp_path: Path) -> None:
    load(tmp_path, lambda text: text.replace("below: 207 V, severity: high", "below: 207 V, deadband: 5 V"))
    asyncio.run(recorded(tmp_path, away=lambda at: 203.0 if at % (2 * _STEP) else 210.0))

    (found,) = proposed(tmp_path, "low")

    assert found.chosen is None
    assert found.why == "what avoids most of them (on_delay 5 min) would lose 2 that lasted long"
    assert {one.key: len(one.lost) for one in found.tried if one.key != "on_delay"} == {
        "deadband": 0,
        "off_delay": 0,
    }


def test_a_rule_that_raised_nothing_needs_no_change(hovered: tuple[Path, Truth]) -> None:
    folder, _ = hovered
    wish = Wish(folder=folder, start=BEGIN, end=BEGIN + 60 * _MINUTE)

    (found,) = propose(loader, folder / "site.yaml", wish, ["low"], lambda *_: None, processes=1)

    assert (found.chosen, found.why) == (None, "it raised nothing")


def site_with(folder: Path, rule: str) -> Site:
    path, _ = load(folder, lambda text: text.replace("rules:\n", f"rules:\n  - {{id: tried, kind: {rule}}}\n"))
    return load_site(path, {}).site


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("threshold, point: voltage_v, above: 253 V", ["1 V", "2 V", "5 V", "10 V"]),
        ("threshold, point: voltage_v, above: 253 V, deadband: 2 V", ["5 V", "10 V"]),
        ("threshold, point: voltage_v, above: 0.4 kV", ["2 V", "5 V", "10 V", "20 V"]),
        ("range, point: voltage_v, low: 207 V, high: 253 V", ["1 V", "2 V", "5 V", "10 V"]),
        ("threshold, point: voltage_v, above: 0 V", []),
        ("offline, devices: {class: electricity}", []),
    ],
)
def test_deadbands_are_sensible_numbers_in_the_unit_of_the_point(
    tmp_path: Path, rule: str, values: list[str]
) -> None:
    tried = candidates(site_with(tmp_path, rule).rules["tried"])

    assert [value for key, value in tried if key == "deadband"] == values


def test_only_longer_delays_are_tried_and_what_is_critical_is_not_told_later(tmp_path: Path) -> None:
    rule = "offline, devices: {class: electricity}, on_delay: 2 min, off_delay: 15 min"
    now = candidates(site_with(tmp_path, rule).rules["tried"])
    critical = candidates(site_with(tmp_path, f"{rule}, severity: critical").rules["tried"])

    assert now == [("off_delay", "30 min"), ("on_delay", "5 min"), ("on_delay", "10 min")]
    assert critical == [("off_delay", "30 min")]


def test_the_command_says_it_in_a_sentence(hovered: tuple[Path, Truth]) -> None:
    folder, _ = hovered
    words = ("--state", folder, "--site", folder / "site.yaml", "--period", "2026-11-01..2026-11-04")

    told = within("rules", "propose", "low", "forced", *words, "--tried")
    data = within("rules", "propose", "low", *words, "--json")
    wrong = within("rules", "propose", "lo", *words)

    assert told.code == data.code == 0, told.err + data.err
    count = data.json[0]["occurrences"]
    assert (
        f"a deadband of 2 V would have avoided {count - 2} of {count} alarms; the 2 that are left are those of"
        " 2026-11-02 08:" in told.out
    )
    assert "told 0 s later\n" in told.out
    assert "no change is worth it: its alarms are events" in told.out
    assert "  deadband 2 V *" in told.out
    assert data.json[0]["chosen"]["value"] == "2 V"
    assert wrong.code != 0
    assert "the site has no rule lo" in wrong.err


async def test_without_a_name_it_is_about_the_rules_that_raised_most(tmp_path: Path) -> None:
    _, site = past.load(tmp_path)
    await past.recorded(tmp_path, site)
    words = ("--state", tmp_path, "--site", tmp_path / "site.yaml", "--period", "2026-01-05..2026-01-06")

    ran = within("rules", "propose", *words, "--most", "1", "--json")
    quiet = within("rules", "propose", *words[:4], "--period", "2026-01-01")

    assert [one["rule"] for one in ran.json] == ["low"]
    assert most_raised(tmp_path, (past.BEGIN, past.END + 1), site.rules, 9) == ["low", "dead"]
    assert "no rule raised an alarm" in quiet.out
