"""What every polled driver promises. A driver joins by a subclass of PolledContract with a fixture `harness`."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import pytest

from monitor.model import Missing, Value
from monitor.ports import Answer, PolledDriver
from monitor.schema import TRAFFIC_ERRORS


class Harness(Protocol):
    """A driver whose two devices, `first` and `second`, are simulated behind one connection."""

    driver: PolledDriver
    first: str
    second: str
    expected: Mapping[str, Mapping[str, Value]]
    """Device -> values of its scan class `fast`."""

    def now(self) -> int: ...
    def connections(self) -> int: ...
    async def silence(self, device: str) -> None: ...
    async def revive(self, device: str) -> None: ...
    async def refuse(self, device: str) -> None: ...
    async def close_endpoint(self) -> None: ...
    async def open_endpoint(self) -> None: ...


class ReaderHarness(Protocol):
    """A driver with one reader of cards, simulated: one that shows a card while it is held."""

    driver: PolledDriver
    reader: str
    cards: tuple[str, str]
    """The numbers of two cards, as the reader has them."""

    def hold(self, number: str) -> None:
        """Hold a card to it; without a number, none."""

    def now(self) -> int: ...
    async def silence(self, device: str) -> None: ...
    async def revive(self, device: str) -> None: ...


class ReaderContract:
    """What a driver promises whose devices show events; each test gets a fresh harness of a reader."""

    async def polled(self, reader: ReaderHarness, number: str, times: int = 3) -> list[Answer]:
        """Hold a card, or none, for some polls, all of which are kept."""
        reader.hold(number)
        answers = [await reader.driver.read(reader.reader, "fast") for _ in range(times)]
        for answer in answers:
            if answer.kept is not None:
                answer.kept()
        return answers

    async def test_what_is_shown_for_many_polls_is_one_event_of_one_of_them(self, reader: ReaderHarness):
        before = reader.now()
        none = await self.polled(reader, "")
        answers = await self.polled(reader, reader.cards[0], 6)
        (event,) = [event for answer in answers for event in answer.events]

        assert not any(answer.events for answer in none)
        assert (event.device, event.kind) == (reader.reader, "card")
        assert before <= event.time == event.arrived <= reader.now()

    async def test_kept_comes_with_events_and_with_nothing_else(self, reader: ReaderHarness):
        answers = await self.polled(reader, "") + await self.polled(reader, reader.cards[0])

        assert [answer.kept is not None for answer in answers] == [bool(answer.events) for answer in answers]

    async def test_ids_are_unique_and_no_number_leaves_the_driver(self, reader: ReaderHarness):
        answers = await self.polled(reader, "")
        for number in (*reader.cards, "", *reader.cards):
            answers += await self.polled(reader, number)
        events = [event for answer in answers for event in answer.events]

        assert len({event.id for event in events}) == len(events) == 4
        assert not any(number in repr(answers) for number in reader.cards)

    async def test_silence_in_the_middle_is_no_second_event(self, reader: ReaderHarness):
        answers = await self.polled(reader, "") + await self.polled(reader, reader.cards[0])
        await reader.silence(reader.reader)
        answers += await self.polled(reader, reader.cards[0], 2)
        probe = await reader.driver.probe(reader.reader)
        await reader.revive(reader.reader)
        answers += await self.polled(reader, reader.cards[0])

        assert sum(len(answer.events) for answer in answers) == 1
        assert probe.events == ()


class PolledContract:
    """The tests; each gets a fresh harness."""

    async def test_construction_connects_nothing(self, harness: Harness):
        assert harness.connections() == 0

    async def test_a_read_gives_every_point_that_was_due(self, harness: Harness):
        before = harness.now()

        answer = await harness.driver.read(harness.first, "fast")

        assert answer.answered
        assert answer.values == harness.expected[harness.first]
        assert answer.missing == {}
        assert before <= answer.arrived <= harness.now()

    async def test_a_probe_of_a_living_device_is_answered(self, harness: Harness):
        answer = await harness.driver.probe(harness.first)

        assert answer.answered
        assert answer.values.items() <= harness.expected[harness.first].items()

    @pytest.mark.fault(
        "device dead",
        part="Modbus",
        outcome="Each of its points is missing, with the reason timeout; never 0 and never the old value.",
    )
    async def test_a_silent_device_gives_no_value_and_a_reason_for_each_point(self, harness: Harness):
        await harness.silence(harness.first)

        answer = await harness.driver.read(harness.first, "fast")

        assert not answer.answered
        assert answer.values == {}
        assert answer.missing == dict.fromkeys(harness.expected[harness.first], Missing.TIMEOUT)
        assert answer.error

    async def test_a_silent_device_costs_only_itself(self, harness: Harness):
        await harness.silence(harness.first)

        await harness.driver.read(harness.first, "fast")
        answer = await harness.driver.read(harness.second, "fast")

        assert answer.values == harness.expected[harness.second]

    async def test_a_probe_of_a_silent_device_is_not_answered(self, harness: Harness):
        await harness.silence(harness.first)

        answer = await harness.driver.probe(harness.first)

        assert not answer.answered
        assert answer.values == {}

    async def test_a_device_that_comes_back_is_read_again(self, harness: Harness):
        await harness.silence(harness.first)
        await harness.driver.read(harness.first, "fast")
        await harness.revive(harness.first)

        answer = await harness.driver.read(harness.first, "fast")

        assert answer.values == harness.expected[harness.first]

    @pytest.mark.fault(
        "device refuses or is busy",
        part="Modbus",
        outcome="A refusal counts as an answer; the points are missing with the reason.",
    )
    async def test_a_refusal_is_an_answer_without_values(self, harness: Harness):
        await harness.refuse(harness.first)

        answer = await harness.driver.read(harness.first, "fast")

        assert answer.answered
        assert answer.values == {}
        assert set(answer.missing) == set(harness.expected[harness.first])

    @pytest.mark.fault(
        "converter away",
        part="Modbus",
        outcome="Away at the start, it is read as soon as it comes.",
    )
    async def test_an_endpoint_that_is_away_at_the_start_is_read_once_it_comes(self, harness: Harness):
        await harness.close_endpoint()
        away = await harness.driver.read(harness.first, "fast")
        await harness.open_endpoint()

        answer = await harness.driver.read(harness.first, "fast")

        assert not away.answered
        assert answer.values == harness.expected[harness.first]

    async def test_an_endpoint_that_restarts_is_read_again_within_two_reads(self, harness: Harness):
        await harness.driver.read(harness.first, "fast")
        await harness.close_endpoint()
        await harness.open_endpoint()

        answers = [await harness.driver.read(harness.first, "fast") for _ in range(2)]

        assert answers[-1].values == harness.expected[harness.first]

    @pytest.mark.fault(
        "stop in the middle",
        part="Modbus",
        outcome="A read that is cancelled ends within a second.",
    )
    async def test_a_cancelled_read_ends_soon_and_leaves_the_driver_usable(self, harness: Harness):
        await harness.silence(harness.first)
        reading = asyncio.create_task(harness.driver.read(harness.first, "fast"))
        await asyncio.sleep(0.05)
        reading.cancel()
        done, _ = await asyncio.wait([reading], timeout=20)

        assert reading in done
        assert reading.cancelled()
        assert (await harness.driver.read(harness.second, "fast")).values == harness.expected[harness.second]

    async def test_what_passed_is_counted_for_each_device(self, harness: Harness):
        before = harness.driver.traffic(harness.first)
        await harness.driver.read(harness.first, "fast")
        good = harness.driver.traffic(harness.first)
        await harness.silence(harness.first)
        await harness.driver.probe(harness.first)

        after = harness.driver.traffic(harness.first)

        assert (before.requests, before.answers, before.errors, before.latency_ms) == (0, 0, {}, None)
        assert good.requests == good.answers > 0
        assert good.errors == {}
        assert good.latency_ms is not None
        assert good.latency_ms >= 0
        assert (after.requests, after.answers) == (good.requests + 1, good.answers)
        assert sum(after.errors.values()) == 1
        assert after.errors.keys() <= set(TRAFFIC_ERRORS)
        assert harness.driver.traffic(harness.second) == before

    async def test_advice_is_given_for_the_device_that_does_badly_and_for_no_other(self, harness: Harness):
        await harness.driver.read(harness.second, "fast")
        well = harness.driver.advice(harness.first)
        await harness.silence(harness.first)
        await harness.driver.read(harness.first, "fast")

        assert well == ""
        assert harness.driver.advice(harness.first)
        assert harness.driver.advice(harness.second) == ""

    async def test_closing_twice_is_harmless(self, harness: Harness):
        await harness.driver.read(harness.first, "fast")

        await harness.driver.close()
        await harness.driver.close()
