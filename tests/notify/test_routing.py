"""Routing: who is told, over what, when."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from monitor.duty import Override, Roster
from monitor.model import Severity
from monitor.notices import NoticeKind
from monitor.notify.routing import TIME_TO_LIVE, Reason, choose, facts, make_router, unreachable
from monitor.site import Site, Source
from monitor.staff import Route, Step, Team
from tests.notify.house import MINUTE, NOW, notice, person, rows, site

ANA = person("ana", mail="mailto://a", phone="json://a")
BEN = person("ben", mail="mailto://b")


def told(found: object) -> list[tuple[str, str, int, int]]:
    return [(row.person, row.channel, row.step, row.not_before - NOW) for row in found]  # type: ignore[attr-defined]


def test_a_team_without_steps_is_told_at_once_over_all_channels() -> None:
    found = rows(site(ANA, BEN), NoticeKind.RAISE)

    assert told(found) == [("ana", "mail", 0, 0), ("ana", "phone", 0, 0), ("ben", "mail", 0, 0)]


def test_steps_are_rows_for_later() -> None:
    house = site(ANA, BEN, escalation=[(0, ["ana"]), (900, ["ben"])])

    found = rows(house, NoticeKind.RAISE)

    assert told(found) == [("ana", "mail", 0, 0), ("ana", "phone", 0, 0), ("ben", "mail", 1, 15 * MINUTE)]
    assert {row.notification_id for row in found} == {"o1:raise:1"}


def test_steps_count_from_their_time_not_from_their_place_in_the_file() -> None:
    house = site(ANA, BEN, escalation=[(900, ["ben"]), (0, ["ana"])])

    assert told(rows(house, NoticeKind.RAISE))[-1] == ("ben", "mail", 1, 15 * MINUTE)


def test_a_person_in_two_steps_is_told_at_the_earlier_one() -> None:
    house = site(ANA, BEN, escalation=[(0, ["ben"]), (900, ["ben", "ana"])])

    chosen = choose(house, notice(NoticeKind.RAISE))

    assert [(one.person, one.reason) for one in chosen if one.person == "ben"] == [
        ("ben", Reason.MATCHED),
        ("ben", Reason.ALREADY_TOLD_EARLIER),
    ]


def test_the_first_matching_route_wins() -> None:
    plumbers = Team(id="plumbers", members=("ben",), escalation=())
    routes = [Route(team="plumbers", match={"class": ("elec*", "water")}), Route(team="house")]

    found = rows(site(ANA, BEN, routes=routes, teams=[plumbers]), NoticeKind.RAISE)

    assert {row.person for row in found} == {"ben"}


def test_a_route_that_goes_on_lets_the_next_one_match_too() -> None:
    only_ana = Team(id="only-ana", members=("ana",), escalation=())
    only_ben = Team(id="only-ben", members=("ben",), escalation=())
    routes = [Route(team="only-ben", go_on=True), Route(team="only-ana"), Route(team="house")]

    found = rows(site(ANA, BEN, routes=routes, teams=[only_ana, only_ben]), NoticeKind.RAISE)

    assert len(found) == 3
    assert {row.person for row in found} == {"ana", "ben"}


def test_every_matcher_has_to_match() -> None:
    matching = {
        "building": ("A",),
        "zone": ("plant*",),
        "class": ("electricity",),
        "device": ("*-electricity",),
        "rule": ("under*",),
        "kind": ("threshold",),
        "severity": ("critical", "high"),
    }
    for key in matching:
        other = matching | {key: ("something-else",)}
        assert rows(site(ANA, routes=[Route(team="house", match=matching)]), NoticeKind.RAISE)
        assert not rows(site(ANA, routes=[Route(team="house", match=other)]), NoticeKind.RAISE)


def test_only_the_star_means_something_in_a_pattern() -> None:
    for pattern in ("main.electricity", "main?electricity", "[m]ain-electricity", "main"):
        house = site(ANA, routes=[Route(team="house", match={"device": (pattern,)})])
        assert not rows(house, NoticeKind.RAISE)


def test_an_alarm_that_reaches_nobody_is_logged_with_the_reason() -> None:
    house = site(ANA, routes=[Route(team="house", match={"class": ("gas",)})])

    with capture_logs() as logs:
        assert not rows(house, NoticeKind.RAISE)

    assert logs[0]["event"] == "alarm_reaches_nobody"
    assert logs[0]["reasons"] == ["no_route"]
    assert unreachable(house) == ["undervoltage"]
    assert unreachable(site(ANA)) == []
    assert unreachable(site(person("cy"))) == ["undervoltage"]


def test_only_those_told_hear_of_the_end() -> None:
    told_before = frozenset({("ana", "mail"), ("ghost", "mail"), ("ben", "pager")})

    found = rows(site(ANA, BEN), NoticeKind.CLEAR, told=told_before, number=3, time=NOW + MINUTE)

    assert [(row.person, row.channel, row.notification_id) for row in found] == [("ana", "mail", "o1:clear:3")]
    assert found[0].not_before == NOW + MINUTE


def test_who_acknowledged_is_not_told_so() -> None:
    told_before = frozenset({("ana", "mail"), ("ben", "mail")})

    for by in ("ana", "Ana"):
        found = rows(site(ANA, BEN), NoticeKind.ACKNOWLEDGED, told=told_before, by=by)
        assert [row.person for row in found] == ["ben"]


def test_severity_begins_the_steps_anew_from_its_own_time() -> None:
    house = site(ANA, BEN, escalation=[(0, ["ana"]), (900, ["ben"])])

    found = rows(house, NoticeKind.SEVERITY, time=NOW + MINUTE, severity="critical")

    assert told(found)[-1] == ("ben", "mail", 1, 16 * MINUTE)


def test_expiry_follows_the_severity() -> None:
    for severity in Severity:
        row = rows(site(BEN), NoticeKind.RAISE, severity=severity)[0]
        assert row.expires - row.not_before == TIME_TO_LIVE[severity]


def test_facts_leave_out_what_is_not_known() -> None:
    plain = facts(site(ANA), notice(NoticeKind.RAISE, device="gone", source_key="gone", value=None, limit=None))

    assert plain["device"] == {"id": "gone", "name": "gone"}
    assert not {"building", "zone", "class", "point", "value", "limit", "unit", "by", "reason"} & plain.keys()
    full = facts(site(ANA), notice(NoticeKind.RAISE))
    assert (full["value"], full["limit"], full["unit"]) == (201.3, 207.0, "V")


names = st.sampled_from(["ana", "ben", "cy"])
patterns = st.lists(st.sampled_from(["*", "A", "B*", "electricity", "gas", "high", "low"]), min_size=1, max_size=2)
matches = st.dictionaries(st.sampled_from(["building", "class", "severity"]), patterns.map(tuple), max_size=2)


@given(
    routes=st.lists(st.builds(Route, team=st.just("house"), match=matches, go_on=st.booleans()), max_size=4),
    steps=st.lists(
        st.tuples(st.floats(0, 86400), st.lists(names, min_size=1, max_size=3)), min_size=0, max_size=4
    ),
    severity=st.sampled_from(list(Severity)),
)
def test_with_a_route_for_everything_each_alarm_reaches_somebody_once(
    routes: list[Route], steps: list[tuple[float, list[str]]], severity: Severity
) -> None:
    people = [person(name, mail="json://x", phone="json://y") for name in ("ana", "ben", "cy")]
    house = site(*people, escalation=steps, routes=[*routes, Route(team="house")])

    found = make_router(house)(notice(NoticeKind.RAISE, severity=severity))

    keys = [(row.notification_id, row.person, row.channel) for row in found]
    assert found
    assert len(set(keys)) == len(keys)
    assert all(row.expires > row.not_before >= NOW for row in found)


def test_what_a_rule_calls_by_a_name_is_routed_and_told_by_that() -> None:
    house = site(ANA, routes=[Route(team="house", match={"building": ("B",)})])
    bus = Source(device="facility-monitor", point="bus", name="bus", building="B", zone="cellar")
    about = notice(NoticeKind.RAISE, device="facility-monitor", source_key="facility-monitor/bus")
    about = replace(about, source=bus)
    elsewhere = replace(about, source=replace(bus, building="C"))
    body = facts(house, about)

    assert {one.person for one in choose(house, about)} == {"ana"}
    assert [one.reason for one in choose(house, elsewhere)] == [Reason.NO_ROUTE]
    assert (body["device"]["name"], body["building"], body["zone"]) == ("bus", "B", "cellar")


# Rosters, channels by severity, repeats --------------------------------------------------------------------


def on_duty(*shifts: tuple[str, int, int], ident: str = "duty") -> Roster:
    """A roster of overrides: person, from and to in minutes after the alarm."""
    overrides = tuple(
        Override(roster=ident, person=name, starts=NOW + start * MINUTE, ends=NOW + end * MINUTE)
        for name, start, end in shifts
    )
    return Roster(id=ident, overrides=overrides)


def with_rosters(house: Site, *rosters: Roster, **team: object) -> Site:
    teams = {**house.notify.teams, "house": replace(house.notify.teams["house"], **team)}  # type: ignore[arg-type]
    named = {one.id: one for one in rosters}
    return replace(house, notify=replace(house.notify, rosters=named, teams=teams))


def test_a_roster_is_who_is_on_call_when_the_step_is_due() -> None:
    house = site(ANA, BEN, escalation=[(0, ["duty"]), (900, ["duty"])])
    house = with_rosters(house, on_duty(("ana", -60, 10), ("ben", 10, 60)))

    found = rows(house, NoticeKind.RAISE)

    assert told(found) == [("ana", "mail", 0, 0), ("ana", "phone", 0, 0), ("ben", "mail", 1, 15 * MINUTE)]
    assert [row.body["why"] for row in found if row.person == "ben"] == [
        {"route": 1, "team": "house", "step": 2, "roster": "duty", "reason": "ben stands in (site file)"}
    ]


def test_what_was_said_of_a_roster_counts_when_the_alarm_is_raised() -> None:
    house = with_rosters(site(ANA, BEN, escalation=[(0, ["duty"])]), on_duty())
    said = Override(roster="duty", person="ben", starts=NOW, ends=NOW + MINUTE, by="ana")

    found = make_router(house, stand_ins=lambda: [said])(notice(NoticeKind.RAISE))

    assert told(found) == [("ben", "mail", 0, 0)]


def test_the_next_step_takes_the_place_of_one_at_which_nobody_is_on_call() -> None:
    house = site(ANA, BEN, escalation=[(0, ["duty"]), (900, ["ana"]), (1800, ["ben"])])
    house = with_rosters(house, on_duty(("ben", 5, 10)))

    chosen = choose(house, notice(NoticeKind.RAISE))

    assert chosen[0].reason is Reason.NOBODY_ON_CALL
    assert chosen[0].why == "nobody is on call in the roster duty at that time"
    assert [(one.person, one.step, one.written, one.after) for one in chosen if one.channel == "mail"] == [
        ("ana", 0, 2, 0),
        ("ben", 1, 3, 30 * MINUTE),
    ]


def test_when_nobody_is_on_call_at_any_step_the_log_says_why() -> None:
    house = with_rosters(site(ANA, escalation=[(0, ["duty"]), (900, ["duty"])]), on_duty())

    with capture_logs() as logs:
        assert not rows(house, NoticeKind.RAISE)

    assert logs[0]["event"] == "alarm_reaches_nobody"
    assert logs[0]["reasons"] == ["nobody_on_call"]


def test_the_severity_picks_the_channels_and_a_step_allows_some_only() -> None:
    ana = replace(ANA, over={"high": ("phone",), "low": ("mail",)})
    both = site(ana, escalation=[(0, ["ana"])])
    only_mail = with_rosters(both, escalation=(Step(after=0, notify=("ana",), channels=("mail",)),))
    only_fax = with_rosters(both, escalation=(Step(after=0, notify=("ana",), channels=("fax",)),))

    def over(house: Site, severity: str) -> list[str]:
        return [row.channel for row in rows(house, NoticeKind.RAISE, severity=severity)]

    assert [over(both, severity) for severity in ("high", "low", "critical")] == [
        ["phone"],
        ["mail"],
        ["mail", "phone"],
    ]
    assert [over(only_mail, severity) for severity in ("high", "low", "critical")] == [["mail"]] * 3
    assert over(only_fax, "high") == []


def test_the_last_step_is_told_again_so_many_times_by_rows_of_their_own() -> None:
    house = site(ANA, BEN, escalation=[(0, ["ana"]), (900, ["duty"])])
    house = with_rosters(house, on_duty(("ben", 0, 24), ("ana", 24, 60)), repeat=2, repeat_every=600.0)

    found = [row for row in rows(house, NoticeKind.RAISE) if row.channel == "mail"]

    assert told(found) == [
        ("ana", "mail", 0, 0),
        ("ben", "mail", 1, 15 * MINUTE),
        ("ana", "mail", 2, 25 * MINUTE),
        ("ana", "mail", 3, 35 * MINUTE),
    ]
    ids = ["o1:raise:1", "o1:raise:1", "o1:raise:1:again1", "o1:raise:1:again2"]
    assert [row.notification_id for row in found] == ids
    assert [row.body.get("last", False) for row in found] == [False, False, False, True]


def test_where_nobody_is_on_call_at_the_repeats_the_last_that_was_told_is_the_last() -> None:
    house = site(ANA, BEN, escalation=[(0, ["ben"]), (900, ["duty"])])
    house = with_rosters(house, on_duty(("ana", 0, 20), ("ana", 40, 50)), repeat=3, repeat_every=600.0)
    nobody = with_rosters(house, on_duty(("ana", 0, 20)))

    def last(made: Site) -> list[tuple[str, int, bool]]:
        found = [row for row in rows(made, NoticeKind.RAISE) if row.channel == "mail"]
        return [(row.person, (row.not_before - NOW) // MINUTE, row.body.get("last", False)) for row in found]

    assert last(house) == [("ben", 0, False), ("ana", 15, False), ("ana", 45, True)]
    assert last(nobody) == [("ben", 0, False), ("ana", 15, True)]


def test_a_step_until_clear_says_so_and_its_repeats_do_not() -> None:
    steps = (Step(after=0, notify=("ben",)), Step(after=900, notify=("ana",), until_clear=True))
    house = with_rosters(site(ANA, BEN), escalation=steps, repeat=1)

    found = [row for row in rows(house, NoticeKind.RAISE) if row.channel == "mail"]

    assert [row.body.get("until_clear", False) for row in found] == [False, True, False]


def test_every_row_says_why() -> None:
    raised = rows(site(ANA, BEN), NoticeKind.RAISE)
    over = rows(site(ANA), NoticeKind.CLEAR, told=frozenset({("ana", "mail")}), number=2)

    assert [row.body["why"] for row in raised][-1] == {
        "route": 1,
        "team": "house",
        "step": 1,
        "reason": "ben is named in the step",
    }
    assert [row.body["why"] for row in over] == [{"reason": "was told of the alarm"}]


def test_a_roster_whose_people_have_a_channel_counts_as_reachable() -> None:
    steps = [(0.0, ["duty"])]
    reachable = with_rosters(site(ANA, escalation=steps), on_duty(("ana", 0, 1)))
    silent = with_rosters(site(person("ana"), escalation=steps), on_duty(("ana", 0, 1)))

    assert unreachable(reachable) == []
    assert unreachable(silent) == ["undervoltage"]


def test_what_cannot_wait_for_another_channel_goes_over_all_of_them() -> None:
    house = site(replace(ANA, over={"high": ("phone",)}))

    found = choose(house, notice(NoticeKind.RAISE), everywhere=True)

    assert [one.channel for one in found] == ["mail", "phone"]
