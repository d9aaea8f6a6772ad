"""What a technician is told: one cause, where to look, and nothing while all is well."""

import pytest

from drivers.modbus.advice import Case, advice
from drivers.modbus.connection import ConnectionModel
from drivers.modbus.traffic import ANSWER, Seen

TCP = {"transport": "tcp", "host": "10.0.0.5"}
LINE = {"transport": "rtu", "port": "/dev/ttyUSB0", "parity": "even"}


def told(written, *outcomes, neighbours=False, **seen):
    made = Seen()
    for kind in outcomes:
        made.requests += 1
        if kind == ANSWER:
            made.answered(0.05)
        elif kind in ("refused", "busy", "gateway"):
            made.answered(0.05)
            made.excepted(kind, {"refused": 2, "busy": 6, "gateway": 11}[kind])
        else:
            made.failed(kind)
    for name, value in seen.items():
        setattr(made, name, value)
    return advice(Case(ConnectionModel.model_validate(written), 7, made, neighbours))


@pytest.mark.parametrize("written", [TCP, LINE])
def test_nothing_is_said_while_all_is_well(written):
    assert told(written) == ""
    assert told(written, ANSWER, ANSWER) == ""


@pytest.mark.parametrize(
    ("written", "outcomes", "seen", "expected"),
    [
        (LINE, ["timeout"], {}, "Not a byte was heard: check power, A and B (swapped?), the unit id, baud rate"),
        (LINE, ["timeout"], {"neighbours": True}, "Not a byte came from unit 7, and others on the line answer"),
        (LINE, ["garbled", "checksum"], {}, "baud rate or parity differ from the device's (here 9600 baud, 8E1)"),
        (LINE, [ANSWER, "checksum", ANSWER], {}, "check termination (120 ohm at both ends), shield and ground"),
        (
            LINE,
            [ANSWER, "foreign"],
            {"units": {3}},
            "Unit 3 answers what unit 7 is asked: two devices may have the",
        ),
        (TCP, [ANSWER, "foreign"], {"units": {3}}, "the gateway may answer for others"),
        (LINE, [ANSWER, "foreign"], {"master": True}, "a line has one master"),
        (TCP, ["gateway"], {}, "cannot reach unit 7 (exception 11): check the wiring behind it"),
        (TCP, ["no_connection"], {"trouble": "(Connection refused)"}, "nobody listens at 10.0.0.5:502"),
        (TCP, ["no_connection"], {"trouble": "within 1 s"}, "check power and network cable"),
        (TCP, ["no_connection"], {"trouble": "(Name or service not known)"}, "The `host` is not known"),
        (LINE, ["no_connection"], {"trouble": "(no port)"}, "The port cannot be opened (no port)."),
        (TCP, ["closed"], {}, "it may allow fewer connections than are open"),
        (LINE, ["closed"], {}, "check the USB plug"),
        (TCP, ["refused"], {}, "refuses whatever it is asked (exception 2): wrong address or table"),
        (TCP, [ANSWER, "refused"], {}, "refuses some of what it is asked (exception 2)"),
        (TCP, ["busy"], {}, "ask it less often"),
        (TCP, ["timeout"], {}, "unit 7 has never answered: check `unit`"),
        (TCP, ["garbled"], {}, "check what is spoken there (Modbus TCP, or RTU over TCP?)"),
        (
            TCP,
            [ANSWER, "timeout"],
            {"latency": 0.6},
            "The device is slow (an answer takes 600 ms): raise `timeout`",
        ),
        (TCP, [ANSWER, "timeout"], {}, "Some requests stay without an answer"),
        (
            LINE,
            ["timeout"],
            {"answers": 9},
            "It has answered before and is silent: check the device's power, and its",
        ),
    ],
)
def test_each_kind_of_trouble_has_its_advice(written, outcomes, seen, expected):
    assert expected in told(written, *outcomes, **seen)


def test_an_echo_that_is_not_set_is_told_also_while_all_is_well():
    assert "set `echo: true`" in told(LINE, ANSWER, echo=True)
    assert told(LINE | {"echo": True}, ANSWER, echo=True) == ""


def test_the_latest_requests_count_and_not_those_of_last_year():
    assert told(LINE, "checksum", *[ANSWER] * 50) == ""


def test_traffic_counts_requests_answers_errors_and_the_mean_time():
    seen = Seen()
    before = seen.traffic()
    for took in (0.1, 0.2):
        seen.requests += 1
        seen.answered(took)
    seen.excepted("gateway", 10)
    after = seen.traffic()

    assert (before.requests, before.answers, before.latency_ms) == (0, 0, None)
    assert (after.requests, after.answers, after.errors) == (2, 1, {"gateway": 1})
    assert after.latency_ms == pytest.approx(110)
