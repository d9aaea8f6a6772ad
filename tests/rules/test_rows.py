"""Every row of the table of transitions in three ways: played, on the running shell, and with restarts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from monitor.model import Command, Entry, Position, Recorded
from monitor.site import Site
from rules.effects import Effects, Row, Step
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.alarms import household
from tests.alarms.household import House
from tests.alarms.test_held import to_ana_then_ben
from tests.rules.build import START, device, reading, rule
from tests.rules.test_tapes import TAPES

Settings = Mapping[str, Any]
LOW: Final[Settings] = {"id": "low", "kind": "threshold", "point": "voltage_v", "below": "207 V"}
LEVELS: Final = [{"below": "207 V", "severity": "low"}, {"below": "190 V", "severity": "critical"}]
STEPS: Final[Settings] = {"id": "low", "kind": "threshold", "point": "voltage_v", "levels": LEVELS}
LATCHED: Final[Settings] = {**LOW, "latched": True}
ABOVE: Final[Settings] = {"id": "dark", "kind": "state", "point": "fault", "is": True, "ack": "not_required"}
BELOW: Final[Settings] = {**LOW, "depends_on": ["dark"]}
DEVICES: Final = {"meter": device(points=["voltage_v", "fault"])}
KEY: Final = "low/meter/voltage_v"


@dataclass(frozen=True)
class Line:
    """A row of the table: rules, what happens (seconds, what), the steps and messages that come of it, and how it
    stands then. What happens: a number is the voltage, True and False the fault, None no answer, a text what a
    person asks for (with a number: for so many seconds), a list other rules.
    """  # fmt: skip

    says: str
    rules: Sequence[Settings]
    happens: Sequence[tuple[int, Any]]
    steps: Sequence[str]
    told: Sequence[str]
    stands: tuple[str, str]
    tape: str
    of: str = "low"
    unknown: bool = False


DELAYED: Final[Settings] = {**LOW, "on_delay": "20 s"}
SLOW: Final[Settings] = {**LOW, "off_delay": "20 s"}
ROWS: Final[Mapping[int, Line]] = {
    1: Line("clear to pending", [DELAYED], [(0, 230), (10, 200)], [], [], ("pending", "none"),
            "threshold: raises after the delay and clears beyond the deadband"),
    2: Line("pending to clear", [DELAYED], [(0, 200), (10, 200), (15, 230)], [], [], ("clear", "none"),
            "threshold: a dip shorter than the delay is a near miss"),
    3: Line("raised", [DELAYED], [(0, 200), (10, 200), (20, 200)], ["20 raised"], ["raise"], ("active", "unacked"),
            "threshold: raises after the delay and clears beyond the deadband"),
    4: Line("active to recovering", [SLOW], [(0, 200), (10, 230)], ["0 raised", "10 recovering"], ["raise"],
            ("recovering", "unacked"), "latched_and_acknowledged: a latched alarm keeps its off-delay"),
    5: Line("recovering to active", [SLOW], [(0, 200), (10, 230), (20, 200)],
            ["0 raised", "10 recovering", "20 reopened"], ["raise"], ("active", "unacked"),
            "threshold: back beyond the limit while recovering is the same occurrence"),
    6: Line("cleared, by what is known alone", [SLOW], [(0, 200), (10, 230), (20, None), (30, 230), (40, 230)],
            ["0 raised", "10 recovering", "40 cleared"], ["raise", "clear"], ("clear", "unacked"),
            "unknown: absence of data never clears"),
    7: Line("latched: over, and it stays", [LATCHED], [(0, 200), (10, 230), (20, 230)], ["0 raised", "10 normal"],
            ["raise"], ("active", "unacked"),
            "latched_and_acknowledged: a latched alarm waits for its reset, acknowledged or not"),
    8: Line("acknowledged", [LOW], [(0, 200), (5, "acknowledge")], ["0 raised", "5 acknowledged"],
            ["raise", "acknowledged"], ("active", "acked"),
            "latched_and_acknowledged: acknowledged, then cleared, asks for nothing more"),
    9: Line("acknowledged no more", [{**STEPS, "re_alarm": "60 s"}],
            [(0, 200), (5, "acknowledge"), (10, 180), (15, "acknowledge"), (80, 180)],
            ["0 raised", "5 acknowledged", "10 severity", "15 acknowledged", "75 re_alarm"],
            ["raise", "acknowledged", "severity", "acknowledged", "raise"], ("active", "unacked"),
            "told_again: an acknowledged alarm that is still there comes again"),
    10: Line("over, and done with", [{**LOW, "auto_ack_after": "60 s"}],
             [(0, 200), (10, 230), (15, "acknowledge"), (20, 200), (30, 230), (100, 230)],
             ["0 raised", "10 cleared", "15 acknowledged", "20 raised", "30 cleared", "90 closed"],
             ["raise", "clear", "raise", "clear"], ("clear", "none"),
             "told_again: nobody came, and after a while nobody needs to"),
    11: Line("a latched alarm is reset", [LATCHED],
             [(0, 200), (5, "acknowledge"), (10, 230), (20, "acknowledge")],
             ["0 raised", "5 acknowledged", "10 normal", "20 reset"], ["raise", "acknowledged", "clear"],
             ("clear", "none"),
             "latched_and_acknowledged: a latched alarm that was acknowledged before is reset by the next word"),
    12: Line("shelved, and its end is near", [LOW], [(0, 200), (5, ("shelve", 1000)), (910, None)],
             ["0 raised", "5 shelved", "905 shelf_expiring"], ["raise", "shelf_expiring"], ("active", "unacked"),
             "held_back: a shelved alarm is not told, its end is told to nobody who was not", unknown=True),
    13: Line("off the shelf", [LOW], [(0, ("shelve", 100)), (10, 200), (100, 200)],
             ["0 shelved", "10 closed", "10 raised", "90 shelf_expiring", "100 unshelved"], ["raise"],
             ("active", "unacked"),
             "held_back: what is still there when its shelf ends is told then, and who was told hears of it"
             " before"),
    14: Line("suppressed", [ABOVE, BELOW], [(0, 200), (10, True), (20, 200)], ["0 raised", "10 suppressed"],
             ["raise"], ("active", "unacked"),
             "below: a child that was told right before is suppressed without another word, and its end is told"),
    15: Line("suppressed no more", [ABOVE, BELOW], [(0, True), (10, 200), (20, False), (30, 200), (40, 200)],
             ["10 raised", "40 unsuppressed"], ["raise"], ("active", "unacked"),
             "below: an alarm below one that is there is not told; it is when that is over and it has had time to"
             " recover"),
    16: Line("out of service, and back", [LOW],
             [(0, ("out_of_service", 1)), (10, 200), (20, "return_to_service")],
             ["0 out_of_service", "10 closed", "10 raised", "20 returned"], ["raise"], ("active", "unacked"),
             "held_back: out of service until it is returned"),
    17: Line("more severe, and less", [{**STEPS, "off_delay": "20 s"}],
             [(0, 200), (5, "acknowledge"), (10, 180), (20, 200), (30, 200), (40, 200)],
             ["0 raised", "5 acknowledged", "10 severity", "40 severity"],
             ["raise", "acknowledged", "severity"], ("active", "unacked"),
             "threshold: levels rise at once, fall after the off-delay, and undo the acknowledgement"),
    18: Line("nothing is known any more", [LOW], [(0, 200), (10, None), (700, None)], ["0 raised"], ["raise"],
             ("active", "unacked"), "unknown: an active alarm goes stale and stays", unknown=True),
    19: Line("its rule is edited, and then another", [LOW],
             [(0, 200), (10, [{**LOW, "below": "195 V"}]), (20, 200), (30, 180), (40, [{**STEPS, "kind": "range",
              "levels": None, "low": "1 V", "high": "9 V"}])],
             ["0 raised", "20 cleared", "30 closed", "30 raised", "40 cleared"],
             ["raise", "clear", "raise", "clear"], ("clear", "none"),
             "edited: an edited rule keeps its alarm and judges the next value by the new limit"),
    20: Line("its rule is deleted", [LOW, ABOVE], [(0, 200), (10, [ABOVE])], ["0 raised", "10 cleared"],
             ["raise", "clear"], ("clear", "none"),
             "edited: a deleted rule closes its alarm, and another goes on"),
    21: Line("it chatters, and is calm", [{**LOW, "ack": "not_required"}],
             [(0, 200), (5, 230), (10, 200), (15, 230), (20, 200), (25, 230), (30, 200), (1830, 200)],
             ["0 raised", "5 cleared", "10 raised", "15 cleared", "20 raised", "20 chattering", "25 cleared",
              "30 raised", "1830 quiet"],
             ["raise", "clear", "raise", "clear", "chatter", "raise"], ("active", "unacked"),
             "too_many: one that stays after its chatter is told as raised, and its end too"),
}  # fmt: skip
"""By the numbers of the design's table."""

