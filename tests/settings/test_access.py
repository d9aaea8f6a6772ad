"""Doors and zones as they are written, and as they are bound: hours, holidays, directions, secrets."""

from datetime import date
from pathlib import Path

import pytest

from monitor.calendars import Hours, Schedule
from monitor.settings.difference import difference
from monitor.settings.loading import SHIPPED
from monitor.zones import AccessSettings, AccessZone, DoorSettings
from tests.settings.conftest import Load, Mistakes

DEVICES = """\
devices:
  - {id: front, profile: aqara-mccgq11lm, connection: broker, topic: front}
  - {id: front-in, profile: esp-rfid, connection: broker, topic: fi, door: front, direction: in}
  - {id: front-out, profile: esp-rfid, connection: broker, topic: fo, door: front, direction: out}
  - {id: cellar, profile: aqara-mccgq11lm, connection: broker, topic: cellar}
  - {id: cellar-in, profile: esp-rfid, connection: broker, topic: ci, door: cellar, direction: in}
  - {id: garage, profile: esp-rfid, connection: broker, topic: garage}
  - {id: roof, profile: aqara-mccgq11lm, connection: broker, topic: roof}
  - {id: meter, profile: eastron-sdm630, connection: plant, unit: 1}
"""
LINE = DEVICES.count("\n") + 6
"""The line behind `access:`, which stands below the head and the devices."""
KEY = "correct-horse-battery-staple"
CIRCLE = """zones: [{id: x, doors: roof, within: a}, {id: a, doors: front, within: b}, \
{id: b, doors: cellar, within: c}, {id: c, doors: garage, within: a}]"""
WEEKDAYS = frozenset({1, 2, 3, 4, 5})


def _access(text: str) -> str:
    return f"{DEVICES}access:\n  {text}\n"


def _door(text: str) -> str:
    return _access(f"doors: [{{door: front, {text}}}]")


def _zones(*texts: str, more: str = "") -> str:
    return _access(f"{more}zones:") + "".join(f"    - {text}\n" for text in texts)


def _settings(load_text: Load, text: str) -> AccessSettings:
    return load_text(text).site.access


# What is bound -----------------------------------------------------------------------------------------


def test_a_site_that_says_nothing_has_what_is_usual(load_text: Load) -> None:
    usual = AccessSettings(unlock_pulse=5.0, held_after=30.0, keep=90 * 86400.0, pseudonyms=False)

    assert _settings(load_text, DEVICES) == usual
    assert _settings(load_text, _access("")) == usual
    assert _settings(load_text, _access("{}")) == usual


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
    loaded = load_text(_access(text))
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
    unlocked = _settings(load_text, _door(f"unlocked: {{hours: {written}}}")).doors["front"].unlocked

    assert unlocked == Schedule(hours=(Hours(spans=(span,)),))


@pytest.mark.parametrize(("written", "minute"), [('"00:00"', 0), ("03:00", 180), ('"23:59"', 1439)])
def test_a_reset_is_a_time_of_day(load_text: Load, written: str, minute: int) -> None:
    zones = _settings(load_text, _zones(f"{{id: z, doors: [front], reset: {written}}}")).zones

    assert zones["z"].reset == minute


def test_a_zone_is_reset_with_the_one_around_it_unless_it_says_when(load_text: Load) -> None:
    texts = [
        "{id: a, doors: front, within: b}",
        "{id: b, doors: cellar, within: c}",
        "{id: c, doors: garage, reset: '03:00'}",
        "{id: d, doors: roof, within: b, reset: '12:00'}",
    ]
    zones = _settings(load_text, _zones(*texts)).zones

    assert {ident: zone.reset for ident, zone in zones.items()} == {"a": 180, "b": 180, "c": 180, "d": 720}


# Secrets -----------------------------------------------------------------------------------------------


def test_an_absent_key_of_the_names_keeps_run_from_starting(load_text: Load) -> None:
    loaded = load_text(_access("names: !secret names"))

    (warning,) = loaded.refusals
    assert (warning.line, warning.column, warning.path) == (LINE, 10, "access.names")
    assert loaded.site.access.names_key == ""


