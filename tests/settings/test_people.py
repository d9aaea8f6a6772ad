import pytest

from monitor.app import load_site
from monitor.settings import SettingsInvalid
from monitor.staff import Route, Step
from tests.settings.conftest import Load, Mistakes

DEVICES = """\
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, building: A}
  - {id: water, profile: xintai-water, connection: plant, unit: 3, building: B}
rules:
  - {id: gone, kind: offline, severity: high}
"""
PEOPLE = """\
notify:
  people:
    - {id: ana, name: Ana, language: zh, channels: {mail: "mailto://ana@mail.invalid", screen: "terminal:"}}
    - {id: ben, channels: {mail: "mailto://ben@mail.invalid"}}
  teams:
    - {id: house, members: [ana, ben], escalation: [{after: 0 min, notify: ana}, {after: 15 min, notify: [ben]}]}
    - {id: all, members: [ana, ben]}
  routes:
"""


def test_people_teams_and_routes_are_bound(load_text: Load) -> None:
    loaded = load_text(
        f"{DEVICES}{PEOPLE}"
        "    - {match: {severity: [critical, high], building: A}, team: house, continue: true}\n"
        "    - {team: all}\n"
    )
    notify = loaded.site.notify

    assert not loaded.warnings
    assert (notify.people["ana"].language, notify.people["ben"].language) == ("zh", "en")
    assert notify.teams["house"].escalation == (Step(after=0, notify=("ana",)), Step(after=900, notify=("ben",)))
    assert notify.teams["all"].escalation == (Step(after=0, notify=("ana", "ben")),)
    assert notify.routes == (
        Route(team="house", match={"severity": ("critical", "high"), "building": ("A",)}, go_on=True),
        Route(team="all"),
    )


@pytest.mark.parametrize(
    ("before", "after", "path", "hint"),
    [
        ("team: all", "team: al", "routes[0].team", "all"),
        ("team: all", "match: {clas: gas}, team: all", "routes[0].match.clas", "class"),
        ("team: all", "match: {class: gass}, team: all", "routes[0].match.class", "gas"),
        ("team: all", "match: {severity: [hihg]}, team: all", "routes[0].match.severity[0]", "high"),
        ("team: all", "match: {rule: gon}, team: all", "routes[0].match.rule", "gone"),
        ("team: all", "match: {building: C}, team: all", "routes[0].match.building", ""),
        ("notify: ana", "notify: anna", "teams[0].escalation[0].notify", "ana"),
        ("members: [ana, ben]}", "members: [ana, bne]}", "teams[1].members[1]", "ben"),
        ("members: [ana, ben]}", "members: []}", "teams[1].members", ""),
        ("after: 15 min", "after: 0 min", "teams[0].escalation", ""),
        ("language: zh", "language: de", "people[0].language", ""),
        ('screen: "terminal:"', "screen: term", "people[0].channels.screen", ""),
        ("{id: ben,", "{id: ana,", "people[1].id", ""),
        ("  people:", "  pepole: []\n  people:", "pepole", "people"),
    ],
)
def test_what_is_wrong_with_people_is_told(
    mistakes: Mistakes, before: str, after: str, path: str, hint: str
) -> None:
    text = f"{DEVICES}{PEOPLE}    - {{team: all}}\n"
    assert before in text
    found = mistakes(text.replace(before, after, 1))

    assert (f"notify.{path}", hint) in {(finding.path, finding.hint) for finding in found}


def test_an_address_is_never_repeated(mistakes: Mistakes) -> None:
    found = mistakes("notify: {people: [{id: ana, channels: {mail: pa55word}}]}\n")

    assert found
    assert all("pa55word" not in str(finding) for finding in found)


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ("    - {match: {building: A}, team: all}\n", "rule `gone` for device `water`"),
        ("    - {match: {severity: critical}, team: all}\n", "at severity high"),
        ("    - {match: {building: '*'}, team: all}\n", ""),
        ("    - {match: {kind: offline}, team: all}\n", ""),
    ],
)
def test_an_alarm_that_could_reach_nobody_is_a_warning(load_text: Load, routes: str, message: str) -> None:
    warnings = load_text(DEVICES + PEOPLE + routes).warnings

    assert bool(warnings) is bool(message)
    assert all(message in warning.message for warning in warnings)


def test_a_connection_of_several_buildings_needs_a_route_that_asks_for_none(load_text: Load) -> None:
    dead = "  - {id: dead, kind: segment, severity: high}\n"
    each = "    - {match: {building: A}, team: all}\n    - {match: {building: B}, team: all}\n"
    (warning,) = load_text(DEVICES + dead + PEOPLE + each).warnings
    last = load_text(DEVICES + dead + PEOPLE + each + "    - {team: all}\n").warnings

    assert "the alarm of rule `dead` for `plant` at severity high would reach nobody" in warning.message
    assert last == ()


def test_no_routes_and_no_channels_are_warnings(load_text: Load) -> None:
    silent = "notify: {people: [{id: ana}], teams: [{id: t, members: ana}], routes: [{team: t}]}\n"

    assert "no routes" in load_text(DEVICES).warnings[0].message
    assert {
        "no channel" in w.message or "reach nobody" in w.message for w in load_text(DEVICES + silent).warnings
    } == {True}


def test_an_address_that_its_channel_does_not_take_is_told_without_repeating_it(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: {id: s, timezone: UTC}\n"
        "notify:\n"
        "  people:\n"
        "    - {id: ana, channels: {mail: 'nosuchservice://secret@host'}}\n"
    )

    with pytest.raises(SettingsInvalid) as caught:
        load_site(path, {}, thorough=True)

    (finding,) = caught.value.findings
    assert (finding.line, finding.path) == (4, "notify.people[0].channels.mail")
    assert "secret" not in str(finding)
