"""Doors and zones as they are written, and as they are bound: hours, holidays, directions, secrets."""

from datetime import date
from pathlib import Path

import pytest

from monitor.calendars import Hours, Schedule
from monitor.settings.difference import difference
from monitor.zones import AccessSettings, AccessZone, DoorSettings
from tests.settings.conftest import Load, Mistakes
from tests.settings.doors import DEVICES, KEY, LINE, WEEKDAYS, settings_of, with_access, with_door, with_zones

# What is bound -----------------------------------------------------------------------------------------


def test_a_site_that_says_nothing_has_what_is_usual(load_text: Load) -> None:
    usual = AccessSettings(unlock_pulse=5.0, held_after=30.0, keep=90 * 86400.0, pseudonyms=False)

    assert settings_of(load_text, DEVICES) == usual
    assert settings_of(load_text, with_access("")) == usual
    assert settings_of(load_text, with_access("{}")) == usual


def test_a_door_without_a_contact_may_have_two_readers(load_text: Load) -> None:
    out = "  - {id: garage-out, profile: esp-rfid, connection: broker, topic: go, door: garage, direction: out}\n"
    settings = load_text(f"{DEVICES}{out}access:\n  zones: [{{id: a, doors: garage}}]\n")

    assert settings.site.devices["garage-out"].door == "garage"
    assert settings.site.access.zones["a"].doors == ("garage",)


def test_a_reader_does_not_belong_to_a_reader_of_another_door(mistakes: Mistakes) -> None:
    lost = "  - {id: lost, profile: esp-rfid, connection: broker, topic: go, door: front-in}\n"
    (found,) = mistakes(f"{DEVICES}{lost}")

    assert "there is no door `front-in`" in found.message


def test_all_of_it_is_bound(tmp_path: Path, load_text: Load) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/names").write_text(KEY)
    (tmp_path / "secrets/names").chmod(0o600)
    text = """\
unlock_pulse: 7 s
  held_after: 45 s
  keep: 1 year
  pseudonyms: true
  names: !secret names
  holidays: {country: DE, region: BE, days: {2026-12-24: Christmas Eve}}
  doors:
    - {door: front, held_after: 2 min, unlocked: {days: mon-fri, hours: "08:00-18:00"}}
    - {door: garage, unlocked: [{hours: "22:00-06:00"}, {days: holidays}]}
  zones:
    - {id: house, name: The house, doors: [front, cellar], most: 200, reset: "03:00"}
    - {id: lab, within: house, doors: garage, hours: {days: [sat, sun], hours: ["08:00-12:00", "06:30-07:01"]}}"""
    loaded = load_text(with_access(text))
    access = loaded.site.access
    days_off = {date(2026, 12, 24): "Christmas Eve"}

    def schedule(*hours: Hours) -> Schedule:
        return Schedule(hours=hours, country="DE", region="BE", days_off=days_off)

    assert access == AccessSettings(
        unlock_pulse=7.0,
        held_after=45.0,
        keep=31_557_600.0,
        pseudonyms=True,
        names_key=KEY,
        doors={
            "front": DoorSettings(held_after=120.0, unlocked=schedule(Hours(days=WEEKDAYS, spans=((480, 1080),)))),
            "garage": DoorSettings(
                held_after=45.0, unlocked=schedule(Hours(spans=((1320, 1800),)), Hours(days=frozenset({0})))
            ),
        },
        zones={
            "house": AccessZone(id="house", name="The house", doors=("front", "cellar"), most=200, reset=180),
            "lab": AccessZone(
                id="lab",
                name="lab",
                doors=("garage",),
                within="house",
                reset=180,
                hours=schedule(Hours(days=frozenset({6, 7}), spans=((390, 421), (480, 720)))),
            ),
        },
    )
    assert KEY not in repr(loaded)
    assert access.door("cellar").held_after == 45.0


