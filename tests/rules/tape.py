"""Runs a tape: entries of devices in virtual time through the pure engine, and what is expected of it.

A tape is a mapping: `rules`, `devices` (id -> {every, expected_every, class, points …}; those of `given` are
made by themselves), `given` (series `device/point: tokens @step`, or `device/MEASUREMENT.point` for what the
monitor derives), `events`, `derived`, `commands`, `restart_at`, `clock_jump`, `expect` and
`expect_notifications`; `start`: when it begins (RFC 3339), in the time zone `zone`. Tokens: a number, true,
false or a word, `_` (a failed poll), `gap` (nothing is sent), `bad:V`, `estimated:V`, `manual:V`, `late:V`,
`again:V` and `older:V` (the time of one or two samples before), each with `xN` behind it for N times. All times
are from the start of the tape, in true time.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from monitor.fields import Duration
from monitor.model import Command, Derived, Event, Missing, Position, Quality, Reading, Recorded
from rules.effects import Effects, Row, Step
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.rules.build import START, device, rule

_SECONDS = TypeAdapter[float](Duration)
_AGES = {"again": 1, "older": 2}
_QUALITIES = {"bad": Quality.SUSPECT, "estimated": Quality.ESTIMATED, "manual": Quality.MANUAL}


def ms(text: Any) -> int:
    return round(_SECONDS.validate_python(str(text)) * 1000)


@dataclass
class Tape:
    """One case, ready to run."""

    script: Mapping[str, Any]
    steps: list[tuple[int, Step]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    rows: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start = _start(self.script)
        self.devices = _devices(self.script)
        self.engine = self._engine()

    def _engine(self) -> Engine:
        around = Surroundings(devices=self.devices, zone=ZoneInfo(self.script.get("zone", "UTC")))
        return Engine([rule(one, self.devices) for one in self.script["rules"]], around)

    # The run ------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Play everything in order and compare."""
        agenda: list[tuple[int, int, int, Any]] = []
        for order, (at, what) in enumerate(self._happenings()):
            heapq.heappush(agenda, (at, what[0], order, what))
        jump = down_until = 0
        position = 0
        while agenda:
            at, _, _, (_, what, detail) = heapq.heappop(agenda)
            wall = self.start + at + jump
            if what == "entry":
                if at < down_until:
                    continue
                position += 1
                self._take(at, self.engine.judge([Recorded(Position(position), wall, detail(wall))]))
            elif what == "jump":
                before, jump = wall, jump + detail
                stamp = max(before, wall + detail)
                stepped = _clock_stepped(before, wall + detail)
                self._take(at, self.engine.judge([Recorded(Position(position), stamp, stepped)]))
            elif what == "restart":
                down_until = at + detail
                self._restart(at, wall, wall + detail)
            elif what == "expect":
                self._take(at, self.engine.tick(wall))
                self._compare(at, detail)
        wanted = self.script.get("expect_notifications")
        if wanted is not None:
            self._compare_notifications(wanted)

    def _happenings(self) -> Iterator[tuple[int, tuple[int, str, Any]]]:
        for line in self.script.get("given", ()):
            for at, make in series(line):
                yield at, (1, "entry", make)
        for one in self.script.get("events", ()):
            yield ms(one["at"]), (1, "entry", _event_maker(one))
        for one in self.script.get("derived", ()):
            yield ms(one["at"]), (1, "entry", _derived_maker(one))
        for number, one in enumerate(self.script.get("commands", ())):
            yield ms(one["at"]), (1, "entry", _command_maker(one, number))
        for one in self.script.get("clock_jump", ()):
            sign = -1 if str(one["by"]).startswith("-") else 1
            yield ms(one["at"]), (0, "jump", sign * ms(str(one["by"]).lstrip("+-")))
        for one in self.script.get("restart_at", ()):
            yield ms(one["at"]), (2, "restart", ms(one.get("down", "0 s")))
        for one in self.script.get("expect", ()):
            yield ms(one["at"]), (3, "expect", one)

    def _take(self, at: int, effects: Effects) -> None:
        self.steps += [(at, step) for step in effects.steps]
        self.failures += effects.failures
        self.refused += effects.refused
        for row in self.engine.dump_changed():
            self.rows[row.area, row.key] = row.body

    def _restart(self, at: int, stopped: int, started: int) -> None:
        self._take(at, self.engine.tick(stopped))
        self.engine = self._engine()
        kept = [Row(area=area, key=key, body=body) for (area, key), body in self.rows.items()]
        self._take(at, self.engine.load(kept, started))
        self.engine.resume(started)

    # Comparing ----------------------------------------------------------------------------------------

    def _compare(self, at: int, wanted: Mapping[str, Any]) -> None:
        where = f"at {at / 1000:g} s"
        for key in set(wanted) - {"at", "alarm"}:
            if key == "failures":
                found: Any = len(self.failures)
            elif key == "refused":
                found = [reason for _, reason in self.refused]
            else:
                found = self._alarm(wanted["alarm"])[key]
            assert found == wanted[key], f"{where}: {key} is {found!r}, not {wanted[key]!r}"

    def _alarm(self, name: str) -> Mapping[str, Any]:
        key = next((key for area, key in self.rows if area == "alarm" and key.startswith(name)), None)
        body = self.rows.get(("alarm", key)) if key else None
        waiting = [
            body for (area, _), body in self.rows.items() if area == "event" and body and body["rule"] == name
        ]
        if body is None:
            response = "unacked" if waiting else "none"
            return {
                "state": "clear",
                "response": response,
                "waiting": len(waiting),
                "occurrences": self._count(name),
            }
        return {
            "state": str(body["condition"]),
            "response": str(body["response"]),
            "severity": body["severity"],
            "value": body["value"],
            "limit": body["limit"],
            "unknown": body["unknown_since"] is not None,
            "normal": body["normal_since"] is not None,
            "near_misses": body["near_misses"],
            "facts": body["facts"],
            "raised_at": f"{(body['raised_at'] - self.start) / 1000:.10g} s",
            "occurrences": self._count(name),
        }

    def _count(self, name: str) -> int:
        return len({step.transition.occurrence for _, step in self.steps if step.rule.id == name})

    def _compare_notifications(self, wanted: list[str]) -> None:
        found = []
        for _, step in self.steps:
            if step.notice is not None:
                late = " late" if step.transition.late else ""
                at = (step.transition.time - self.start) / 1000
                found.append(f"{at:g} s: {step.notice} {step.rule.id}{late}")
        assert found == wanted