_NEWS: Final = frozenset({"raise", "severity", "chatter"})
_EACH: Final = pytest.mark.parametrize(
    "line", [pytest.param(line, id=f"{number}: {line.says}") for number, line in ROWS.items()]
)


def entry(at: int, what: Any) -> Entry:
    """What happens, as an entry of the journal."""
    if isinstance(what, bool):
        return reading(at, what, point="fault")
    if what is None or isinstance(what, int):
        return reading(at, None if what is None else float(what))
    kind, seconds = (what, 0) if isinstance(what, str) else what
    more = {"for_s": float(seconds), "review_at": float(START + at + 86_400_000)} if seconds else {}
    return Command(
        id=f"{kind}-{at}", time=START + at, by="ana", kind=kind, target=KEY, arguments=more, reason="work"
    )


def test_every_row_of_the_table_has_its_line_and_every_line_its_tape() -> None:
    names = {str(parameter.id) for parameter in TAPES}

    assert set(ROWS) == set(range(1, 22))
    assert {number: line.tape for number, line in ROWS.items() if line.tape not in names} == {}


# Played --------------------------------------------------------------------------------------------------


class Played:
    """The engine alone, in virtual time."""

    def __init__(self, rules: Sequence[Settings]) -> None:
        self.rows: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.steps: list[Step] = []
        self.load(rules, 0)

    def load(self, rules: Sequence[Settings], at: int) -> None:
        """Begin anew with what was kept, as a reload does."""
        made = [rule({key: value for key, value in one.items() if value is not None}, DEVICES) for one in rules]
        self.engine = Engine(made, Surroundings(devices=DEVICES))
        kept = [Row(area=area, key=key, body=body) for (area, key), body in self.rows.items()]
        if kept:
            self.take(self.engine.load(kept, START + at))
            self.take(self.engine.resume(START + at))

    def take(self, effects: Effects) -> None:
        self.steps += effects.steps
        for row in self.engine.dump_changed():
            self.rows.pop((row.area, row.key), None)
            if row.body is not None:
                self.rows[row.area, row.key] = row.body


