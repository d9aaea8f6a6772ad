"""What the machine makes of late verdicts, and of memories of older versions."""

import pytest

from monitor.notices import NoticeKind
from rules.effects import Effects
from rules.machine import Machine
from rules.timeline import Timeline
from tests.rules.build import START, device, rule

DEVICES = {"meter": device()}


def machine(severity: str, effects: Effects) -> Machine:
    made = rule(
        {"id": "low", "kind": "threshold", "point": "voltage_v", "below": "207 V", "severity": severity}, DEVICES
    )
    time = Timeline()
    time.now = START
    return Machine(made, made.sources[0], (severity,), time, effects)


@pytest.mark.parametrize(
    ("severity", "told"),
    [("low", None), ("medium", None), ("high", NoticeKind.RAISE), ("critical", NoticeKind.RAISE)],
)
def test_what_late_data_shows_to_be_over_is_told_only_when_it_was_severe(
    severity: str, told: NoticeKind | None
) -> None:
    effects = Effects()
    late = machine(severity, effects)
    late.late = late.is_past = True
    late.true(1, 200.0, 207.0, START)

    assert [(step.transition.cause, step.notice) for step in effects.steps] == [("raised", told)]
    assert effects.steps[0].transition.late


def test_what_late_data_made_true_and_goes_on_is_told() -> None:
    effects = Effects()
    late = machine("low", effects)
    late.late = True
    late.true(1, 200.0, 207.0, START)

    assert [step.notice for step in effects.steps] == [NoticeKind.RAISE]


def test_a_memory_from_before_anything_could_be_held_back_is_taken() -> None:
    effects = Effects()
    young = machine("medium", effects)
    young.true(1, 200.0, 207.0, START)
    kept = dict(young.dump() or {})
    for name in ("hold", "chatter", "over_at", "acked_at", "spoken", "known_until", "off_since"):
        del kept[name]
    old = machine("medium", effects)
    old.load(kept)

    assert old.acknowledge("ana", "", START + 1000) == ""
    assert (old.is_on, old.hold.names(), old.occurrence) == (True, (), young.occurrence)