def test_a_key_in_the_open_is_a_warning_that_does_not_show_it(load_text: Load) -> None:
    loaded = load_text(_access(f"names: {KEY}"))

    (warning,) = loaded.warnings
    assert (warning.line, warning.path) == (LINE, "access.names")
    assert warning.message.startswith("whoever can read this file can read the names")
    assert KEY not in str(warning)
    assert loaded.site.access.names_key == KEY


def test_a_short_key_is_refused_and_not_shown(mistakes: Mistakes) -> None:
    (found,) = mistakes(_access("names: !env NAMES"), environ={"NAMES": "tr0ub4dor"})

    assert (found.line, found.path) == (LINE, "access.names")
    assert found.message == "must have at least 16 characters"
    assert "tr0ub4dor" not in str(found)


# Mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("unlock_pulse: 5", "unlock_pulse", "write a time such as", ""),
        ("unlock_pulse: 11 min", "unlock_pulse", "must be at most 600", ""),
        ("held_after: 0 s", "held_after", "must be at least 1", ""),
        ("held_after: 2 days", "held_after", "must be at most 86400", ""),
        ("keep: 23 h", "keep", "must be at least 86400", ""),
        ("keep: 6 years", "keep", "must be at most", ""),
        ("pseudonyms: maybe", "pseudonyms", "write true or false", ""),
        ("hold_after: 2 min", "hold_after", "`hold_after` is not a key here", "held_after"),
        ("zone: []", "zone", "`zone` is not a key here", "zones"),
        ("zones: {id: a}", "zones", "write a list: each entry begins with `- `", ""),
        ("doors: [front]", "doors[0]", "write keys with values, such as `{id: …}`", ""),
        ("holidays: {country: XX}", "holidays.country", "the holidays of `XX` are not known", ""),
        ("holidays: {region: BE}", "holidays.region", "a region is one of a country: write `country` too", ""),
        ("holidays: {country: DE, region: XX}", "holidays.region", "there is no region of DE", ""),
        ("holidays: {days: 24.12.}", "holidays.days", "write a day such as", ""),
        ("doors: [{held_after: 2 min}]", "doors[0].door", "`door` is missing", ""),
        ("doors: [{door: frnt}]", "doors[0].door", "there is no door `frnt`", "front"),
        ("doors: [{door: meter}]", "doors[0].door", "there is no door `meter`", ""),
        ("doors: [{door: front-in}]", "doors[0].door", "`front-in` belongs to the door `front`", "front"),
        (
            "doors: [{door: front}, {door: front}]",
            "doors[1].door",
            f"`front` is said in line {LINE} already",
            "",
        ),
        ("zones: [{id: a}]", "zones[0].doors", "`doors` is missing", ""),
        ("zones: [{id: a, doors: []}]", "zones[0].doors", "needs at least 1 entries", ""),
        ("zones: [{id: A, doors: front}]", "zones[0].id", "an id has lower-case letters", ""),
        ("zones: [{id: a, doors: frnt}]", "zones[0].doors", "there is no door `frnt`", "front"),
        ("zones: [{id: a, doors: [front, cellr]}]", "zones[0].doors[1]", "there is no door `cellr`", "cellar"),
        (
            "zones: [{id: a, doors: [front-out]}]",
            "zones[0].doors[0]",
            "`front-out` belongs to the door `front`",
            "front",
        ),
        (
            "zones: [{id: a, doors: front}, {id: b, doors: [cellar, front]}]",
            "zones[1].doors[1]",
            "`front` leads into the zone `a` already: a door leads into one zone",
            "",
        ),
        ("zones: [{id: a, doors: [front, front]}]", "zones[0].doors[1]", "`front` leads into the zone `a`", ""),
        (
            "zones: [{id: a, doors: front}, {id: a, doors: cellar}]",
            "zones[1].id",
            f"the id `a` is taken already in line {LINE}",
            "",
        ),
        ("zones: [{id: a, doors: front, within: b}]", "zones[0].within", "there is no zone `b`", ""),
        (
            "zones: [{id: house, doors: front}, {id: b, doors: cellar, within: hous}]",
            "zones[1].within",
            "there is no zone `hous`",
            "house",
        ),
        (
            "zones: [{id: a, doors: front, within: a}]",
            "zones[0].within",
            "a zone cannot lie within itself: a → a",
            "",
        ),
        (
            CIRCLE,
            "zones[1].within",
            "a zone cannot lie within itself: a → b → c → a",
            "",
        ),
        ("zones: [{id: a, doors: front, most: 0}]", "zones[0].most", "must be at least 1", ""),
        ("zones: [{id: a, doors: front, reset: 3}]", "zones[0].reset", "write a time of day such as", ""),
        ('zones: [{id: a, doors: front, reset: "24:00"}]', "zones[0].reset", "write a time of day such as", ""),
        (
            "zones: [{id: a, doors: front, passbac: true}]",
            "zones[0].passbac",
            "`passbac` is not a key",
            "passback",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(
    mistakes: Mistakes, text: str, path: str, message: str, hint: str
) -> None:
    (found,) = mistakes(_access(text))

    assert (found.line, found.path, found.hint) == (LINE, f"access.{path}", hint)
    assert found.message.startswith(message)


def test_a_door_that_is_not_known_names_those_that_are(mistakes: Mistakes) -> None:
    (found,) = mistakes(_access("doors: [{door: frnt}]"))

    assert found.column == "  doors: [{door: frnt}]".index("frnt") + 1
    assert found.allowed == "cellar, front, garage, roof"


@pytest.mark.parametrize(
    ("hours", "path", "message"),
    [
        ("{}", "", "write `days`, `hours` or both"),
        ("[]", "", "needs at least 1 entries"),
        ("{days: weekend}", ".days", "write days such as `mon-fri`"),
        ("{days: [mon, tus]}", ".days[1]", "write days such as `mon-fri`"),
        ("{hours: 7-17}", ".hours", "write hours such as"),
        ('{hours: "07:60-08:00"}', ".hours", "write hours such as"),
        ('{hours: "07:00-25:00"}', ".hours", "a day has the hours 00:00 to 24:00"),
        ('{hours: "24:00-06:00"}', ".hours", "a day has the hours 00:00 to 24:00"),
        ('{hours: "07:00-07:00"}', ".hours", "these hours have no length"),
        ('[{days: sat}, {hours: ["07:00-08:00", 9]}]', "[1].hours[1]", "write hours such as"),
        ("{day: sat}", ".day", "`day` is not a key here"),
        ("{days: holidays}", ".days", "nobody knows the holidays: add `holidays: {country: …}` to `access`"),
        ("[{days: sat}, {days: [sun, holidays]}]", "[1].days", "nobody knows the holidays"),
    ],
)
@pytest.mark.parametrize(
    "written", ["doors: [{door: front, unlocked: %s}]", "zones: [{id: a, doors: front, hours: %s}]"]
)
def test_hours_that_are_wrong_are_told_at_their_place(
    mistakes: Mistakes, written: str, hours: str, path: str, message: str
) -> None:
    (found,) = mistakes(_access(written % hours))

    key = "doors[0].unlocked" if written.startswith("doors") else "zones[0].hours"
    assert (found.line, found.path) == (LINE, f"access.{key}{path}")
    assert found.message.startswith(message)


def test_all_mistakes_are_told_at_once(mistakes: Mistakes) -> None:
    text = "keep: 3, doors: [{door: frnt}, {door: front, held_after: 1}], zones: [{id: a, doors: [rof], most: x}]"
    found = mistakes(_access(f"{{{text}}}"))

    assert {each.path for each in found} == {
        "access.keep",
        "access.doors[0].door",
        "access.doors[1].held_after",
        "access.zones[0].doors[0]",
        "access.zones[0].most",
    }


def test_a_section_that_is_no_mapping_is_told(mistakes: Mistakes) -> None:
    (found,) = mistakes(f"{DEVICES}access: 5 s\n")

    assert (found.path, found.message) == ("access", "write keys with values, such as `{key: value}`")


def test_a_door_whose_device_has_a_mistake_is_told_once(mistakes: Mistakes) -> None:
    text = _zones("{id: a, doors: [front, roof]}").replace(
        "profile: aqara-mccgq11lm, connection: broker, topic: roof",
        "profile: aqara, connection: broker, topic: roof",
    )
    (found,) = mistakes(text)

    assert found.path == "devices[6].profile"


# Warnings ----------------------------------------------------------------------------------------------


def _warnings(load_text: Load, text: str) -> list[tuple[int, str, str]]:
    return [(each.line - LINE, each.path, each.message) for each in load_text(text).warnings]


@pytest.mark.parametrize(
    "zones",
    [
        ["{id: a, doors: [front], passback: true, most: 5}"],
        ["{id: a, doors: [cellar], reset: '03:00'}"],
        ["{id: a, doors: [roof, front]}"],
        ["{id: a, doors: [front]}", "{id: b, within: a, doors: [cellar]}"],
        ["{id: a, doors: [roof], reset: '03:00'}", "{id: b, within: a, doors: [cellar]}"],
        ["{id: a, doors: [front], hours: {days: mon-fri}}"],
    ],
)
def test_zones_that_can_be_counted_are_no_warning(load_text: Load, zones: list[str]) -> None:
    assert _warnings(load_text, _zones(*zones)) == []


def test_a_zone_without_a_reader_in_counts_nobody(load_text: Load) -> None:
    message = "`a` counts nobody: no door into it has a reader with `direction: in`"

    assert _warnings(load_text, _zones("{id: a, doors: [roof], passback: true}")) == [
        (1, "access.zones[0]", message)
    ]


def test_a_zone_that_nobody_leaves_only_grows(load_text: Load) -> None:
    message = "the count of `a` only grows: add a reader with `direction: out`, or `reset`"

    assert _warnings(load_text, _zones("{id: a, doors: [cellar]}")) == [(1, "access.zones[0]", message)]


def test_passback_needs_readers_of_both_directions(load_text: Load) -> None:
    message = "whoever comes back would be told: no door of the zone has a reader with `direction: out`"
    text = _zones("{id: a, doors: cellar, reset: '03:00', passback: true}")

    assert _warnings(load_text, text) == [(1, "access.zones[0].passback", message)]


def test_a_door_without_a_reader_is_out_of_nobodys_hours(load_text: Load) -> None:
    message = "nobody is seen at `roof` out of hours: it has no reader"
    text = _zones("{id: a, doors: [front, roof], hours: {days: mon-fri}}")

    assert _warnings(load_text, text) == [(1, "access.zones[0].doors[1]", message)]


def test_a_reader_without_a_direction_is_not_counted(load_text: Load) -> None:
    message = "whoever passes `garage` is not counted: it needs `direction: in` or `direction: out`"

    assert _warnings(load_text, _zones("{id: a, doors: garage}")) == [(1, "access.zones[0].doors", message)]
    assert _warnings(load_text, _zones("{id: a, doors: [front, garage]}")) == [
        (1, "access.zones[0].doors[1]", message)
    ]


def test_a_reader_whose_cards_say_the_direction_needs_none(tmp_path: Path, load_text: Load) -> None:
    shipped = (SHIPPED / "profiles/access/esp-rfid.yaml").read_text("utf-8")
    own = shipped.replace("credential:", "attributes: {direction: {json: $.way}}\n    credential:", 1)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/two-way.yaml").write_text(own, "utf-8")
    text = _zones("{id: a, doors: garage, passback: true}").replace(
        "id: garage, profile: esp-rfid", "id: garage, profile: two-way"
    )

    assert own != shipped
    assert _warnings(load_text, text) == []


# Reload ------------------------------------------------------------------------------------------------


def test_a_reload_says_what_changes(load_text: Load) -> None:
    def zones(most: int) -> tuple[str, str]:
        return f"{{id: a, doors: front, most: {most}}}", "{id: b, doors: cellar, reset: '03:00'}"

    first, second = zones(5)
    old = load_text(_zones(first, second)).site
    changed = difference(old, load_text(_zones(zones(6)[0])).site)

    assert (changed.changed["zones"], changed.removed["zones"], changed.sections) == (("a",), ("b",), ())
    longer = difference(old, load_text(_zones(first, second, more="held_after: 1 min\n  ")).site)
    assert (longer.changed["zones"], longer.sections) == ((), ("access",))


def test_a_reload_says_of_another_key_only_that_the_section_differs(load_text: Load) -> None:
    sites = [load_text(_access("names: !env NAMES"), environ={"NAMES": f"{KEY}-{each}"}).site for each in (1, 2)]
    changed = difference(*sites)

    assert changed.sections == ("access",)
    assert KEY not in repr(changed)
