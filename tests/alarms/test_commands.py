"""What people may ask of an alarm, and the words with which it is refused; on a real journal and state."""

import pytest

from monitor.alarms.commands import Target, out_of_service, return_to_service, shelve, target_of, unshelve
from monitor.alarms.store import list_alarms
from monitor.errors import RequestRefused
from monitor.model import Command
from tests.alarms.household import FORCED, LEAK, LOW, House, site
from tests.rules.build import event, reading

HOUR = 3_600_000
DAY = 24 * HOUR
LOW_AT_ONCE = {**LOW, "on_delay": "0 s"}
SITE = site(LOW_AT_ONCE, {**LEAK, "severity": "critical"}, {**LOW, "id": "never", "longest_shelf": "0 s"}, FORCED)
LOW_KEY, LEAK_KEY, NEVER_KEY = "low/meter/voltage_v", "leak/sensor/alarm", "never/meter/voltage_v"


async def _raised(house: House) -> None:
    await house.say(reading(0, 200.0), at=0)
    await house.say(reading(1000, True, point="alarm", id="sensor"), at=1000)


async def _target(house: House, name: str) -> Target:
    return await target_of(house.state, SITE, name)


async def _do(house: House, command: Command, at: int) -> None:
    await house.say(command, at=at)


async def test_an_alarm_is_called_by_its_occurrence_or_by_rule_and_source(house: House) -> None:
    async with house.running(SITE):
        before = await _target(house, LOW_KEY)
        await _raised(house)
        (low,) = [each for each in await list_alarms(house.state) if each.rule == "low"]
        called = [await _target(house, name) for name in (low.occurrence, LOW_KEY)]

    assert (before.now, before.severity) == (None, "high")
    assert [each.key for each in called] == [LOW_KEY, LOW_KEY]
    assert [each.now for each in called] == [low, low]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("0123", "there is no alarm 0123; write its occurrence or RULE/SOURCE"),
        ("lw/meter/voltage_v", "there is no rule lw; did you mean low?"),
        ("low/meter/voltage", "the rule low watches no meter/voltage; did you mean meter/voltage_v?"),
    ],
)
async def test_what_is_no_alarm_is_refused_in_words(house: House, name: str, words: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        await _target(house, name)

    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("key", "until", "reason", "words"),
    [
        (LOW_KEY, 8 * HOUR, " ", "say why: others have to know the reason"),
        (LOW_KEY, 8 * HOUR, "x" * 501, "a reason has at most 500 characters"),
        (LOW_KEY, 0, "work", "a shelf ends in the future"),
        (LOW_KEY, 9 * HOUR, "work", "severity high of the rule low may be shelved for 8 h at most"),
        (
            LEAK_KEY,
            2 * HOUR,
            "work",
            "severity critical of the rule leak may be shelved for 1 h at most",
        ),
        (
            f"never/{LOW_KEY[4:]}",
            1,
            "work",
            "the rule never says that its alarms are never shelved (longest_shelf: 0 s)",
        ),
    ],
)
async def test_a_shelf_that_cannot_be_is_refused_in_words(
    house: House, key: str, until: int, reason: str, words: str
) -> None:
    target = await _target(house, key)
    with pytest.raises(RequestRefused) as refused:
        shelve(target, until=until, once=False, by="ana", reason=reason, now=0)

    assert words in str(refused.value)


async def test_a_shelf_is_kept_listed_and_ended(house: House) -> None:
    async with house.running(SITE):
        await _raised(house)
        now = house.clock.now()
        target = await _target(house, LOW_KEY)
        await _do(house, shelve(target, until=now + HOUR, once=True, by="ana", reason="a  filter", now=now), 2000)
        shelved = await _target(house, LOW_KEY)
        await _do(house, unshelve(shelved, by="ben", reason="", now=now), 3000)
        after = await _target(house, LOW_KEY)
        with pytest.raises(RequestRefused) as refused:
            unshelve(after, by="ben", reason="", now=now)

    assert shelved.now is not None
    assert (shelved.now.suppression, shelved.now.isa) == (("shelved",), "G")
    assert shelved.now.shelf is not None
    assert (shelved.now.shelf.by, shelved.now.shelf.reason, shelved.now.shelf.once) == ("ana", "a filter", True)
    assert after.now is not None
    assert (after.now.suppression, after.now.isa, after.now.shelf) == ((), "B", None)
    assert str(refused.value) == f"the alarm {LOW_KEY} is not shelved"


@pytest.mark.parametrize(
    ("review_at", "reason", "words"),
    [
        (DAY, "", "say why: others have to know the reason"),
        (0, "broken", "the day on which somebody looks at it again lies in the future"),
        (400 * DAY, "broken", "somebody looks at it again within a year"),
    ],
)
async def test_out_of_service_needs_a_reason_and_a_review(
    house: House, review_at: int, reason: str, words: str
) -> None:
    target = await _target(house, LOW_KEY)
    with pytest.raises(RequestRefused) as refused:
        out_of_service(target, review_at=review_at, by="ana", reason=reason, now=0)

    assert str(refused.value) == words


async def test_an_alarm_that_is_clear_is_listed_while_it_is_out_of_service(house: House) -> None:
    async with house.running(SITE):
        await house.say(reading(0, 230.0), at=0)
        now = house.clock.now()
        target = await _target(house, LOW_KEY)
        gone = out_of_service(target, review_at=now + 30 * DAY, by="ana", reason="on order", now=now)
        await _do(house, gone, 1000)
        (listed,) = await list_alarms(house.state)
        back = return_to_service(await _target(house, LOW_KEY), by="ben", reason="new one", now=now)
        await _do(house, back, 2000)
        after = await list_alarms(house.state)
        with pytest.raises(RequestRefused) as refused:
            return_to_service(await _target(house, LOW_KEY), by="ben", reason="", now=now)

    assert (listed.state, listed.response, listed.isa) == ("clear", "none", "I")
    assert listed.service is not None
    assert (listed.service.review_at, listed.service.reason) == (now + 30 * DAY, "on order")
    assert after == []
    assert str(refused.value) == f"the alarm {LOW_KEY} is not out of service"


async def test_what_is_active_for_more_than_a_day_is_standing(house: House) -> None:
    async with house.running(SITE):
        await _raised(house)
        (low,) = [each for each in await list_alarms(house.state) if each.rule == "low"]

    assert not low.is_standing(low.raised_at + DAY)
    assert low.is_standing(low.raised_at + DAY + 1)


async def test_events_are_shelved_by_their_rule_and_device(house: House) -> None:
    async with house.running(SITE):
        await house.say(event(0, "forced"), at=0)
        now = house.clock.now()
        before = await _target(house, "forced/door")
        await _do(house, shelve(before, until=now + HOUR, once=False, by="ana", reason="painter", now=now), 1000)
        await house.say(event(2000, "forced"), at=2000)
        shelved = await _target(house, "forced/door")
        await _do(house, unshelve(shelved, by="ana", reason="", now=now), 3000)
        after = await _target(house, "forced/door")
        waiting = [each for each in await list_alarms(house.state) if each.momentary]
        told = await house.state.query("SELECT DISTINCT occurrence FROM outbox WHERE kind = 'raise'")

    assert shelved.is_in("shelved")
    assert not after.is_in("shelved")
    assert len(waiting) == 2
    assert {row["occurrence"] for row in told} == {waiting[-1].occurrence}
