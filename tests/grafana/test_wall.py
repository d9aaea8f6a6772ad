"""What the display on a wall shows of a site that is known, and whether it can be read from afar."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.grafana.answers.colours import colour
from tests.grafana.shipped import DASHBOARDS, links_of, panels_of
from tests.grafana.situation import Seen, amount, seen, today_hours

_PANELS = list(panels_of(DASHBOARDS["wall"]))
_WRONG, _RIGHT = colour("dark-red"), colour("dark-blue")


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with seen(tmp_path_factory, "wall") as site:
        yield site


@pytest.mark.parametrize(
    ("title", "texts"),
    [
        ("Supply", {"electricity": "OK", "gas": "LOST", "water": "LOST"}),
        ("Detectors", {"leak, gas, smoke": "1"}),
        ("Machines", {"pumps, lifts": "1"}),
        ("Doors", {"doors open too long": "1", "doors forced": "1"}),
        ("Devices", {"silent devices": "1"}),
    ],
)
def test_each_tile_says_how_it_is_in_words_and_colours(wall: Seen, title: str, texts: dict[str, str]):
    found = wall.answer(title).stats()

    assert {name: str(shown) for name, shown, _ in found} == texts
    bad = colour("orange") if title == "Devices" else _WRONG
    assert {name: shown.colour for name, shown, _ in found} == {
        name: _RIGHT if text == "OK" else bad for name, text in texts.items()
    }


def test_alarms_say_how_many_they_are_and_how_bad_the_worst_is(wall: Seen):
    found = wall.answer("Alarms").stats()

    assert [(name, str(shown), shown.colour) for name, shown, _ in found] == [
        ("open alarms", "6", colour("orange")),
        ("the worst", "CRITICAL", _WRONG),
    ]


def test_a_place_where_all_is_well_is_blue(wall: Seen):
    found = wall.answer("Doors", building="b1").stats()

    assert [(name, str(shown), shown.colour) for name, shown, _ in found] == [
        ("doors open too long", "1", _WRONG),
        ("doors forced", "OK", _RIGHT),
    ]


def test_the_worst_alarms_stand_there_by_name(wall: Seen):
    found = [(name, str(shown)) for name, shown, _ in wall.answer("What is wrong").stats()]

    assert len(found) == 4
    assert set(found[:2]) == {("High-power: E main", "CRITICAL"), ("Leak: Leak", "CRITICAL")}
    assert set(found[2:]) == {("Pump-fault: Pump", "HIGH"), ("Door-forced: Front door", "HIGH")}


def test_today_stands_beside_the_same_hours_of_last_week(wall: Seen):
    hours = today_hours()

    assert wall.numbers("Gas today") == pytest.approx(
        {
            "gas today": sum(amount("g-main", each) for each in hours),
            "last week": sum(amount("g-main", each - timedelta(days=7)) for each in hours),
        }
    )


def test_it_fits_the_display_without_scrolling_and_nobody_has_to_click():
    assert max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in _PANELS) <= 22
    assert list(links_of(DASHBOARDS["wall"])) == []
    assert DASHBOARDS["wall"]["refresh"] == "30s"


def test_what_has_to_be_read_is_large():
    for panel in _PANELS:
        sizes = panel["options"]["text"]
        assert min(sizes["valueSize"], sizes["titleSize"]) >= 32, panel["title"]
