"""A card that is held to a polled reader becomes one event, and its number is nowhere."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from drivers.modbus import MODBUS
from drivers.modbus.budget import needs_of
from drivers.modbus.cards import Card, Presence
from drivers.modbus.remedies import hints_of
from monitor.errors import JournalError
from monitor.model import Event
from monitor.simulation.modbus import Unit
from monitor.simulation.readers import Reader
from tests.drivers.modbus.endpoints import TRANSPORTS, endpoint
from tests.drivers.modbus.latched import LATCHED, MINIMAL, event
from tests.drivers.modbus.readers import CARDS, OTHERS, device_of, house, name_of
from tests.drivers.modbus.site import connection, driver_of

HELD = ["technotrade-vrd-485", "ic-10mrw", "rfideas-rdr-80581akd-p"]


def kept(number):
    """A journal whose last card is this one."""

    async def last(device, kind):
        return Event(
            device=device, kind=kind, time=1, arrived=1, id="1", attributes={"credential": name_of(number)}
        )

    return last


# Presence, without a bus ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "polls", "new"),
    [
        ({}, "0.0-A 1.0A 2.0A 3.0A", [1.0]),
        ({}, "0.0- 1.0A 2.0A 3.0- 4.0A", [1.0, 4.0]),
        ({}, "1.0A 2.0B 3.0A", [1.0, 2.0, 3.0]),
        ({}, "1.0A 2.0? 20.0? 30.0A", [1.0]),
        ({}, "1.0A 2.0? 40.0A 41.0A", [1.0, 40.0]),
        ({"repeat_after": "2 s"}, "1.0A 1.5- 2.0A 2.5- 4.4A 5.0- 7.0A", [1.0, 7.0]),
        ({"repeat_after": "2 s"}, "1.0A 1.5- 2.0B 2.5- 3.0A", [1.0, 2.0, 3.0]),
        ({"sequence": {"register": "holding 9"}}, "1.0A1 2.0A1 3.0A2 4.0A2 90.0? 91.0A2", [1.0, 3.0]),
    ],
)
def test_a_card_has_come_once_until_it_goes(keys, polls, new):
    presence = Presence(event(**keys))
    found = []
    for poll in polls.replace("-A", "-").split():
        number = float(poll[:4].rstrip("AB-?"))
        shown = poll[len(f"{number}") :]
        if shown.startswith(("A", "B")):
            card = Card(shown[0], int(shown[1:]) if shown[1:] else None)
            if presence.is_new(card, number, at_once=True):
                presence.take(card, number)
                found.append(number)
        elif shown == "-":
            presence.gone(number)

    assert found == new


def test_what_was_read_in_several_requests_has_to_be_seen_twice():
    presence = Presence(event())
    torn, whole = Card("torn"), Card("whole")

    assert not presence.is_new(torn, 1.0, at_once=False)
    assert not presence.is_new(whole, 2.0, at_once=False)
    assert presence.is_new(whole, 3.0, at_once=False)


# The readers of the shipped profiles ------------------------------------------------------------------------


@pytest.mark.fault(
    "card held to a polled reader",
    part="Modbus",
    outcome="One event for each time that a card is held, however many polls see it.",
)
@pytest.mark.parametrize("profile", HELD)
async def test_each_time_a_card_is_held_is_one_event(profile, tmp_path):
    async with house(profile, tmp_path) as at:
        before = await at.told()
        first = await at.told(CARDS[profile], polls=6)
        gone = await at.told()
        again = await at.told(CARDS[profile])
        without_a_gap = await at.told(OTHERS[profile])

    one, other = name_of(CARDS[profile]), name_of(OTHERS[profile])
    assert (before, first, gone, again, without_a_gap) == ([], [one], [], [one], [other])
    assert list(at.unit.written) == []


@pytest.mark.parametrize("profile", HELD)
async def test_a_poll_that_fails_in_the_middle_changes_nothing(profile, tmp_path):
    async with house(profile, tmp_path) as at:
        await at.told()
        first = await at.told(CARDS[profile])
        at.unit.faults.exception = 4
        failed = await at.told(CARDS[profile])
        at.unit.faults.exception = 0
        after = await at.told(CARDS[profile])

    assert (first, failed, after) == ([name_of(CARDS[profile])], [], [])


@pytest.mark.parametrize("profile", [*HELD, LATCHED])
async def test_an_event_has_an_id_a_time_and_nothing_but_the_pseudonym(profile, tmp_path):
    with capture_logs() as logs:
        async with house(profile, tmp_path, acknowledge=str(profile == LATCHED).lower()) as at:
            await at.told()
            answers = []
            for number in (CARDS[profile], "", OTHERS[profile], ""):
                at.reader.hold(number)
                answers += [await at.poll() for _ in range(3)]
    events = [each for answer in answers for each in answer.events]

    assert [each.attributes for each in events] == [
        {"credential": name_of(number)} for number in (CARDS[profile], OTHERS[profile])
    ]
    assert len({each.id for each in events}) == 2
    assert all(each.time == each.arrived == answer.arrived for answer in answers for each in answer.events)
    said = repr((answers, logs, vars(at.driver), vars(at.driver._readers["front"]))).lower()
    assert not any(number.lstrip("0") in said for number in (CARDS[profile], OTHERS[profile]))


async def test_a_sequence_tells_two_times_between_two_polls(tmp_path):
    profile = "rfideas-rdr-80581akd-p"
    async with house(profile, tmp_path) as at:
        await at.told()
        first = await at.told(CARDS[profile])
        at.reader.hold("")
        second = await at.told(CARDS[profile])

    assert (first, second) == ([name_of(CARDS[profile])],) * 2


@pytest.mark.fault(
    "card held to a polled reader",
    part="Modbus",
    outcome="Cards that a reader has counted between two polls, and no longer shows, are told with the next one.",
)
async def test_cards_that_were_counted_and_not_seen_are_told(tmp_path):
    profile = "rfideas-rdr-80581akd-p"
    async with house(profile, tmp_path) as at:
        (card,) = at.device.events
        counts = card.model_copy(update={"sequence": card.sequence.model_copy(update={"counts": True})})
        at.device = replace(at.device, events=(counts,))
        await at.driver.close()
        at.reader = Reader(at.device, at.unit)
        await at.start()
        await at.told(OTHERS[profile])
        with capture_logs() as logs:
            seen = []
            for unseen in (0, 3, 0, 1):
                for number in (*[OTHERS[profile], ""] * unseen, CARDS[profile]):
                    at.reader.hold(number)
                seen += [event.attributes.get("missed") for event in (await at.poll()).events]
                at.reader.hold("")
                await at.poll()
            at.unit.set("input", 0, [0])  # the reader begins anew
            at.reader.hold(CARDS[profile])
            seen += [event.attributes.get("missed") for event in (await at.poll()).events]

    assert seen == [None, 3, None, 1, None]
    assert [(log["event"], log["missed"]) for log in logs] == [("cards_missed", 3)]


async def test_with_a_sequence_what_is_there_at_first_is_old(tmp_path):
    profile = "rfideas-rdr-80581akd-p"
    async with house(profile, tmp_path) as at:
        first = await at.told(CARDS[profile])
        await at.told()
        second = await at.told(CARDS[profile])

    assert (first, second) == ([], [name_of(CARDS[profile])])


@pytest.mark.parametrize("profile", ["technotrade-vrd-485", "ic-10mrw"])
async def test_what_is_there_at_first_is_old_when_the_journal_has_it_as_its_last(profile, tmp_path):
    async with house(profile, tmp_path, kept(CARDS[profile])) as at:
        old = await at.told(CARDS[profile])
        other = await at.told(OTHERS[profile])
    async with house(profile, tmp_path, kept(OTHERS[profile])) as at:
        new = await at.told(CARDS[profile])
    async with house(profile, tmp_path) as at:
        unknown = await at.told(CARDS[profile])

    one = [name_of(CARDS[profile])]
    assert (old, other, new, unknown) == ([], [name_of(OTHERS[profile])], one, one)


async def test_a_journal_that_cannot_be_read_is_asked_again(tmp_path):
    answers = [JournalError("busy"), None]

    async def last(_device, _kind):
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    async with house("technotrade-vrd-485", tmp_path, last) as at:
        told = [await at.told("a41e45c6", polls=1) for _ in range(3)]

    assert told == [[], [name_of("a41e45c6")], []]


# What has to be acknowledged --------------------------------------------------------------------------------


CLEARED = ("coil", 1016, 0)


@pytest.mark.fault(
    "card held to a polled reader",
    part="Modbus",
    outcome="A reader that waits for its card to be cleared is cleared after the event is kept, never before.",
)
async def test_a_card_is_cleared_after_its_event_is_kept_and_not_before(tmp_path):
    async with house(LATCHED, tmp_path, acknowledge="true") as at:
        await at.told()
        at.reader.hold(CARDS[LATCHED])
        answers = [await at.poll(kept=False) for _ in range(4)]
        before = list(at.unit.written)
        (told,) = [answer for answer in answers if answer.events]
        told.kept()
        await at.poll()
        after = list(at.unit.written)
        await at.told()
        next_one = await at.told(OTHERS[LATCHED])

    assert before == []
    assert after == [CLEARED]
    assert next_one == [name_of(OTHERS[LATCHED])]
    assert list(at.unit.written) == [CLEARED] * 2


async def test_a_second_event_of_the_same_card_is_not_cleared_by_the_first_ones_keeping(tmp_path):
    async with house(LATCHED, tmp_path, acknowledge="true") as at:
        at.device = replace(at.device, events=(at.device.events[0].model_copy(update={"repeat_after": 0.0}),))
        await at.driver.close()
        await at.start()
        await at.told()
        at.reader.hold(CARDS[LATCHED])
        first = [await at.poll() for _ in range(3)]
        at.reader.hold("")
        await at.poll()
        at.reader.hold(CARDS[LATCHED])
        second = [await at.poll(kept=False) for _ in range(3)]
        before = list(at.unit.written)
        for answer in first:
            if answer.kept is not None:
                answer.kept()
        await at.poll(kept=False)

    assert [len(answer.events) for answer in (*first, *second)] == [0, 1, 0, 0, 1, 0]
    assert before == list(at.unit.written) == [CLEARED]


async def test_without_leave_nothing_is_written_and_check_says_what_is_missing(tmp_path):
    async with house(LATCHED, tmp_path) as at:
        await at.told()
        told = await at.told(CARDS[LATCHED], polls=6)
    options = connection(1502).options
    with_leave = device_of(LATCHED, tmp_path, acknowledge="true")
    (hint,) = hints_of(options, [needs_of(options, at.device)])

    assert told == [name_of(CARDS[LATCHED])]
    assert list(at.unit.written) == []
    assert hint.device == "front"
    assert "`acknowledge: true`" in hint.text
    assert not hint.refuses
    assert hints_of(options, [needs_of(options, with_leave)]) == ()


@pytest.mark.fault(
    "card held to a polled reader",
    part="Modbus",
    outcome="A card that cannot be cleared is tried again with each poll, told once, and no second event.",
)
async def test_a_card_that_cannot_be_cleared_is_no_second_event(tmp_path):
    async with house(LATCHED, tmp_path, acknowledge="true") as at:
        allowed = set(at.unit.may_be_written)
        at.unit.may_be_written.clear()
        await at.told()
        with capture_logs() as logs:
            told = await at.told(CARDS[LATCHED], polls=8)
        tried = len(at.unit.written)
        at.unit.may_be_written.update(allowed)
        await at.told()
        again = await at.told(OTHERS[LATCHED])

    assert told == [name_of(CARDS[LATCHED])]
    assert tried > 2
    assert [log["event"] for log in logs] == ["card_not_acknowledged"]
    assert again == [name_of(OTHERS[LATCHED])]


async def test_a_card_whose_event_was_kept_before_a_kill_is_cleared_and_told_no_second_time(tmp_path):
    async with house(LATCHED, tmp_path, kept(CARDS[LATCHED]), acknowledge="true") as at:
        told = await at.told(CARDS[LATCHED], polls=5)

    assert told == []
    assert list(at.unit.written) == [CLEARED]


async def test_a_card_that_came_while_the_monitor_was_off_is_told(tmp_path):
    async with house(LATCHED, tmp_path, kept(OTHERS[LATCHED]), acknowledge="true") as at:
        told = await at.told(CARDS[LATCHED], polls=5)

    assert told == [name_of(CARDS[LATCHED])]
    assert list(at.unit.written) == [CLEARED]


async def test_a_card_that_the_reader_reads_again_at_once_is_cleared_and_no_second_event(tmp_path):
    async with house(LATCHED, tmp_path, acknowledge="true") as at:
        await at.told()
        told = await at.told(CARDS[LATCHED], polls=4)
        at.reader.hold("")
        told += await at.told(CARDS[LATCHED], polls=4)

    assert told == [name_of(CARDS[LATCHED])]
    assert list(at.unit.written) == [CLEARED] * 2


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("where", ["coil 1016", "holding 1000"])
async def test_one_register_is_written_over_every_transport(transport, where, tmp_path, certificates):
    reader = device_of(LATCHED, tmp_path, acknowledge="true")
    keys = {"when": {"register": where}, "acknowledge": {"register": where}}
    reader = replace(reader, events=(MODBUS.event_model.model_validate(MINIMAL | keys),))
    unit = Unit(reader)
    held = Reader(reader, unit)
    served = endpoint(transport, {2: unit}, tmp_path, certificates)
    await served.start()
    driver = driver_of(served.written, reader, timeout="5 s")
    told = []
    try:
        await driver.read("front", "fast")
        for number in ("a41e45c6", "0b22c7d1"):
            held.hold(number)
            for _ in range(4):
                answer = await driver.read("front", "fast")
                told += [each.attributes["credential"] for each in answer.events]
                if answer.kept is not None:
                    answer.kept()
        seen = driver.traffic("front")
    finally:
        await driver.close()
        await served.stop()
        await asyncio.sleep(0)

    assert told == ["a41e45c6", "0b22c7d1"]
    assert list(unit.written) == [(*reader.events[0].acknowledge.where, 0)] * 2
    assert (seen.requests, dict(seen.errors)) == (seen.answers, {})
