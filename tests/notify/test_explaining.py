"""What `notify explain` says: the messages are those that the router makes, each with its reasons."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from monitor.calendars import Hours, Schedule
from monitor.duty import Layer, Override, Roster
from monitor.model import Severity
from monitor.notices import NoticeKind
from monitor.notify.explaining import effects_of, explain, severities_of
from monitor.notify.quiet import held_until
from monitor.site import Rule, Site
from monitor.staff import Budget, Grouping, Quiet, Route, Step, Team
from tests.notify.house import MINUTE, NOW, Params, person, rows, rule, site

ANA = person("ana", mail="mailto://a", phone="json://a")
BEN = person("ben", mail="mailto://b")
HOUR = 60 * MINUTE
NIGHT = Schedule(hours=(Hours(spans=((1260, 1860),)),))  # 21:00 to 07:00; the alarms here begin at 21:15
MORNING = NOW - 15 * MINUTE + 10 * HOUR - 23_000


def house(*routes: Route, severity: str = "high") -> Site:
    made = site(ANA, BEN, routes=routes or (Route(team="house"),))
    duty = Roster(
        id="duty",
        layers=(
            Layer(people=("ben",), name="nights", hours=NIGHT),
            Layer(people=("ana",), begins=None, hours=replace(NIGHT, inverted=True)),
        ),
    )
    steps = (Step(after=0, notify=("duty",)), Step(after=900, notify=("ana",)))
    team = Team(id="house", members=("duty",), escalation=steps, repeat=2, repeat_every=600.0)
    about = replace(made.notify, rosters={"duty": duty}, teams={"house": team})
    return replace(made, notify=about, rules={"undervoltage": rule(severity=severity)})


def explained(made: Site, severity: str = "high", **more: object):
    about = made.rules["undervoltage"]
    return explain(made, about, about.sources[0], severity=severity, at=NOW, **more)  # type: ignore[arg-type]


def test_each_message_is_told_with_its_time_step_person_channel_and_why() -> None:
    found = [
        (round((one.due - NOW) / MINUTE), one.step, one.again, one.person, one.channel, one.roster, one.why)
        for one in explained(house()).messages
    ]

    assert found == [
        (0, 1, 0, "ben", "mail", "duty", "ben's turn (nights)"),
        (15, 2, 0, "ana", "mail", "", "ana is named in the step"),
        (15, 2, 0, "ana", "phone", "", "ana is named in the step"),
        (25, 2, 1, "ana", "mail", "", "ana is named in the step; told again (1)"),
        (25, 2, 1, "ana", "phone", "", "ana is named in the step; told again (1)"),
        (35, 2, 2, "ana", "mail", "", "ana is named in the step; told again (2)"),
        (35, 2, 2, "ana", "phone", "", "ana is named in the step; told again (2)"),
    ]


def test_who_stands_in_counts_and_who_is_told_earlier_is_said() -> None:
    said = Override(roster="duty", person="ana", starts=NOW, ends=NOW + HOUR, by="ben", reason="a train")

    found = explained(house(), stand_ins=[said])

    assert {(one.person, one.why) for one in found.messages if one.step == 1} == {
        ("ana", "ana stands in, said ben: a train")
    }
    assert (
        "route 1, team house, step 2: ana is told earlier already over mail (ana is named in the step)"
        in found.not_told
    )


def test_each_route_says_why_it_is_taken_or_not() -> None:
    routes = [
        Route(team="house", match={"class": ("gas", "water")}),
        Route(team="house", match={"zone": ("cellar",)}),
        Route(team="house", match={"building": ("A*",), "severity": ("high",)}, go_on=True),
        Route(team="house"),
        Route(team="house", match={"kind": ("event",)}),
    ]

    found = [(one.route, one.is_taken, one.why) for one in explained(house(*routes)).routes]

    assert found == [
        (1, False, "does not match: class is electricity, not gas or water"),
        (2, False, "does not match: zone is plant room, not cellar"),
        (3, True, "matches: building is A; severity is high"),
        (4, True, "matches everything"),
        (5, False, "is not read: route 4 has ended it; does not match: kind is threshold, not event"),
    ]


def test_an_alarm_that_reaches_nobody_says_so() -> None:
    found = explained(house(Route(team="house", match={"class": ("gas",)})))

    assert found.messages == ()
    assert found.not_told == ("no route matches this alarm",)
    assert found.if_nobody_answers == ("nobody is told: the log says `alarm_reaches_nobody`",)


def test_what_happens_when_nobody_answers_is_said() -> None:
    made = house()
    made = replace(made, notify=replace(made.notify, reminders={"high": (1800.0, 3600.0)}))

    told = explained(made).if_nobody_answers

    assert told[1] == (
        "the last step of house is told again 2 times, every 10 min; then it is said that nobody answered"
    )
    assert told[2] == (
        "who was told is reminded after 30 min, then every 60 min; after a hand-over, whoever is on call by then"
    )


def test_one_interval_of_reminders_is_said_plainly() -> None:
    made = house()
    made = replace(made, notify=replace(made.notify, reminders={"high": (28800.0,)}))

    assert explained(made).if_nobody_answers[-1] == (
        "who was told is reminded every 480 min; after a hand-over, whoever is on call by then"
    )


def test_quiet_hours_hold_what_can_wait_until_they_end() -> None:
    ben = replace(BEN, quiet=Quiet(hours=NIGHT), budget=Budget(night=2))
    made = house()
    made = replace(made, notify=replace(made.notify, people={"ana": ANA, "ben": ben}, grouping=Grouping(wait=0.0)))

    (low,) = (one for one in explained(made, "low").messages if one.person == "ben")
    (high,) = (one for one in explained(made, "high").messages if one.person == "ben")

    assert (low.due, low.sent) == (NOW, MORNING)
    assert low.effects == (
        "waits: quiet hours: below high",
        "put off when 2 were sent that night",
        "goes to ana, who is on call by then: ana's turn (layer 2)",
    )
    assert (high.due, high.sent, high.effects) == (NOW, NOW, ())


def test_quiet_hours_that_never_end_hold_nothing() -> None:
    always = Schedule(hours=(Hours(days=frozenset(range(8))),))

    assert held_until(replace(BEN, quiet=Quiet(hours=always)), "low", NOW, house().timezone) is None
    assert held_until(BEN, "low", NOW, house().timezone) is None


def test_channels_for_later_and_grouping_are_said() -> None:
    ana = replace(ANA, over={"high": ("phone",)})
    made = house()
    made = replace(made, notify=replace(made.notify, people={"ana": ana, "ben": BEN}, grouping=Grouping()))

    first = next(one for one in explained(made).messages if one.person == "ana")

    assert (first.channel, first.effects) == (
        "phone",
        ("may wait 30 s for others of its kind", "when it refuses for good: mail"),
    )
    assert effects_of(made)(BEN, "critical", NOW) == (NOW, [])


def test_a_rule_in_shadow_and_a_severity_that_it_never_has_are_noted() -> None:
    class Shadow(Params):
        shadow = True

    made = house()
    quiet = replace(made.rules["undervoltage"], params=Shadow())
    made = replace(made, rules={"undervoltage": quiet})

    assert explained(made, "low").notes == (
        "the rule undervoltage is in shadow: as it stands nobody is told at all",
        "alarms of the rule undervoltage are high, never low",
    )
    assert severities_of(_leveled()) == ["critical", "low"]


def _leveled() -> Rule:
    class Levels(Params):
        levels = (Params(severity="low"), Params(severity="critical"))

    return replace(rule(), params=Levels())


@given(
    severity=st.sampled_from(list(Severity)),
    patterns=st.lists(st.sampled_from(["A", "B", "*"]), min_size=1, max_size=2),
    go_on=st.booleans(),
    said=st.lists(
        st.tuples(st.sampled_from(["ana", "ben"]), st.integers(-30, 30), st.integers(1, 60)), max_size=3
    ),
)
def test_what_is_explained_is_what_the_router_makes(
    *, severity: Severity, patterns: list[str], go_on: bool, said: list[tuple[str, int, int]]
) -> None:
    made = house(Route(team="house", match={"building": tuple(patterns)}, go_on=go_on), Route(team="house"))
    shifts = tuple(
        Override(roster="duty", person=name, starts=NOW + begin * MINUTE, ends=NOW + (begin + span) * MINUTE)
        for name, begin, span in said
    )
    duty = replace(made.notify.rosters["duty"], overrides=shifts)
    made = replace(made, notify=replace(made.notify, rosters={"duty": duty}))

    told = {(one.person, one.channel, one.due, one.why) for one in explained(made, severity).messages}

    assert told == {
        (row.person, row.channel, row.not_before, row.body["why"]["reason"])
        for row in rows(made, NoticeKind.RAISE, severity=severity)
    }
