"""`notify` at the terminal: an alarm explained from the site file alone, and what is refused unasked."""

from pathlib import Path

import pytest

from tests.cli.running import Ran, rows, within

SITE = """\
site: {id: works, timezone: Europe/Berlin}
connections:
  - {id: plant, modbus: {transport: tcp, host: 127.0.0.1}}
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, unit: 1, building: A}
  - {id: sub, profile: eastron-sdm630, connection: plant, unit: 2, building: A}
  - {id: far, profile: eastron-sdm630, connection: plant, unit: 3, building: B}
rules:
  - {id: gone, kind: offline, severity: high}
notify:
  people:
    - {id: ana, channels: {phone: "terminal:", mail: "mailto://127.0.0.1/?to=a@b.invalid"}, over: {high: phone}}
    - {id: ben, channels: {phone: "terminal:"}}
  rosters:
    - {id: duty, layers: [{people: [ana, ben], turn: 1 day, handover: "08:00", from: 2026-01-01}]}
  teams:
    - id: house
      escalation: [{after: 0 min, notify: duty}, {after: 15 min, notify: ben, until: clear}]
      repeat: 1
    - {id: away, members: duty}
  routes:
    - {match: {building: B}, team: away}
    - {team: house}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    return file


def _explain(site: Path, *words: str) -> Ran:
    return within("notify", "explain", *words, "--site", site, "--socket", site.parent / "none")


def test_sources_that_are_told_alike_are_explained_together_in_the_order_of_time(site: Path) -> None:
    # The 25th is the 359th day: Ana's turn, from eight o'clock on.
    ran = _explain(site, "gone", "--at", "2026-12-25 07:50")

    assert ran.code == 0
    told = rows(ran.out)
    assert told[0] == "high alarm of gone at 2026-12-25 07:50:00, about far"
    assert "2 to house is not read: route 1 has ended it" in told
    told = told[told.index("high alarm of gone at 2026-12-25 07:50:00, about main, sub") :]
    assert told[2] == "when step who over why what else"
    assert told[4].startswith("2026-12-25 07:50:00 1 ben phone route 2, team house: duty: ben's turn")
    assert told[5].startswith(
        "2026-12-25 08:20:00 2, again 1 ben phone route 2, team house: ben is named in the step; told again"
    )
    assert "route 2, team house, step 2: ben is told earlier already over phone (ben is named in the step)" in told
    assert "1 to away does not match: building is A, not B" in told
    assert "the last step of house is told again once, after 15 min; then it is said that nobody answered" in told
    assert told[-1] == "Who stands in by command is not known: no daemon of this site answers."


def test_json_has_all_of_it(site: Path) -> None:
    found = _explain(site, "gone/far", "--at", "2026-12-25 12:00", "--severity", "critical", "--json").json

    assert (found["rule"], found["severity"], found["overrides_known"]) == ("gone", "critical", False)
    (one,) = found["alarms"]
    assert one["sources"] == ["far"]
    assert [(each["person"], each["channel"], each["roster"]) for each in one["messages"]] == [
        ("ana", "phone", "duty"),
        ("ana", "mail", "duty"),
    ]
    assert one["notes"] == ["alarms of the rule gone are high, never critical"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gnoe"], "there is no rule gnoe; did you mean gone?"),
        (["gone/mian"], "the rule gone watches no mian; did you mean main?"),
        (["gone", "--severity", "hihg"], "write low, medium, high, critical"),
        (["gone", "--at", "noon"], "is no time"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_words(site: Path, words: list[str], said: str) -> None:
    ran = _explain(site, *words)

    assert ran.code != 0
    assert said in " ".join(ran.err.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["duty"], "name a roster and a person"),
        (["duty", "ana", "--cancel", "x"], "name a roster and a person"),
        ([], "name a roster and a person"),
        (["duty", "ana"], "say until when"),
    ],
)
def test_an_override_that_says_too_little_is_refused_before_anybody_is_asked(
    tmp_path: Path, words: list[str], said: str
) -> None:
    ran = within("notify", "override", *words, "--socket", tmp_path / "none")

    assert ran.code == 2
    assert said in " ".join(ran.err.split())
