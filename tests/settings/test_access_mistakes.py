"""What is wrong with doors and zones is told at its place, and what is doubtful is a warning."""

from pathlib import Path

import pytest

from monitor.settings.loading import SHIPPED
from tests.settings.conftest import Load, Mistakes
from tests.settings.doors import CIRCLE, DEVICES, LINE, with_access, with_zones

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
    (found,) = mistakes(with_access(text))

    assert (found.line, found.path, found.hint) == (LINE, f"access.{path}", hint)
    assert found.message.startswith(message)


def test_a_door_that_is_not_known_names_those_that_are(mistakes: Mistakes) -> None:
    (found,) = mistakes(with_access("doors: [{door: frnt}]"))

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
    (found,) = mistakes(with_access(written % hours))

    key = "doors[0].unlocked" if written.startswith("doors") else "zones[0].hours"
    assert (found.line, found.path) == (LINE, f"access.{key}{path}")
    assert found.message.startswith(message)


def test_all_mistakes_are_told_at_once(mistakes: Mistakes) -> None:
    text = "keep: 3, doors: [{door: frnt}, {door: front, held_after: 1}], zones: [{id: a, doors: [rof], most: x}]"
    found = mistakes(with_access(f"{{{text}}}"))

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
    text = with_zones("{id: a, doors: [front, roof]}").replace(
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
    assert _warnings(load_text, with_zones(*zones)) == []


def test_a_zone_without_a_reader_in_counts_nobody(load_text: Load) -> None:
    message = "`a` counts nobody: no door into it has a reader with `direction: in`"

    assert _warnings(load_text, with_zones("{id: a, doors: [roof], passback: true}")) == [
        (1, "access.zones[0]", message)
    ]


def test_a_zone_that_nobody_leaves_only_grows(load_text: Load) -> None:
    message = "the count of `a` only grows: add a reader with `direction: out`, or `reset`"

    assert _warnings(load_text, with_zones("{id: a, doors: [cellar]}")) == [(1, "access.zones[0]", message)]


def test_passback_needs_readers_of_both_directions(load_text: Load) -> None:
    message = "whoever comes back would be told: no door of the zone has a reader with `direction: out`"
    text = with_zones("{id: a, doors: cellar, reset: '03:00', passback: true}")

    assert _warnings(load_text, text) == [(1, "access.zones[0].passback", message)]


def test_a_door_without_a_reader_is_out_of_nobodys_hours(load_text: Load) -> None:
    message = "nobody is seen at `roof` out of hours: it has no reader"
    text = with_zones("{id: a, doors: [front, roof], hours: {days: mon-fri}}")

    assert _warnings(load_text, text) == [(1, "access.zones[0].doors[1]", message)]


def test_a_reader_without_a_direction_is_not_counted(load_text: Load) -> None:
    message = "whoever passes `garage` is not counted: it needs `direction: in` or `direction: out`"

    assert _warnings(load_text, with_zones("{id: a, doors: garage}")) == [(1, "access.zones[0].doors", message)]
    assert _warnings(load_text, with_zones("{id: a, doors: [front, garage]}")) == [
        (1, "access.zones[0].doors[1]", message)
    ]


def test_a_reader_whose_cards_say_the_direction_needs_none(tmp_path: Path, load_text: Load) -> None:
    shipped = (SHIPPED / "profiles/access/esp-rfid.yaml").read_text("utf-8")
    own = shipped.replace("credential:", "attributes: {direction: {json: $.way}}\n    credential:", 1)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/two-way.yaml").write_text(own, "utf-8")
    text = with_zones("{id: a, doors: garage, passback: true}").replace(
        "id: garage, profile: esp-rfid", "id: garage, profile: two-way"
    )

    assert own != shipped
    assert _warnings(load_text, text) == []
