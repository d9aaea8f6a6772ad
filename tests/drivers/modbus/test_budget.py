"""What a bus's time goes to, reckoned by hand for small plans, and what would help where it does not suffice."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.modbus import MODBUS
from drivers.modbus.connection import ConnectionModel
from drivers.modbus.cost import cost_of
from drivers.modbus.remedies import TIGHT
from drivers.modbus.settings import ProfileModel
from monitor.ports import Budget
from monitor.site import Connection, Device
from tests.drivers.modbus.site import device, point

LINE = {"transport": "rtu", "port": "/dev/line", "baudrate": 9600}
TCP = {"transport": "tcp", "host": "meter"}


def bus(**options) -> Connection:
    return Connection(id="bus", driver="modbus", options=ConnectionModel.model_validate(options))


def meters(count: int, *, every: float = 10.0, registers: int = 10, slow: float | None = None, **address):
    """Meters of one model with one block of registers, and one slow register if need be."""
    points = [point(f"power_{n}_w", register=f"input {n}", type="int16") for n in range(registers)]
    if slow is not None:
        points.append(point("energy_import_kwh", register="input 500", type="int16", scan="slow"))
    one = replace(device(*points), scan={"fast": every} | ({"slow": slow} if slow is not None else {}))
    return [
        replace(one, id=f"meter-{n}", address=MODBUS.device_model(unit=n, **address)) for n in range(1, count + 1)
    ]


def reckoned(connection: Connection, devices: list[Device]) -> Budget:
    budget = MODBUS.budget(connection, devices)
    assert budget is not None
    return budget


# Cost --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "profile", "request_ms", "register_ms"),
    [
        # 13 characters of 10 bits at 9600 baud, 25 ms, 3.5 characters, and 2 ms for the adapter
        (LINE, {}, 2 + 13 * 10 / 9.6 + 25 + 35 / 9.6, 20 / 9.6),
        # 11 bits with parity
        (LINE | {"parity": "even"}, {}, 2 + 13 * 11 / 9.6 + 25 + 38.5 / 9.6, 22 / 9.6),
        (LINE | {"baudrate": 115200}, {}, 2 + 130 / 115.2 + 25 + 1.75, 20 / 115.2),
        (LINE | {"silence": "10 ms"}, {"turnaround": "40 ms"}, 2 + 130 / 9.6 + 40 + 10, 20 / 9.6),
        (LINE | {"pause_between_requests": "30 ms"}, {}, 2 + 130 / 9.6 + 25 + 30, 20 / 9.6),
        (LINE | {"rs485": {"delay_before_send": "1 ms"}}, {}, 2 + 130 / 9.6 + 25 + 35 / 9.6 + 1, 20 / 9.6),
        # two characters for a byte, and `:`, CR and LF; 7E1 is ten bits
        (LINE | {"transport": "ascii"}, {}, 2 + 280 / 9.6 + 25 + 35 / 9.6, 40 / 9.6),
        (
            {"transport": "rtu-over-tcp", "host": "converter", "port": 4196},
            {},
            130 / 9.6 + 25 + 35 / 9.6 + 5,
            20 / 9.6,
        ),
        (TCP, {}, 5, 0.1),
        (TCP | {"transport": "udp", "pause_between_requests": "20 ms"}, {"turnaround": "30 ms"}, 51, 0.1),
    ],
)
def test_a_request_costs_what_its_frames_take(options, profile, request_ms, register_ms):
    cost = cost_of(ConnectionModel.model_validate(options), ProfileModel.model_validate(profile))

    assert (cost.request, cost.register) == (pytest.approx(request_ms), pytest.approx(register_ms))


# Sums --------------------------------------------------------------------------------------------------------


def test_polls_rounds_and_the_share_of_the_time_are_sums():
    budget = reckoned(bus(**LINE), meters(4, every=5, registers=10, slow=60))

    fast, slow = 44.1875 + 10 * 20 / 9.6, 44.1875 + 20 / 9.6
    assert budget.polls["meter-3"] == {"fast": pytest.approx(fast / 1000), "slow": pytest.approx(slow / 1000)}
    assert budget.cycle == pytest.approx(4 * (fast + slow) / 1000)
    assert budget.busy == pytest.approx(4 * (fast / 5 + slow / 60) / 1000)
    assert budget.late == pytest.approx(budget.cycle - slow / 1000)


def test_dead_devices_cost_their_retries_first_and_a_tenth_of_the_time_afterwards():
    budget = reckoned(bus(**LINE | {"timeout": "500 ms", "retries": 2}), meters(30, registers=10))

    alive = 27 / 30 * budget.busy
    characters = (13 + 20) * 10 / 9600
    assert budget.dead == 3
    assert budget.busy_dead == pytest.approx(alive + 0.1)
    one = budget.polls["meter-1"]["fast"]
    assert budget.late_dead == pytest.approx(budget.late + 3 * (3 * (0.5 + characters) - one))


def test_one_device_alone_has_nobody_to_wait_for():
    budget = reckoned(bus(**TCP), meters(1))

    assert (budget.dead, budget.late, budget.late_dead) == (0, 0, 0)
    assert budget.busy_dead == budget.busy


def test_what_is_read_once_is_no_part_of_a_round():
    once = point("serial", register="input 900", type="uint32", scan="once")
    (one,) = meters(1)

    budget = reckoned(
        bus(**TCP), [replace(one, points={**one.points, "serial": once}, scan=one.scan | {"once": None})]
    )

    assert budget.polls["meter-1"]["once"] == pytest.approx(0.0052)
    assert budget.cycle == budget.polls["meter-1"]["fast"]


def test_connections_to_one_endpoint_share_the_work_but_no_single_request():
    one = reckoned(bus(**TCP), meters(8))
    four = reckoned(bus(**TCP, connections=4), meters(8))
    many = reckoned(bus(**TCP, connections=16), meters(2))

    assert (four.busy, four.cycle) == (pytest.approx(one.busy / 4), pytest.approx(one.cycle / 4))
    assert many.cycle == many.polls["meter-1"]["fast"]


def test_idle_connections_help_a_device_with_several_requests():
    points = [point(f"power_{n}_w", register=f"input {n * 200}", type="int16") for n in range(4)]
    quick = replace(device(*points), scan={"fast": 0.015})

    ((_, refuses, text),) = hints(bus(**TCP), [quick])

    assert refuses
    assert "set `connections: 3`" in text
    assert hints(bus(**TCP, connections=3), [quick]) == []
    assert reckoned(bus(**TCP, connections=3), [quick]).cycle == pytest.approx(2 * 0.0051)


def test_a_bus_without_devices_has_no_budget():
    assert MODBUS.budget(bus(**TCP), []) is None


@settings(deadline=None)
@given(
    st.integers(2, 40),
    st.integers(1, 60),
    st.sampled_from([1.0, 10.0, 60.0]),
    st.sampled_from([1200, 9600, 38400]),
)
def test_another_device_never_makes_a_bus_idler(count, registers, every, baudrate):
    connection = bus(**LINE | {"baudrate": baudrate})
    devices = meters(count, registers=registers, every=every)

    fewer, more = reckoned(connection, devices[1:]), reckoned(connection, devices)

    assert more.busy > fewer.busy
    assert more.cycle > fewer.cycle
    assert more.late_dead >= more.late


# What would help ----------------------------------------------------------------------------------------------


def hints(connection, devices):
    return [(hint.device, hint.refuses, hint.text) for hint in reckoned(connection, devices).hints]


def busy(connection, devices):
    return reckoned(connection, devices).busy


def test_a_plan_that_does_not_fit_is_refused_with_numbers_that_work():
    devices = meters(31, every=2, registers=60)
    connection = bus(**LINE)

    ((device_id, refuses, text),) = hints(connection, devices)

    assert (device_id, refuses) == ("", True)
    assert text.startswith("the devices need 262 % of its time; any of these helps: ")
    for remedy, fewer, there in (
        ("poll every 10 s", meters(31, every=10, registers=60), connection),
        ("spread the 31 devices over 4 lines", meters(8, every=2, registers=60), connection),
        ("raise the baud rate to 115200", devices, bus(**LINE | {"baudrate": 115200})),
    ):
        assert remedy in text
        assert busy(there, fewer) <= TIGHT
    assert busy(connection, meters(31, every=5, registers=60)) > TIGHT
    assert busy(connection, meters(10, every=2, registers=60)) > TIGHT
    assert busy(bus(**LINE | {"baudrate": 57600}), devices) > TIGHT


def test_a_tight_plan_is_warned_of_and_says_how_many_devices_have_to_go():
    ((_, refuses, text),) = hints(bus(**LINE), meters(20, every=2, registers=20))

    assert not refuses
    assert text.startswith("it is tight: the devices need 86 % of its time")
    assert "move 2 of the 20 devices to another line" in text
    assert busy(bus(**LINE), meters(18, every=2, registers=20)) <= TIGHT


def test_counters_that_are_read_often_may_be_read_slowly():
    points = [point("power_w", register="input 0", type="int16")]
    points += [point(f"energy_l{n}_kwh", register=f"input {n * 200}", type="uint64") for n in (1, 2, 3)]
    one = replace(device(*points), scan={"fast": 1.0})
    devices = [replace(one, id=f"meter-{n}") for n in range(6)]

    ((_, refuses, text),) = hints(bus(**LINE), devices)

    assert refuses
    assert "read `energy_l1_kwh`, `energy_l2_kwh`, `energy_l3_kwh` with `scan: slow`" in text


def test_an_endpoint_in_the_network_may_allow_more_connections():
    (first, *_) = hints(bus(**TCP), meters(30, every=0.1))

    assert "set `connections: 3`, if the endpoint answers so many at once" in first[2]
    assert busy(bus(**TCP, connections=3), meters(30, every=0.1)) <= TIGHT
    assert busy(bus(**TCP, connections=2), meters(30, every=0.1)) > TIGHT


def test_a_device_whose_poll_is_longer_than_its_interval_is_refused_at_its_own_place():
    found = hints(bus(**LINE), [*meters(1, every=0.2, registers=80), *meters(3)[1:]])

    assert [(device_id, refuses) for device_id, refuses, _ in found] == [("meter-1", True), ("", True)]
    assert found[0][2].startswith("one poll of its fast points takes 211 ms and is to be made every 200 ms")
    assert "poll every 500 ms" in found[0][2]
    assert "raise the baud rate to 19200" in found[0][2]


def test_what_is_urgent_is_told_when_the_others_take_too_long():
    reader = meters(1, every=0.4, registers=1, min_rate="500 ms")
    slow, quick = meters(3, registers=80)[1:], meters(3, registers=4)[1:]

    ((device_id, refuses, text),) = hints(bus(**LINE), [*reader, *slow])

    assert (device_id, refuses) == ("meter-1", False)
    assert "has to be asked every 500 ms, and may wait 211 ms for its turn, 2.36 s while another" in text
    assert text.endswith("give it a line of its own, or set `every: 250 ms`")
    assert hints(bus(**LINE), [*meters(1, every=0.25, registers=1, min_rate="500 ms"), *slow]) == []
    assert hints(bus(**LINE), [*reader, *quick]) == []


def test_what_is_urgent_is_not_slowed_down_to_make_room():
    reader = meters(1, every=0.04, registers=1, min_rate="100 ms")

    ((device_id, refuses, text),) = hints(bus(**LINE), reader)

    assert refuses, device_id
    assert "poll every" not in text
    assert "raise the baud rate" in text


def test_a_time_out_that_costs_the_others_cycle_after_cycle_is_told():
    patient = bus(**TCP, timeout="5 s", retries=3)

    ((_, refuses, text),) = hints(patient, meters(3, every=1))

    assert not refuses
    assert "holds up the others for 20 s, and some are to be asked every 1 s: set `timeout: 500 ms`" in text
    assert hints(bus(**TCP, timeout="500 ms", retries=3), meters(3, every=1)) == []
    assert hints(patient, meters(1, every=1)) == []


def test_a_thousand_meters_of_one_model_are_planned_once(monkeypatch):
    from drivers.modbus import shared

    planned = []
    plan = shared.plan
    monkeypatch.setattr(shared, "plan", lambda *args: planned.append(args) or plan(*args))

    reckoned(bus(**LINE | {"baudrate": 4800}), meters(250, every=600))

    assert len(planned) == 1
