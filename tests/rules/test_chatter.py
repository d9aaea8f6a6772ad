"""Stories of an alarm that comes and goes, is acknowledged, shelved and loaded: who is told, and of the end."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model import Command, Entry, Position, Recorded
from monitor.notices import NoticeKind
from rules.chatter import QUIET_AFTER
from rules.effects import Effects, Row, Step
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.examples import examples
from tests.rules.build import START, device, reading, rule

DEVICES = {"meter": device()}
KEY = "low/meter/voltage_v"
_BEGINS = frozenset({NoticeKind.RAISE, NoticeKind.SEVERITY, NoticeKind.CHATTER})
_SECONDS = (1, 2, 5)
_LONGER = (10, 60, 600, 1900)


@dataclass
class Story:
    """One alarm and what happens to it, all by a seed."""

    seed: int
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.rows: dict[tuple[str, str], Any] = {}
        pick = self.chance.choice
        settings = {
            "id": "low",
            "kind": "threshold",
            "point": "voltage_v",
            "below": "207 V",
            "on_delay": pick(["0 s", "2 s"]),
            "off_delay": pick(["0 s", "3 s"]),
            "ack": pick(["required", "not_required"]),
            "severity": pick(["low", "high", "critical"]),
            "re_alarm": pick(["0 s", "5 min"]),
        }
        self.rule = rule(settings, DEVICES)
        self.engine = self.fresh()

    def fresh(self) -> Engine:
        return Engine([self.rule], Surroundings(devices=DEVICES))

    def take(self, effects: Effects) -> None:
        self.steps += effects.steps
        for row in self.engine.dump_changed():
            self.rows[row.area, row.key] = row.body

    def play(self) -> None:
        """A hundred happenings, the last of them a good value; then it is quiet for long enough."""
        at = 0
        for number in range(100):
            at += 1000 * self.chance.choice(_LONGER if self.chance.random() < 0.15 else _SECONDS)
            self.take(self.engine.judge([Recorded(Position(number + 1), START + at, self.happening(at, number))]))
            if self.chance.random() < 0.05:
                self.again(START + at)
        for more in range(2 * QUIET_AFTER // 60_000):
            at += 60_000
            self.take(self.engine.judge([Recorded(Position(101 + more), START + at, reading(at, 230.0))]))

    def happening(self, at: int, number: int) -> Entry:
        kind = self.chance.choices(["value", "acknowledge", "shelve", "unshelve"], [16, 2, 1, 1])[0]
        if kind == "value":
            return reading(at, self.chance.choice([200.0, 230.0]))
        more: dict[str, str | float] = {"for_s": self.chance.choice([5, 60, 600]), "oneshot": 0}
        return Command(
            id=str(number),
            time=START + at,
            by="ana",
            kind=kind,
            target=KEY,
            arguments=more if kind == "shelve" else {},
            reason="because",
        )

    def again(self, now: int) -> None:
        """Put the engine away as JSON, and go on with another."""
        kept = [
            Row(area=area, key=key, body=json.loads(json.dumps(body)))
            for (area, key), body in self.rows.items()
            if body is not None
        ]
        self.engine = self.fresh()
        self.take(self.engine.load(kept, now))


@settings(max_examples=examples(75), derandomize=True)
@given(st.integers(0, 10**9))
def test_whoever_is_told_hears_of_the_end(seed: int) -> None:
    story = Story(seed)
    story.play()

    waiting: dict[str, str] = {}
    for step in story.steps:
        taken = step.transition
        if taken.cause == "quiet" and step.notice is NoticeKind.RAISE:
            waiting = {}  # it has stayed: from now on this occurrence is what people know of
        if step.notice in _BEGINS:
            waiting[taken.occurrence] = taken.cause
        elif step.notice is NoticeKind.CLEAR:
            waiting.pop(taken.occurrence, None)
    assert waiting == {}


@settings(max_examples=examples(75), derandomize=True)
@given(st.integers(0, 10**9))
def test_while_it_chatters_nobody_is_told_of_a_raise(seed: int) -> None:
    story = Story(seed)
    story.play()

    since = before = 0
    for step in story.steps:
        taken = step.transition
        if taken.cause == "chattering":
            assert step.notice is NoticeKind.CHATTER
            since = taken.time
        elif taken.cause == "quiet" or (since and taken.time - before >= QUIET_AFTER):
            since = 0  # without a step when its end was told already
        assert not (since and taken.cause == "raised" and step.notice is not None)
        if taken.cause in {"raised", "cleared"}:
            before = taken.time


def test_the_stories_are_about_chatter() -> None:
    causes = set[str]()
    for seed in range(60):
        story = Story(seed)
        story.play()
        causes |= {step.transition.cause for step in story.steps}

    assert causes >= {"chattering", "quiet", "shelved", "unshelved", "acknowledged", "re_alarm", "cleared"}