@_EACH
def test_played(line: Line) -> None:
    played = Played(line.rules)
    for second, what in line.happens:
        at = second * 1000
        played.take(played.engine.tick(START + at))
        if isinstance(what, list):
            played.load(what, at)
        else:
            played.take(played.engine.judge([Recorded(Position(1), START + at, entry(at, what))]))
    played.take(played.engine.tick(START + at))

    mine = [step for step in played.steps if step.rule.id == line.of]
    assert [_step(step.transition.time, step.transition.cause) for step in mine] == list(line.steps)
    assert _heard(mine) == list(line.told)
    _stands(line, played.rows.get(("alarm", KEY)))


def _step(time: int, cause: str) -> str:
    return f"{round((time - START) / 1000)} {cause}"


def _heard(steps: Sequence[Step]) -> list[str]:
    """What somebody hears: only who was told of an occurrence hears what becomes of it."""
    news, heard = set[str](), []
    for step in steps:
        if step.notice in _NEWS:
            news.add(step.transition.occurrence)
        if step.notice is not None and step.transition.occurrence in news:
            heard.append(str(step.notice))
    return heard


def _stands(line: Line, body: Mapping[str, Any] | None) -> None:
    if body is None:
        assert line.stands == ("clear", "none")
        return
    assert (body["condition"], body["response"]) == line.stands
    assert (body["unknown_since"] is not None) is line.unknown


# On the shell ---------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _same_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(household, "DEVICES", DEVICES)
    monkeypatch.setattr(household, "to_ana", to_ana_then_ben)


def _site(rules: Sequence[Settings]) -> Site:
    return household.site(*({key: value for key, value in one.items() if value is not None} for one in rules))


@_EACH
async def test_live(house: House, line: Line) -> None:
    await _live(house, line, restarts=False)


@_EACH
async def test_with_a_restart_before_everything_that_happens(house: House, line: Line) -> None:
    await _live(house, line, restarts=True)


async def _live(house: House, line: Line, *, restarts: bool) -> None:
    rules, waiting = line.rules, list(line.happens)
    while waiting:
        async with house.running(_site(rules)):
            for second, what in list(waiting):
                del waiting[0]
                if isinstance(what, list):
                    rules = what
                    break
                await house.say(entry(second * 1000, what), at=second * 1000)
                if waiting:
                    await house.pass_time(waiting[0][0] * 1000)
                    if restarts:  # a kill: what was not kept is judged again
                        break
    async with house.running(_site(rules)):
        await house.pass_time(line.happens[-1][0] * 1000 + 1)

    steps = await house.state.query(
        "SELECT time, cause FROM alarm_event JOIN alarm USING (occurrence) WHERE rule = ? ORDER BY time",
        (line.of,),
    )
    kinds = await house.state.query(
        "SELECT kind FROM outbox JOIN alarm USING (occurrence) WHERE rule = ? AND person = 'ana'"
        " ORDER BY outbox.id",
        (line.of,),
    )
    assert [_step(row["time"], row["cause"]) for row in steps] == list(line.steps)
    assert [row["kind"] for row in kinds] == list(line.told)