def series(line: str) -> Iterator[tuple[int, Any]]:
    """Yield (ms, what makes the reading of a wall time) of a line such as `meter/voltage_v: 230x3 _ 205 @10s`."""
    name, _, rest = line.partition(": ")
    source, _, point = name.partition("/")
    measurement, dot, field = point.partition(".")
    tokens, _, step = rest.rpartition("@")
    at = 0
    for token in tokens.split():
        word, times = _repeated(token)
        for _ in range(times):
            if word != "gap":
                if dot:
                    yield at, _series_maker(source, measurement, field, word)
                else:
                    yield at, _reading_maker(source, point, word, ms(step))
            at += ms(step)


def _repeated(token: str) -> tuple[str, int]:
    word, cross, times = token.rpartition("x")
    return (word, int(times)) if cross and times.isdigit() else (token, 1)


def _reading_maker(source: str, point: str, word: str, step: int) -> Any:
    flavour, colon, text = word.rpartition(":")
    text = text if colon else word

    def make(wall: int) -> Reading:
        time = wall - 600_000 if flavour == "late" else wall - _AGES.get(flavour, 0) * step
        failed = text == "_"
        return Reading(
            device=source,
            time=time,
            arrived=wall,
            values={} if failed else {point: _value(text)},
            missing={point: Missing.TIMEOUT} if failed else {},
            quality=_QUALITIES.get(flavour, Quality.GOOD),
            late=flavour == "late",
        )

    return make


def _series_maker(source: str, measurement: str, field: str, word: str) -> Any:
    flavour, _, text = word.rpartition(":")

    def make(wall: int) -> Derived:
        return Derived(
            producer="tape",
            key=field,
            device=source,
            time=wall - (600_000 if flavour == "late" else 0),
            measurement=measurement,
            values={field: _value(text)},
            quality=_QUALITIES.get(flavour, Quality.GOOD),
        )

    return make


def _start(script: Mapping[str, Any]) -> int:
    said = script.get("start")
    return START if said is None else round(datetime.fromisoformat(said).timestamp() * 1000)


def _value(text: str) -> Any:
    if text in {"true", "false"}:
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


def _event_maker(one: Mapping[str, Any]) -> Any:
    def make(wall: int) -> Event:
        time = wall - ms(one.get("ago", "0 s"))
        return Event(
            device=one.get("device", "door"),
            kind=one["kind"],
            time=time,
            arrived=wall,
            id=f"{one['kind']}-{time}",
            attributes=one.get("attributes", {}),
        )

    return make


def _derived_maker(one: Mapping[str, Any]) -> Any:
    def make(wall: int) -> Derived:
        return Derived(
            producer="tape",
            key="",
            device=one["device"],
            time=wall - ms(one.get("ago", "0 s")),
            measurement=one["measurement"],
            values=one["values"],
            quality=Quality[one.get("quality", "good").upper()],
            attributes=one.get("attributes", {}),
        )

    return make


def _command_maker(one: Mapping[str, Any], number: int) -> Any:
    def make(wall: int) -> Command:
        return Command(
            id=str(number), time=wall, by=one.get("by", "ana"), kind="acknowledge", target=one["acknowledge"]
        )

    return make


def _clock_stepped(before: int, after: int) -> Event:
    return Event(
        device="facility-monitor",
        kind="clock_stepped",
        time=after,
        arrived=after,
        id=f"clock-stepped-{before}-{after}",
        attributes={"seconds": (after - before) / 1000, "from": before, "to": after},
    )


def _devices(script: Mapping[str, Any]) -> dict[str, Any]:
    points: dict[str, list[str]] = {name: [] for name in script.get("devices", {})}
    for line in script.get("given", ()):
        source, _, point = line.partition(": ")[0].partition("/")
        if "." not in point:
            points.setdefault(source, []).append(point)
    for one in script.get("events", ()):
        points.setdefault(one.get("device", "door"), [])
    made = {}
    for name, names in points.items():
        said = dict(script.get("devices", {}).get(name, {}))
        every = said.pop("every", "10 s")
        expected = said.pop("expected_every", None)
        made[name] = device(
            name,
            every=None if every is None else ms(every) / 1000,
            expected_every=None if expected is None else ms(expected) / 1000,
            points=[*names, *said.pop("points", ())],
            device_class=said.pop("class", "electricity"),
            **said,
        )
    return made
