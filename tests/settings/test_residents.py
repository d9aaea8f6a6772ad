"""The section `residents`: places, what can be reported there, and who would be told."""

import pytest

from monitor.places import STOCK_REPORTS, Place, Report
from tests.settings.conftest import Load, Mistakes

DEVICES = """\
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, unit: 1, every: 10 s, building: A, zone: cellar}
"""
NOTIFY = """\
notify:
  people: [{id: ana, channels: {screen: "terminal:"}}]
  teams: [{id: house, members: [ana]}]
  routes:
    - {match: {building: B, zone: roof}, team: house}
    - {team: house}
"""
HALL = "places: [{id: hall, name: Hall, building: B, zone: roof, reports: [light, other]}]"


def _section(keys: str) -> str:
    return f"{DEVICES}rules: [{{stock: residents}}]\n{NOTIFY}residents: {{{keys}}}\n"


def test_places_are_bound_and_take_what_they_do_not_say_from_their_device(load_text: Load) -> None:
    given = """base: "https://house.example.org/r/", listen: "[::1]:8491", keep: 10 days, languages: [zh, en],
      emergency: 112, contact: "the office, 030 1", most: 3, places: [{id: hall, name: Hall,
      building: B, zone: roof, reports: [light,
      {id: bins, en: Bins full, zh: 垃圾桶满}]}, {id: meter-room, device: main}]"""
    found = load_text(_section(given)).site.residents

    assert found is not None
    assert (found.base, found.host, found.port, found.keep) == (
        "https://house.example.org/r",
        "::1",
        8491,
        864000.0,
    )
    assert (found.languages, found.emergency, found.contact, found.most) == (
        ("zh", "en"),
        "112",
        "the office, 030 1",
        3,
    )
    assert found.places["hall"].reports == (
        Report(id="light"),
        Report(id="bins", texts={"zh": "垃圾桶满", "en": "Bins full"}),
    )
    assert found.places["meter-room"] == Place(
        id="meter-room",
        name="main",
        building="A",
        zone="cellar",
        device="main",
        reports=tuple(Report(id=each) for each in STOCK_REPORTS),
    )


def test_without_the_section_there_is_nothing_and_its_stock_rules_are_idle(load_text: Load) -> None:
    loaded = load_text(f"{DEVICES}rules: [{{stock: residents}}]\n")

    assert loaded.site.residents is None
    assert loaded.site.rules == {}
    assert any("stock rules `residents`" in each.message for each in loaded.warnings)


def test_each_place_is_an_alarm_of_its_own_where_it_is_and_routes_know_its_building(load_text: Load) -> None:
    site = load_text(_section(f'base: "https://h.example.org", {HALL}')).site
    (source,) = site.rules["resident-light"].sources

    assert (source.key, source.name, source.building, source.zone) == (
        "facility-monitor/hall",
        "Hall",
        "B",
        "roof",
    )
    assert "resident-water" not in site.rules
    assert [each.key for each in site.rules["resident-too-many"].sources] == ["facility-monitor/residents"]


def test_a_selector_of_a_rule_takes_the_places_that_are_about_its_devices(load_text: Load) -> None:
    text = f"""{DEVICES}{NOTIFY.replace("B, zone: roof", "A")}
rules: [{{stock: residents, devices: {{building: A}}}}, {{id: hall, kind: resident_report, reports: "*"}}]
residents: {{base: "https://h.example.org", places: [{{id: hall}}, {{id: meter-room, device: main}}]}}
"""
    rules = load_text(text).site.rules

    assert [each.key for each in rules["resident-light"].sources] == ["main/meter-room"]
    assert [each.key for each in rules["hall"].sources] == ["facility-monitor/hall", "main/meter-room"]


def test_what_no_rule_judges_is_a_warning(load_text: Load) -> None:
    text = f'{DEVICES}residents: {{base: "https://h.example.org", {HALL}}}\n'
    found = [each for each in load_text(text).warnings if each.path.startswith("residents")]

    assert [each.path for each in found] == ["residents.places[0]"]
    assert "`- stock: residents`" in found[0].message


def test_a_base_without_tls_is_a_warning(load_text: Load) -> None:
    loaded = load_text(_section(f'base: "http://192.0.2.7", anywhere: true, listen: "0.0.0.0:80", {HALL}'))

    assert [each.path for each in loaded.warnings if "residents" in each.path] == ["residents.base"]


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ("places: [{id: a}]", "residents.base", ""),
        ("base: house", "residents.base", "https://"),
        ('base: "https://h.org"', "residents.places", "no place"),
        ('base: "https://h.org", listen: "192.0.2.1:1", places: [{id: a}]', "residents", "anywhere: true"),
        ('base: "https://h.org", keep: 1 h, places: [{id: a}]', "residents.keep", "86400"),
        ('base: "https://h.org", languages: [de], places: [{id: a}]', "residents.languages[0]", "en, zh"),
        ('base: "https://h.org", most: 0, places: [{id: a}]', "residents.most", ""),
        ('base: "https://h.org", places: [{id: a}, {id: a}]', "residents.places[1].id", "taken already"),
        ('base: "https://h.org", places: [{id: A}]', "residents.places[0].id", ""),
        ('base: "https://h.org", places: [{id: residents}]', "residents.places[0].id", "another id"),
        ('base: "https://h.org", places: [{id: a, device: man}]', "residents.places[0].device", "main"),
        ('base: "https://h.org", places: [{id: a, reports: [wter]}]', "residents.places[0].reports[0]", "water"),
        ('base: "https://h.org", places: [{id: a, reports: []}]', "residents.places[0].reports", "person-stuck"),
        (
            'base: "https://h.org", places: [{id: a, reports: [light, light]}]',
            "residents.places[0].reports[1]",
            "",
        ),
        (
            'base: "https://h.org", places: [{id: a, reports: [{id: bins, en: Full}]}]',
            "residents.places[0].reports[0]",
            "write `zh: …` too",
        ),
        (
            'base: "https://h.org", places: [{id: a, reports: [{id: own, en: a, zh: b}]}]',
            "residents.places[0].reports[0].id",
            "another id",
        ),
    ],
)
def test_what_is_wrong_is_told(mistakes: Mistakes, given: str, path: str, said: str) -> None:
    found = [each for each in mistakes(_section(given)) if each.path == path]

    assert found, mistakes(_section(given))
    assert said in str(found[0])
