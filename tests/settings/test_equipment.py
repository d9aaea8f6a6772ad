"""Equipment, its services and its groups as they are written, and as they are bound."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from monitor.plant import Equipment, Group, Service
from monitor.settings.difference import difference
from tests.settings.conftest import Load, Mistakes

PUMP = """\
devices:
  - {id: pump-2, profile: digital-input, connection: plant, unit: 2, points: {running: {register: discrete 0}}}
  - {id: fan, profile: digital-input, connection: plant, unit: 3, points: {fault: {register: discrete 0}}}
  - {id: meter, profile: eastron-sdm630, connection: plant, unit: 1}
  - {id: garden, class: water, manual: volume_m3}
  - id: pump-1
    profile: digital-input
    connection: plant
    unit: 4
    points:
      running: {register: discrete 0}
      fault: {register: discrete 1}
      called: {register: discrete 2}
      dry: {register: discrete 3}
      pressure_bar: {register: holding 0, type: uint16, unit: bar}
"""
LINE = PUMP.count("\n") + 5
"""The line behind the last device, which stands below the head."""
DAY = 86400.0


def _pump(text: str) -> str:
    return f"{PUMP}    equipment: {{{text}}}\n"


def _groups(*texts: str) -> str:
    return f"{PUMP}equipment:\n  groups:\n" + "".join(f"    - {text}\n" for text in texts)


def _bound(load_text: Load, text: str) -> Equipment:
    loaded = load_text(_pump(text))
    assert loaded.warnings == ()
    return loaded.site.equipment["pump-1"]


# What is bound -----------------------------------------------------------------------------------------


def test_every_device_of_the_class_is_watched_by_the_usual_points(load_text: Load) -> None:
    assert load_text(PUMP).site.equipment == {
        "pump-2": Equipment(running="running"),
        "fan": Equipment(fault="fault"),
        "pump-1": Equipment(running="running", fault="fault", called="called"),
    }


def test_all_of_it_is_bound(load_text: Load) -> None:
    text = (
        "type: pump, running: called, fault: dry, called: running, start_within: 3 s, stop_within: 1 min, "
        "starts_per_hour: 12, service: [{id: seals, name: Seals, running: 4000 h}, "
        "{id: look, every: 1 year, last: 2026-03-01, warn: 30 days}, {id: oil, running: 100 days, every: 60 days}]"
    )

    assert _bound(load_text, text) == Equipment(
        type="pump",
        running="called",
        fault="dry",
        called="running",
        start_within=3.0,
        stop_within=60.0,
        starts_per_hour=12,
        services=(
            Service(id="seals", name="Seals", hours=4000.0, warn=14 * DAY),
            Service(
                id="look",
                name="look",
                every=365.25 * DAY,
                last=round(datetime(2026, 2, 28, 23, tzinfo=UTC).timestamp() * 1000),  # midnight in Berlin
                warn=30 * DAY,
            ),
            Service(id="oil", name="oil", hours=2400.0, every=60 * DAY, warn=14 * DAY),
        ),
    )


def test_what_is_not_said_is_as_usual(load_text: Load) -> None:
    usual = Equipment(running="running", fault="fault", called="called")

    assert _bound(load_text, "") == usual
    assert _bound(load_text, "type: pump") == replace(usual, type="pump")
    assert (usual.start_within, usual.stop_within, usual.starts_per_hour, usual.services) == (10.0, 10.0, None, ())


def test_one_service_needs_no_list_and_is_not_announced_all_the_time(load_text: Load) -> None:
    (service,) = _bound(load_text, "service: {id: filter, every: 1 week}").services

    assert service == Service(id="filter", name="filter", every=7 * DAY, warn=3.5 * DAY)


def test_running_hours_may_be_those_that_the_device_counts(load_text: Load) -> None:
    text = PUMP.replace("fault: {register: discrete 0}", "run_h: {register: holding 1, type: uint16, unit: h}")
    text = text.replace("discrete 0}}}\n  - {id: meter", "")
    loaded = load_text(text.replace("unit: h}}}", "unit: h}}, equipment: {service: {id: belt, running: 2000 h}}}"))

    assert loaded.site.equipment["fan"].services == (Service(id="belt", name="belt", hours=2000.0),)


def test_groups_are_bound(load_text: Load) -> None:
    loaded = load_text(_groups("{id: g, name: Pumps, members: [pump-1, pump-2], needed: 1, rest: 14 days}"))

    assert loaded.warnings == ()
    assert loaded.site.groups == {
        "g": Group(id="g", name="Pumps", members=("pump-1", "pump-2"), needed=1, rest=14 * DAY)
    }
    assert load_text(_groups("{id: g, members: [pump-1, pump-2]}")).site.groups["g"] == Group(
        id="g", name="g", members=("pump-1", "pump-2")
    )


@pytest.mark.parametrize("section", ["equipment:\n", "equipment: {}\n", "equipment: {groups: }\n", ""])
def test_a_site_may_have_no_groups(load_text: Load, section: str) -> None:
    assert load_text(PUMP + section).site.groups == {}


# Mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("typ: pump", "typ", "`typ` is not a key here", "type"),
        ("running: runing", "running", "there is no point of `pump-1` that is true or false `runing`", "running"),
        ("fault: on", "fault", "there is no point of `pump-1` that is true or false `on`", ""),
        ("called: pressure_bar", "called", "`pressure_bar` is in bar: name a point that is true or false", ""),
        ("start_within: 10", "start_within", "write a time such as", ""),
        ("start_within: 0 s", "start_within", "must be at least 0.5", ""),
        ("stop_within: 2 h", "stop_within", "must be at most 3600", ""),
        ("starts_per_hour: 0", "starts_per_hour", "must be at least 1", ""),
        ("starts_per_hour: 1.5", "starts_per_hour", "write a whole number", ""),
        ("service: [{every: 1 year}]", "service[0].id", "`id` is missing", ""),
        ("service: [{id: a}]", "service[0]", "say when it is due: write `running: 4000 h`", ""),
        ("service: [{id: a, every: 1 h}]", "service[0].every", "must be at least 86400", ""),
        ("service: [{id: a, running: 4000}]", "service[0].running", "write a time such as", ""),
        ("service: [{id: a, running: 1 s}]", "service[0].running", "must be at least 3600", ""),
        ("service: [{id: a, every: 1 year, last: 3.1.26}]", "service[0].last", "write a day such as", ""),
        (
            "service: [{id: a, every: 1 week, warn: 8 days}]",
            "service[0]",
            "`warn` is how long before it is due",
            "",
        ),
        ("service: [{id: a, evry: 1 week}]", "service[0].evry", "`evry` is not a key here", "every"),
        (
            "service: [{id: a, every: 1 week}, {id: a, every: 2 weeks}]",
            "service[1].id",
            f"the id `a` is taken already in line {LINE}",
            "",
        ),
    ],
)
def test_what_is_wrong_at_a_device_is_told_at_its_place(
    mistakes: Mistakes, text: str, path: str, message: str, hint: str
) -> None:
    found, *others = mistakes(_pump(text))

    assert (found.line, found.path, found.hint) == (LINE, f"devices[4].equipment.{path}", hint)
    assert found.message.startswith(message)
    assert all(other.path == f"devices[4].equipment.{path}.running" for other in others)


def _at(device: str, text: str) -> str:
    """The devices with `equipment` at another one."""
    before, marker, behind = PUMP.partition(f"{{id: {device}, ")
    return before + marker + f"equipment: {{{text}}}, " + behind


@pytest.mark.parametrize(
    ("device", "text", "path", "message"),
    [
        ("meter", "type: pump", "equipment", "it is for devices of class equipment, and this is electricity"),
        ("garden", "type: tap", "equipment", "a meter that is read by hand has no `equipment`"),
        (
            "fan",
            "start_within: 5 s",
            "equipment.start_within",
            "nobody knows when it is meant to run: name the point that says so with `called:`",
        ),
        (
            "pump-2",
            "stop_within: 5 s",
            "equipment.stop_within",
            "nobody knows when it is meant to run: name the point that says so with `called:`",
        ),
        (
            "fan",
            "starts_per_hour: 5",
            "equipment.starts_per_hour",
            "nobody knows when it runs: name the point that says so with `running:`",
        ),
        (
            "fan",
            "called: fault, start_within: 3 s",
            "equipment.start_within",
            "nobody knows when it runs: name the point that says so with `running:`",
        ),
        (
            "fan",
            "service: {id: belt, running: 100 h}",
            "equipment.service.running",
            "nobody knows when it runs: name the point that says so with `running:`",
        ),
    ],
)
def test_what_a_device_cannot_say_is_told(
    mistakes: Mistakes, device: str, text: str, path: str, message: str
) -> None:
    (found,) = mistakes(_at(device, text))

    line = next(number for number, each in enumerate(PUMP.splitlines(), 6) if f"id: {device}," in each)
    number = {"pump-2": 0, "fan": 1, "meter": 2, "garden": 3}[device]
    assert (found.line, found.path) == (line - 1, f"devices[{number}].{path}")
    assert found.message == message


def test_equipment_of_a_device_with_a_mistake_is_checked_all_the_same(mistakes: Mistakes) -> None:
    text = _pump("typ: pump, running: nothing").replace("profile: digital-input\n", "profile: digital-inpt\n")
    paths = [found.path for found in mistakes(text)]

    assert paths == ["devices[4].profile", "devices[4].equipment.typ"]


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("{members: [pump-1, pump-2]}", ".id", "`id` is missing", ""),
        ("{id: g}", ".members", "`members` is missing", ""),
        ("{id: g, members: [pump-1]}", ".members", "needs at least 2 entries", ""),
        ("{id: g, members: pump-1}", ".members", "needs at least 2 entries", ""),
        (
            "{id: g, members: [pump-1, pump-3]}",
            ".members[1]",
            "there is no device of class equipment `pump-3`",
            "pump-",
        ),
        (
            "{id: g, members: [meter, pump-1]}",
            ".members[0]",
            "`meter` is of class electricity: a group has equipment",
            "",
        ),
        (
            "{id: g, members: [pump-1, fan]}",
            ".members[1]",
            "nobody knows whether `fan` runs: it has no point that says so",
            "",
        ),
        ("{id: g, members: [pump-1, pump-1]}", ".members[1]", "`pump-1` is in the group `g` already", ""),
        ("{id: g, members: [pump-1, pump-2], needed: 0}", ".needed", "must be at least 1", ""),
        ("{id: g, members: [pump-1, pump-2], rest: 14}", ".rest", "write a time such as", ""),
        ("{id: g, members: [pump-1, pump-2], rests: 1 day}", ".rests", "`rests` is not a key here", "rest"),
    ],
)
def test_a_group_that_is_wrong_is_told_at_its_place(
    mistakes: Mistakes, text: str, path: str, message: str, hint: str
) -> None:
    (found,) = mistakes(_groups(text))

    assert (found.line, found.path) == (LINE + 2, f"equipment.groups[0]{path}")
    assert found.hint.startswith(hint)
    assert found.message.startswith(message)


def test_more_cannot_be_needed_than_there_are(mistakes: Mistakes) -> None:
    found = mistakes(_groups("{id: g, members: [pump-1, pump-2], needed: 3}"))

    assert [(each.line, each.path, each.message) for each in found] == [
        (
            LINE + 2,
            "equipment.groups[0].needed",
            "the group has 2 members, so that 2 can be needed at most",
        )
    ]


def test_a_device_is_in_one_group_and_an_id_is_taken_once(mistakes: Mistakes) -> None:
    group = "{id: g, members: [pump-1, pump-2]}"
    second = mistakes(_groups(group, group.replace("id: g", "id: h")))
    same = mistakes(_groups(group, group))

    assert [(each.line, each.path, each.message) for each in second] == [
        (LINE + 3, f"equipment.groups[1].members[{number}]", f"`pump-{number + 1}` is in the group `g` already")
        for number in (0, 1)
    ]
    assert [(each.path, each.message) for each in same] == [
        ("equipment.groups[1].id", f"the id `g` is taken already in line {LINE + 2}")
    ]


@pytest.mark.parametrize(
    ("section", "path", "message", "hint"),
    [
        ("equipment: [a]\n", "equipment", "write keys with values", ""),
        ("equipment: {group: []}\n", "equipment.group", "`group` is not a key here", "groups"),
        ("equipment: {groups: {id: g}}\n", "equipment.groups", "write a list: each entry begins with `- `", ""),
    ],
)
def test_a_section_that_is_wrong_is_told(
    mistakes: Mistakes, section: str, path: str, message: str, hint: str
) -> None:
    (found,) = mistakes(PUMP + section)

    assert (found.line, found.path, found.message, found.hint) == (LINE, path, message, hint)


def test_a_member_with_a_mistake_is_told_once(mistakes: Mistakes) -> None:
    text = _groups("{id: g, members: [pump-1, pump-2]}").replace("unit: 4", "unti: 4")
    paths = {found.path for found in mistakes(text)}

    assert paths == {"devices[4].unti"}


@pytest.mark.parametrize("equipment", ["{start_within: 5}", "{running: called, start_within: 5}"])
def test_a_mistake_in_how_a_member_is_watched_does_not_make_it_one_that_nobody_knows_of(
    mistakes: Mistakes, equipment: str
) -> None:
    plain = _groups("{id: g, members: [pump-1, pump-2]}")
    text = plain.replace("equipment:\n", f"    equipment: {equipment}\nequipment:\n")

    assert {found.path for found in mistakes(text)} == {"devices[4].equipment.start_within"}


# Warnings and reload -----------------------------------------------------------------------------------


def test_a_group_of_which_all_are_needed_has_no_reserve(load_text: Load) -> None:
    (warning,) = load_text(_groups("{id: g, members: [pump-1, pump-2], needed: 2}")).warnings

    assert (warning.line, warning.path) == (LINE + 2, "equipment.groups[0].needed")
    assert warning.message == "all members are needed: none stands by, so that there is no reserve"


def test_a_reload_says_what_changes(load_text: Load) -> None:
    old = load_text(_pump("type: pump") + "equipment: {groups: [{id: g, members: [pump-1, pump-2]}]}\n").site
    new = load_text(_pump("type: booster") + "equipment: {groups: [{id: h, members: [pump-1, pump-2]}]}\n").site
    found = difference(old, new)

    assert (found.changed["equipment"], found.changed["devices"], found.sections) == (("pump-1",), (), ())
    assert (found.added["groups"], found.removed["groups"]) == (("h",), ("g",))
