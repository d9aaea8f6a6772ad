"""A rule that is only tried: judged, kept and told to nobody."""

from monitor.alarms.store import RuleView, list_alarms, list_rules, open_alarms
from tests.alarms.household import FORCED, LOW, House, site
from tests.rules.build import event, reading

SHADOW = {**LOW, "on_delay": "0 s", "shadow": True}


async def test_a_rule_in_shadow_is_judged_and_kept_and_told_to_nobody(house: House) -> None:
    async with house.running(site(SHADOW, {**FORCED, "shadow": True})):
        await house.say(reading(0, 200.0), event(0, "forced"), at=0)
        raised = await list_alarms(house.state)
        counted = await open_alarms(house.state)
        await house.say(reading(10_000, 230.0), at=10_000)
        await house.settled()

    assert [(each.rule, each.shadow, each.suppression, each.response) for each in raised] == [
        ("low", True, (), "unacked")
    ]
    assert counted == []
    everything = await list_alarms(house.state, include_cleared=True)
    assert {(each.rule, each.state, each.response, each.shadow) for each in everything} == {
        ("low", "clear", "none", True),
        ("forced", "clear", "none", True),
    }
    steps = await house.transitions()
    assert {(step.rule, step.cause, step.suppression) for step in steps} == {
        ("low", "raised", ("shadow",)),
        ("low", "cleared", ("shadow",)),
        ("forced", "raised", ("shadow",)),
    }
    assert await house.outbox() == []


async def test_what_people_were_told_of_is_ended_when_its_rule_goes_into_shadow_and_begins_anew_out_of_it(
    house: House,
) -> None:
    async with house.running(site({**SHADOW, "shadow": False})):
        await house.say(reading(0, 200.0), at=0)
    async with house.running(site(SHADOW)):
        await house.say(reading(10_000, 200.0), at=10_000)
        shadowed = await list_alarms(house.state)
    async with house.running(site({**SHADOW, "shadow": False})):
        await house.say(reading(20_000, 200.0), at=20_000)
        await house.settled()
        told = await list_alarms(house.state)

    assert [(each.shadow, each.raised_at - 1_795_378_523_000) for each in shadowed] == [(True, 10_000)]
    assert [(each.shadow, each.raised_at - 1_795_378_523_000) for each in told] == [(False, 20_000)]
    assert await house.outbox() == ["raise ana", "clear ana", "raise ana"]
    steps = await house.transitions()
    assert [(step.cause, step.reason, step.suppression) for step in steps] == [
        ("raised", "", ()),
        ("cleared", "rule_changed", ()),
        ("raised", "", ("shadow",)),
        ("cleared", "rule_changed", ("shadow",)),
        ("raised", "", ()),
    ]


async def test_a_restart_in_shadow_goes_on_with_the_same_alarm_and_the_same_trial(house: House) -> None:
    async def rules(now: int) -> RuleView:
        assert house.alarms is not None
        (found,) = await list_rules(
            house.state, house.alarms.rules, failing=house.alarms.failing, learning=house.alarms.learning, now=now
        )
        return found

    start, day = 1_795_378_523_000, 86_400_000
    async with house.running(site({**SHADOW, "shadow": False})):
        await house.say(reading(0, 200.0), at=0)
        before = await rules(start)
    async with house.running(site(SHADOW)):
        await house.say(reading(day, 200.0), at=day)
    async with house.running(site(SHADOW)):
        await house.say(reading(2 * day, 200.0), at=2 * day)
        tried = await rules(start + 10 * day)
        alarms = await list_alarms(house.state)
    async with house.running(site({**SHADOW, "shadow": False})):
        await house.say(reading(3 * day, 230.0), at=3 * day)
        after = await rules(start + 10 * day)

    assert (before.shadow, before.shadow_since, before.open, before.raised_7_days) == (False, None, 1, 1)
    assert len(alarms) == 1
    assert (tried.shadow, tried.shadow_since, tried.open) == (True, start + day, 1)
    assert (tried.raised_7_days, tried.raised_30_days, tried.raised_in_shadow) == (0, 2, 1)
    assert (after.shadow, after.shadow_since, after.raised_in_shadow) == (False, None, 0)
    assert (tried.severities, tried.sources, tried.learning, tried.failing) == (("high",), 1, False, "")
    assert await house.state.query("SELECT 1 FROM rule_memory WHERE area = 'shadow'") == []
