"""The engine beside a slow and obvious reference of the design: the same steps, told alike, at every second."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from hypothesis import given, note, settings
from hypothesis import strategies as st

from monitor.model import Command, Entry, Event, Missing, Position, Quality, Reading, Recorded
from monitor.site import Rule
from rules.effects import Effects, Row, Step
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.examples import IS_LONG, examples
from tests.rules.build import START, device, rule
from tests.rules.reference import Alarm, Happening, Spec, World, reference

DEVICES: Final = {
    "meter": device(every=10.0, points=["voltage_v", "alarm", "fault"]),
    "door": device("door", every=None, points=["open"]),
}
_LIMITS: Final = ((207.0, "medium"),)
SPECS: Final = (
    Spec("quick", "voltage_v", limits=_LIMITS, auto_ack=180),
    Spec("delays", "voltage_v", on=25, off=15, limits=_LIMITS, deadband=3.0, re_alarm=300),
    Spec("levels", "voltage_v", off=20, limits=((207.0, "low"), (190.0, "critical")), deadband=2.0, ack=False),
    Spec("leak", "alarm", on=5, latched=True, re_alarm=420),
    Spec("slow-leak", "alarm", off=10, latched=True),
    Spec("silence-is-bad", "voltage_v", on=5, off=5, limits=_LIMITS, missing="raise", stale=40, auto_ack=200),
    Spec("silence-is-good", "alarm", on=20, missing="clear", ack=False),
    Spec("anew", "voltage_v", on=30, limits=_LIMITS, gap="restart", stale=25, unknown_reset=60),
    Spec("counts", "alarm", on=60, off=10, counts_downtime=True),
    Spec("door", "open", on=60, off=30, counts_downtime=True, stale=None),
    Spec("door-stops", "open", on=60, off=30, stale=None),
    Spec("parent", "fault", ack=False),
    Spec("child", "voltage_v", off=15, limits=_LIMITS, parent="parent", re_alarm=200),
    Spec("child-leak", "alarm", latched=True, parent="parent"),
)


def _rule(spec: Spec) -> Rule:
    written: dict[str, Any] = {
        "id": spec.id,
        "point": spec.point,
        "on": "door" if spec.point == "open" else "meter",
        "on_delay": f"{spec.on} s",
        "off_delay": f"{spec.off} s",
        "latched": spec.latched,
        "ack": "required" if spec.ack else "not_required",
        "missing": spec.missing,
        "gap": spec.gap,
        "count_downtime": spec.counts_downtime,
        "unknown_reset": f"{spec.unknown_reset} s",
        "depends_on": [spec.parent] if spec.parent else [],
    }
    if spec.stale not in {None, 120}:
        written["stale_after"] = f"{spec.stale} s"
    if spec.re_alarm is not None:
        written["re_alarm"] = f"{spec.re_alarm} s"
    if spec.auto_ack is not None:
        written["auto_ack_after"] = f"{spec.auto_ack} s"
    if spec.limits:
        levels = [{"below": f"{limit} V", "severity": severity} for limit, severity in spec.limits]
        written |= {"kind": "threshold", "levels": levels, "deadband": f"{spec.deadband} V"}
    else:
        written |= {"kind": "state", "is": True}
    return rule(written, DEVICES)


RULES: Final = [_rule(spec) for spec in SPECS]
AROUND: Final = Surroundings(devices=DEVICES)
KEYS: Final = {one.id: f"{one.id}/{one.sources[0].key}" for one in RULES}

# Stories -------------------------------------------------------------------------------------------------

VALUES: Final = st.sampled_from([None, 180.0, 191.0, 200.0, 200.0, 208.0, 211.0, 230.0, 230.0])
STATES: Final = st.sampled_from([None, True, True, False])
SAID: Final = st.one_of(
    st.fixed_dictionaries({"voltage_v": VALUES}, optional={"alarm": STATES}),
    st.fixed_dictionaries({"alarm": STATES}, optional={"voltage_v": VALUES}),
    st.fixed_dictionaries({"fault": st.booleans()}),
    st.fixed_dictionaries({"open": st.booleans()}),
)
COMMANDS: Final = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(
            ["acknowledge"] * 4 + ["shelve"] * 2 + ["unshelve", "out_of_service", "return_to_service"]
        ),
        "target": st.sampled_from([spec.id for spec in SPECS]),
        "for": st.sampled_from([30, 200, 1000, 5000]),
        "oneshot": st.booleans(),
    }
)
PAUSES: Final = st.sampled_from([5, 5, 10, 10, 10, 15, 20, 25, 30, 35, 60, 120, 200])
PHASES: Final = {"command": 1, "window": 2, "window_end": 2, "clock": 3}
"""Everything goes in steps of five seconds; what people do never falls into the instant of what devices say."""


Part = tuple[int, tuple[str, Any]]
"""Seconds after what came before, and what happens then."""

WORDS: Final[Mapping[str, tuple[Sequence[Any], Any]]] = {
    "voltage_v": ((200.0, 180.0), 230.0),
    "alarm": ((True,), False),
    "open": ((True,), False),
    "fault": ((True,), False),
}
"""What a point says when something is wrong, and when nothing is."""


@st.composite
def episodes(draw: st.DrawFn) -> list[Part]:
    """One alarm from its beginning to its end and beyond, mostly a latched one, with people who see to it."""
    latched = [spec for spec in SPECS if spec.latched]
    spec = draw(st.sampled_from([*SPECS, *latched * 4]))
    wrong, right = WORDS[spec.point]
    pause = st.sampled_from([5, 10, 30, 30, 90])

    def says(word: object) -> Part:
        return draw(pause), ("said", {spec.point: word})

    def asked(kind: str, *, rest: int = 0) -> list[Part]:
        wish = {"kind": kind, "target": spec.id, "for": draw(st.sampled_from([200, 1000])), "oneshot": False}
        done: Part = (draw(pause), ("command", wish))
        return [done, *[(100, ("said", {"open": True}))] * rest]

    holds, frees = draw(
        st.sampled_from([("", ""), ("shelve", "unshelve"), ("out_of_service", "return_to_service")])
    )
    parts = asked(holds) if holds else []
    parts += [says(draw(st.sampled_from(wrong))) for _ in range(draw(st.integers(2, 4)))]
    for _ in range(draw(st.integers(0, 2))):  # over, or so it seems
        parts += asked("acknowledge", rest=draw(st.sampled_from([0, 5]))) if draw(st.booleans()) else []
        parts += [says(right), says(right), *[says(draw(st.sampled_from(wrong))) for _ in range(2)]]
    parts += asked(frees) if frees and draw(st.booleans()) else []
    return [*parts, says(right), says(right), says(right), *asked("acknowledge")]


@st.composite
def chatter(draw: st.DrawFn) -> list[Part]:
    """A value that goes to and fro across its limit, and then stays for half an hour, on one side or the other."""
    parts: list[Part] = []
    for _ in range(draw(st.integers(3, 5))):
        parts += [(5, ("said", {"voltage_v": 200.0})), (5, ("said", {"voltage_v": 230.0}))]
    if draw(st.booleans()):
        parts.append((10, ("said", {"voltage_v": 200.0})))
    last = parts[-1][1]
    return [*parts, *[(100, last) for _ in range(draw(st.sampled_from([0, 20])))]]


def story(
    *others: st.SearchStrategy[tuple[str, Any]],
    length: int = 30,
    longer: Sequence[st.SearchStrategy[list[Part]]] = (),
) -> st.SearchStrategy[list[Happening]]:
    said = st.tuples(st.just("said"), SAID)
    happening = st.tuples(PAUSES, st.one_of(said, said, said, *others))
    loose = st.lists(happening, min_size=1, max_size=length // 3)
    parts = st.lists(st.one_of(loose, episodes(), episodes(), *longer), min_size=2, max_size=4)
    return parts.map(lambda each: _placed([part for group in each for part in group]))


def _placed(parts: list[Part]) -> list[Happening]:
    steps, placed, windows = 0, [], 0
    for pause, (what, detail) in parts:
        steps += pause
        at = steps + PHASES.get(what, 0)
        if what == "window":
            windows += 1
            placed.append(Happening(at, what, {"id": str(windows), "for": detail}))
        elif what == "window_end":
            placed.append(Happening(at, what, {"id": str(windows)}))
        elif what == "stopped":
            placed.append(Happening(at, what, {"down": detail}))
            steps += detail
        elif what == "clock":
            placed.append(Happening(at, what, {"by": detail}))
        else:
            placed.append(Happening(at, what, detail))
    return placed


STOPS: Final = st.tuples(st.just("stopped"), st.sampled_from([0, 5, 30, 90, 700]))
CLOCK: Final = st.tuples(st.just("clock"), st.sampled_from([3600, -3600, 120, -60]))
LATE: Final = st.tuples(st.just("late"), SAID)
DOUBTFUL: Final = st.tuples(st.just("doubtful"), SAID)
ASKED: Final = st.tuples(st.just("command"), COMMANDS)
WINDOWS: Final = st.one_of(
    st.tuples(st.just("window"), st.sampled_from([20, 100, 600])),
    st.tuples(st.just("window_end"), st.none()),
)

# The engine ----------------------------------------------------------------------------------------------


class Player:
    """Plays a story by the engine: stamped as the writer stamps, stopped and taken up again through JSON."""

    def __init__(self) -> None:
        self.engine = Engine(RULES, AROUND)
        self.steps: list[Step] = []
        self.kept: dict[tuple[str, str], Row] = {}
        self.clock = 0
        self.stamp = 0
        self.position = 0

    def play(self, story: Sequence[Happening], until: int) -> None:
        """Play what happened before or at a second, and look then."""
        for one in story:
            self._take(one)
        self.take(self.engine.tick(self.wall(until)))

    def wall(self, at: int) -> int:
        return START + (at + self.clock) * 1000

    def take(self, effects: Effects) -> None:
        self.steps += effects.steps
        assert effects.failures == []
        for row in self.engine.dump_changed():
            self.kept[row.area, row.key] = row

    def _take(self, one: Happening) -> None:
        now = self.wall(one.at)
        if one.what == "stopped":
            self._restart(now, now + one.detail["down"] * 1000)
        elif one.what == "clock":
            self._step(now, one.detail["by"] * 1000)
        else:
            self._judge(_entry(one, now))

    def _judge(self, entry: Entry, stamp: int | None = None) -> None:
        self.position += 1
        stamp = stamp or getattr(entry, "arrived", None) or entry.time
        self.stamp = max(self.stamp, stamp)
        self.take(self.engine.judge([Recorded(Position(self.position), self.stamp, entry)]))

    def _step(self, before: int, by: int) -> None:
        self.clock += by // 1000
        after = before + by
        told = Event(
            device="facility-monitor",
            kind="clock_stepped",
            time=after,
            arrived=after,
            id=f"{before}-{after}",
            attributes={"from": before, "to": after, "seconds": by / 1000},
        )
        self._judge(told, max(before, after))

    def _restart(self, stopped: int, started: int) -> None:
        self.take(self.engine.tick(stopped))
        self.engine = Engine(RULES, AROUND)
        kept = [replace(row, body=json.loads(json.dumps(row.body))) for row in self.kept.values()]
        self.take(self.engine.load(kept, started))
        self.take(self.engine.resume(started))

    def stands(self, name: str) -> tuple[str, str, str, tuple[str, ...]]:
        """How an alarm stands: condition, response, severity, and what holds it back."""
        machine = self.engine._index.alarms[KEYS[name]].machine
        severity = machine.severity if machine.is_on else ""
        return machine.condition.value, machine.response.value, severity, machine.hold.names()

    def told(self, name: str) -> list[tuple[int, str, str]]:
        """Its steps: second of the wall clock, cause, and what somebody is told."""
        found, news = [], set()
        for step in self.steps:
            if step.rule.id != name:
                continue
            notice, occurrence = str(step.notice or ""), step.transition.occurrence
            if notice in {"raise", "severity", "chatter"}:
                news.add(occurrence)
            elif occurrence not in news:
                notice = ""
            found.append((round((step.transition.time - START) / 1000), step.transition.cause, notice))
        return found


def _entry(one: Happening, now: int) -> Entry:
    if one.what == "beat":
        return Reading(device="facility-monitor", time=now, arrived=now, values={})
    if one.what in {"said", "late", "doubtful"}:
        return Reading(
            device="door" if "open" in one.detail else "meter",
            time=now - (600_000 if one.what == "late" else 0),
            arrived=now,
            values={name: value for name, value in one.detail.items() if value is not None},
            missing={name: Missing.TIMEOUT for name, value in one.detail.items() if value is None},
            quality=Quality.SUSPECT if one.what == "doubtful" else Quality.GOOD,
            late=one.what == "late",
        )
    if one.what == "window":
        more: dict[str, float | str] = {
            "starts": float(now),
            "for_s": float(one.detail["for"]),
            "devices": "meter",
        }
        return _command(now, "maintenance_add", one.detail["id"], more)
    if one.what == "window_end":
        return _command(now, "maintenance_end", one.detail["id"], {})
    wish = one.detail
    more = {"for_s": float(wish["for"]), "oneshot": float(wish["oneshot"]), "review_at": float(now + 900_000)}
    return _command(now, wish["kind"], KEYS[wish["target"]], more)


def _command(now: int, kind: str, target: str, more: Mapping[str, float | str]) -> Command:
    return Command(id=f"{now}", time=now, by="ana", kind=kind, target=target, arguments=more, reason="because")


# Both ----------------------------------------------------------------------------------------------------


def expected(spec: Spec, story: Sequence[Happening], until: int) -> Alarm:
    world = World()
    heard = [replace(one, what="said", detail=dict.fromkeys(one.detail)) if one.what == "doubtful" else one
             for one in story]  # fmt: skip
    open_windows: dict[str, tuple[int, int]] = {}
    for one in story:
        if one.what == "window" and spec.point != "open":
            open_windows[one.detail["id"]] = (one.at, one.at + one.detail["for"])
        elif one.what == "window_end" and one.detail["id"] in open_windows:
            begin, end = open_windows[one.detail["id"]]
            open_windows[one.detail["id"]] = (begin, min(end, one.at))
    world.windows = list(open_windows.values())
    if spec.parent:
        parent = next(each for each in SPECS if each.id == spec.parent)
        world.on[spec.parent] = reference(parent, heard, until, World()).on
    return reference(spec, heard, until, world)


def compare(story: Sequence[Happening], until: int) -> None:
    happened = [one for one in story if one.at <= until]
    player = Player()
    player.play(happened, until)
    for spec in SPECS:
        alarm = expected(spec, happened, until)
        steps = [(step.at, step.cause, step.notice) for step in alarm.steps]
        note(f"{spec.id}")
        assert player.told(spec.id) == steps, spec.id
        assert player.stands(spec.id) == alarm.seconds[until], spec.id


def _until(story: Sequence[Happening], share: float) -> int:
    last = story[-1]
    over = last.at + (last.detail["down"] if last.what == "stopped" else 0)
    until = round((over + 100) * share)
    for one in story:
        if one.what == "stopped" and one.at <= until < one.at + one.detail["down"]:
            return int(one.at + one.detail["down"])
    return until


SHARES: Final = st.one_of(st.just(1.0), st.floats(0.2, 1.0))
_ASKED_FOR = int(os.environ.get("EXAMPLES", "0"))
MANY: Final = settings(
    max_examples=_ASKED_FOR or (examples(40) if IS_LONG else 24),
    derandomize=not (_ASKED_FOR or IS_LONG),
    deadline=None,
)
"""The same stories each time; `EXAMPLES=5000 pytest tests/rules/test_reference.py` tells others."""


@MANY
@given(told=story(LATE, DOUBTFUL), share=SHARES)
def test_delays_levels_latches_and_silence(told: list[Happening], share: float) -> None:
    compare(told, _until(told, share))


@MANY
@given(told=story(LATE, DOUBTFUL, STOPS), share=SHARES)
def test_stops_of_the_monitor(told: list[Happening], share: float) -> None:
    compare(told, _until(told, share))


@MANY
@given(told=story(ASKED, ASKED, ASKED), share=SHARES)
def test_what_people_do(told: list[Happening], share: float) -> None:
    compare(told, _until(told, share))


@MANY
@given(told=story(ASKED, ASKED, WINDOWS, STOPS), share=SHARES)
def test_maintenance_and_stops(told: list[Happening], share: float) -> None:
    compare(told, _until(told, share))


@MANY
@given(told=story(ASKED, CLOCK), share=SHARES)
def test_clocks_that_are_set(told: list[Happening], share: float) -> None:
    until = _until(told, share)
    # While stamps stand still, after a step back, only what arrives tells the time: a busy site.
    seconds = {*range(0, until, 10), *(one.at for one in told)}

    compare(sorted([*(Happening(at, "beat") for at in seconds), *told], key=lambda one: one.at), until)


@MANY
@given(told=story(ASKED, longer=[chatter(), chatter()]), share=SHARES)
def test_chattering(told: list[Happening], share: float) -> None:
    compare(told, _until(told, share))


CAUSES: Final = frozenset(
    {
        "raised", "recovering", "reopened", "severity", "normal", "acknowledged", "reset", "cleared", "closed",
        "re_alarm", "chattering", "quiet", "shelved", "shelf_expiring", "unshelved", "suppressed", "unsuppressed",
        "out_of_service", "returned",
    }
)  # fmt: skip
"""All causes of steps there are, as docs/alarms.md names them."""


def test_the_stories_come_to_every_step_there_is() -> None:
    """In 120 stories; most of them to what needs a latched alarm, people and patience."""
    seen: Counter[str] = Counter()

    @settings(max_examples=120, derandomize=True, deadline=None, database=None)
    @given(told=story(ASKED, WINDOWS, longer=[chatter()]))
    def tell(told: list[Happening]) -> None:
        until = _until(told, 1.0)
        seen.update({step.cause for spec in SPECS for step in expected(spec, told, until).steps})

    tell()

    assert seen.keys() == CAUSES
    assert min(seen["normal"], seen["reset"], seen["reopened"]) > 60, seen