@pytest.mark.parametrize(
    ("written", "span"),
    [
        ('"07:00-17:00"', (420, 1020)),
        ("07:01-16:59", (421, 1019)),
        ('"22:00-06:00"', (1320, 1800)),
        ('"22:00-24:00"', (1320, 1440)),
        ('"22:00-00:00"', (1320, 1440)),
        ('"00:00-24:00"', (0, 1440)),
        ('"23:59-00:01"', (1439, 1441)),
        ('"00:01-00:00"', (1, 1440)),
    ],
)
def test_hours_are_to_the_minute_and_go_over_midnight(
    load_text: Load, written: str, span: tuple[int, int]
) -> None:
    unlocked = settings_of(load_text, with_door(f"unlocked: {{hours: {written}}}")).doors["front"].unlocked

    assert unlocked == Schedule(hours=(Hours(spans=(span,)),))


@pytest.mark.parametrize(("written", "minute"), [('"00:00"', 0), ("03:00", 180), ('"23:59"', 1439)])
def test_a_reset_is_a_time_of_day(load_text: Load, written: str, minute: int) -> None:
    zones = settings_of(load_text, with_zones(f"{{id: z, doors: [front], reset: {written}}}")).zones

    assert zones["z"].reset == minute


def test_a_zone_is_reset_with_the_one_around_it_unless_it_says_when(load_text: Load) -> None:
    texts = [
        "{id: a, doors: front, within: b}",
        "{id: b, doors: cellar, within: c}",
        "{id: c, doors: garage, reset: '03:00'}",
        "{id: d, doors: roof, within: b, reset: '12:00'}",
    ]
    zones = settings_of(load_text, with_zones(*texts)).zones

    assert {ident: zone.reset for ident, zone in zones.items()} == {"a": 180, "b": 180, "c": 180, "d": 720}


# Secrets -----------------------------------------------------------------------------------------------


def test_an_absent_key_of_the_names_keeps_run_from_starting(load_text: Load) -> None:
    loaded = load_text(with_access("names: !secret names"))

    (warning,) = loaded.refusals
    assert (warning.line, warning.column, warning.path) == (LINE, 10, "access.names")
    assert loaded.site.access.names_key == ""


def test_a_key_in_the_open_is_a_warning_that_does_not_show_it(load_text: Load) -> None:
    loaded = load_text(with_access(f"names: {KEY}"))

    (warning,) = loaded.warnings
    assert (warning.line, warning.path) == (LINE, "access.names")
    assert warning.message.startswith("whoever can read this file can read the names")
    assert KEY not in str(warning)
    assert loaded.site.access.names_key == KEY


def test_a_short_key_is_refused_and_not_shown(mistakes: Mistakes) -> None:
    (found,) = mistakes(with_access("names: !env NAMES"), environ={"NAMES": "tr0ub4dor"})

    assert (found.line, found.path) == (LINE, "access.names")
    assert found.message == "must have at least 16 characters"
    assert "tr0ub4dor" not in str(found)


# Reload ------------------------------------------------------------------------------------------------


def test_a_reload_says_what_changes(load_text: Load) -> None:
    def zones(most: int) -> tuple[str, str]:
        return f"{{id: a, doors: front, most: {most}}}", "{id: b, doors: cellar, reset: '03:00'}"

    first, second = zones(5)
    old = load_text(with_zones(first, second)).site
    changed = difference(old, load_text(with_zones(zones(6)[0])).site)

    assert (changed.changed["zones"], changed.removed["zones"], changed.sections) == (("a",), ("b",), ())
    longer = difference(old, load_text(with_zones(first, second, more="held_after: 1 min\n  ")).site)
    assert (longer.changed["zones"], longer.sections) == ((), ("access",))


def test_a_reload_says_of_another_key_only_that_the_section_differs(load_text: Load) -> None:
    sites = [
        load_text(with_access("names: !env NAMES"), environ={"NAMES": f"{KEY}-{each}"}).site for each in (1, 2)
    ]
    changed = difference(*sites)

    assert changed.sections == ("access",)
    assert KEY not in repr(changed)
