"""Rosters, steps with channels, and repeats: as they are bound, and what is wrong with them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitor.calendars import Hours
from monitor.duty import Layer, Override, on_call
from monitor.staff import Step
from tests.settings.conftest import Load, Mistakes

BERLIN = ZoneInfo("Europe/Berlin")
DEVICES = """\
devices:
  - {id: main, profile: eastron-sdm630, connection: plant}
rules:
  - {id: gone, kind: offline, severity: high}
calendars:
  - {id: office, hours: {days: mon-fri, hours: "07:00-17:00"}}
"""
NOTIFY = """\
notify:
  people:
    - {id: ana, channels: {mail: "mailto://ana@mail.invalid", phone: "json://127.0.0.1/a"}, over: {high: phone}}
    - {id: ben, channels: {mail: "mailto://ben@mail.invalid"}, away: [{from: 2026-12-24, to: 2026-12-26}]}
  rosters:
    - id: duty
      layers:
        - {people: [ana, ben], turn: 2 weeks, handover: mon 08:00, from: 2026-11-30}
        - {name: nights, people: [ben], hours: not office}
        - {people: [ben, ana], turn: 12 h, handover: "06:30", from: 2026-11-30, hours: {days: sat}}
      overrides:
        - {from: 2026-12-01 12:00, to: 2026-12-02, person: ben, reason: a course}
  teams:
    - id: house
      escalation:
        - {after: 0 min, notify: duty, channels: phone}
        - {after: 15 min, notify: [duty, ana], until: clear}
      repeat: 3
      repeat_every: 10 min
  routes:
    - {team: house}
"""


def _moment(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


def test_rosters_and_steps_are_bound(load_text: Load) -> None:
    notify = load_text(DEVICES + NOTIFY).site.notify
    duty, house = notify.rosters["duty"], notify.teams["house"]

    weeks, nights, saturdays = duty.layers
    assert weeks == Layer(people=("ana", "ben"), unit="weeks", count=2, begins=date(2026, 11, 30))
    assert (nights.name, nights.hours is not None and nights.hours.inverted) == ("nights", True)
    assert (saturdays.unit, saturdays.count, saturdays.minute) == ("hours", 12, 390)
    assert saturdays.hours is not None
    assert saturdays.hours.hours == (Hours(days=frozenset({6})),)
    spans = (_moment("2026-12-01T12:00"), _moment("2026-12-03T00:00"))
    assert duty.overrides == (
        Override(roster="duty", person="ben", starts=spans[0], ends=spans[1], reason="a course"),
    )
    assert duty.away == {"ben": ((_moment("2026-12-24T00:00"), _moment("2026-12-27T00:00")),)}
    assert notify.people["ana"].over == {"high": ("phone",)}
    assert house.members == ("duty", "ana")
    assert (house.repeat, house.repeat_every) == (3, 600)
    assert house.escalation == (
        Step(after=0, notify=("duty",), channels=("phone",)),
        Step(after=900, notify=("duty", "ana"), until_clear=True),
    )
    assert on_call(duty, _moment("2026-12-07T12:00"), BERLIN).person == "ana"


@pytest.mark.parametrize(
    ("before", "after", "path", "words"),
    [
        ("id: duty", "id: ana", "rosters[0].id", "is a person already"),
        (
            "people: [ana, ben], turn",
            "people: [ana, bne], turn",
            "rosters[0].layers[0].people[1]",
            "no person `bne`",
        ),
        ("person: ben", "person: bne", "rosters[0].overrides[0].person", "no person `bne`"),
        ("turn: 2 weeks", "turn: fortnight", "rosters[0].layers[0].turn", "how long a turn is"),
        ("turn: 2 weeks", "turn: 60 weeks", "rosters[0].layers[0].turn", "52 weeks"),
        ("turn: 2 weeks", "turn: 2 days", "rosters[0].layers[0].handover", "without the weekday"),
        ("mon 08:00", "mon 25:00", "rosters[0].layers[0].handover", "when a turn hands over"),
        (", from: 2026-11-30}", "}", "rosters[0].layers[0].from", "from which day"),
        ("from: 2026-11-30}", "from: soon}", "rosters[0].layers[0].from", "write a day"),
        ("not office", "not offices", "rosters[0].layers[1].hours", "no calendar"),
        ("days: sat", "days: holidays", "rosters[0].layers[2].hours.days", "nobody knows the holidays"),
        ("to: 2026-12-02", "to: 2026-12-01 12:00", "rosters[0].overrides[0].to", "later than the begin"),
        ("to: 2026-12-26", "to: 2026-12-20", "people[1].away[0].to", "later than the begin"),
        ("to: 2026-12-26", "to: never", "people[1].away[0].to", "write a day"),
        ("high: phone", "high: fax", "people[0].over.high", "no channel of `ana` `fax`"),
        ("high: phone", "hihg: phone", "people[0].over", ""),
        ("channels: phone", "channels: fax", "teams[0].escalation[0].channels", "no channel of anybody `fax`"),
        ("notify: duty", "notify: dutty", "teams[0].escalation[0].notify", "no person or roster `dutty`"),
        ("until: clear", "until: noon", "teams[0].escalation[1].until", ""),
        ("repeat: 3", "repeat: 300", "teams[0].repeat", ""),
    ],
)
def test_what_is_wrong_with_them_is_told(
    mistakes: Mistakes, before: str, after: str, path: str, words: str
) -> None:
    text = DEVICES + NOTIFY
    assert before in text
    found = mistakes(text.replace(before, after, 1))

    assert any(one.path.startswith(f"notify.{path}") and words in one.message for one in found), found


def test_a_team_names_somebody(mistakes: Mistakes) -> None:
    found = mistakes("notify: {people: [{id: ana}], teams: [{id: t}]}\n")

    assert [one.path for one in found] == ["notify.teams[0].members"]


def _warned(load_text: Load, text: str) -> list[str]:
    return [one.message for one in load_text(DEVICES + text).warnings]


def test_a_time_at_which_nobody_is_on_call_is_warned_of(load_text: Load) -> None:
    begins = datetime.now(UTC).date() + timedelta(days=3)
    whole = NOTIFY.replace("from: 2026-11-30", "from: 2020-01-06")
    # At nights and on Saturdays somebody is on call; at office hours nobody is, before the weeks begin.
    late = whole.replace("from: 2020-01-06}", f"from: {begins}}}", 1)
    only_nights = (
        late[: late.index("        - {people: [ana, ben], turn")] + late[late.index("        - {name: nights") :]
    )

    assert _warned(load_text, whole) == []
    assert ["of the roster `duty` is on call" in one for one in _warned(load_text, only_nights)] == [True]


def test_whoever_cannot_be_reached_is_warned_of(load_text: Load) -> None:
    silent = NOTIFY.replace("from: 2026-11-30", "from: 2020-01-06").replace(
        'channels: {mail: "mailto://ben@mail.invalid"}, ', ""
    )
    nobody = silent.replace('channels: {mail: "mailto://ana@mail.invalid", phone: "json://127.0.0.1/a"}, ', "")
    nobody = nobody.replace("over: {high: phone}", "name: Ana").replace(", channels: phone", "")

    assert "`ben` of the roster `duty` has no channel: no message reaches them" in _warned(load_text, silent)
    found = _warned(load_text, nobody)
    assert "the team `house` reaches nobody: there is no channel for any of its steps" in found
    assert any("would reach nobody" in one for one in found)
