"""What a site file may say about Modbus, and what it is told when it says something else."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from drivers import DRIVERS
from drivers.modbus import MODBUS
from drivers.modbus.connection import ConnectionModel
from drivers.modbus.events import ModbusEvent
from drivers.modbus.settings import DeviceModel, PointSource, ProfileModel

TCP = {"transport": "tcp", "host": "10.0.0.5"}


def test_the_table_of_drivers_names_this_one():
    assert DRIVERS["modbus"] == "drivers.modbus:MODBUS"
    assert (MODBUS.name, MODBUS.polled, MODBUS.event_model) == ("modbus", True, ModbusEvent)


def test_naming_the_driver_does_not_load_its_library():
    program = "import sys, drivers.modbus; sys.exit('pymodbus' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_connection_needs_a_transport_and_a_host_and_has_defaults():
    options = ConnectionModel.model_validate(TCP)

    assert (options.number, options.timeout, options.retries, options.connections) == (502, 1.0, 1, 1)


@pytest.mark.parametrize(
    "written",
    [
        {"transport": "rtu", "host": "10.0.0.5"},
        {"host": "10.0.0.5"},
        {"transport": "tcp"},
        {"transport": "tcp", "host": ""},
        TCP | {"port": 0},
        TCP | {"timeout": 1},
        TCP | {"timeout": "0 s"},
        TCP | {"retries": -1},
        TCP | {"connections": 0},
        TCP | {"baudrate": 9600},
    ],
)
def test_a_connection_that_would_not_work_is_refused(written):
    with pytest.raises(ValidationError):
        ConnectionModel.model_validate(written)


@pytest.mark.parametrize(
    ("written", "line", "silence"),
    [
        ({}, "9600 baud, 8N1", 3.5 * 10 / 9600),
        ({"transport": "ascii"}, "9600 baud, 7E1", 3.5 * 10 / 9600),
        ({"baudrate": 1200, "parity": "even", "stopbits": 2}, "1200 baud, 8E2", 3.5 * 12 / 1200),
        ({"baudrate": 19200, "parity": "odd"}, "19200 baud, 8O1", 3.5 * 11 / 19200),
        ({"baudrate": 38400}, "38400 baud, 8N1", 0.00175),
        ({"baudrate": 115200, "silence": "10 ms"}, "115200 baud, 8N1", 0.01),
    ],
)
def test_a_line_has_defaults_and_rests_three_and_a_half_characters(written, line, silence):
    options = ConnectionModel.model_validate({"transport": "rtu", "port": "/dev/ttyUSB0"} | written)

    assert str(options.line) == line
    assert options.line.silence == pytest.approx(silence)


@pytest.mark.parametrize(
    "written",
    [
        {"transport": "rtu", "port": "/dev/ttyUSB0"},
        {"transport": "rtu-over-tcp", "host": "10.0.0.5", "port": 4196},
    ],
)
def test_one_line_is_one_connection(written):
    with pytest.raises(ValidationError, match="a serial line is one connection"):
        ConnectionModel.model_validate(written | {"connections": 2})


@pytest.mark.parametrize("unit", [-1, 256, "a"])
def test_a_unit_is_a_byte(unit):
    with pytest.raises(ValidationError):
        DeviceModel.model_validate({"unit": unit})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("holding 100", ("holding", 100)),
        ("input 0x34", ("input", 52)),
        (" coil  7 ", ("coil", 7)),
        ("discrete 65535", ("discrete", 65535)),
    ],
)
def test_a_register_is_a_table_and_an_address(written, expected):
    point = PointSource.model_validate({"register": written, "type": "bool"})

    assert point.where == expected


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"register": "40001", "type": "int16"}, "write a table"),
        ({"register": "holding -1", "type": "int16"}, "write a table"),
        ({"register": 100, "type": "int16"}, "write a table"),
        ({"register": "holding 65536", "type": "int16"}, "at most 65535"),
        ({"register": "holding 65535", "type": "int32"}, "beyond address 65535"),
        ({"register": "holding 0"}, "`type` is missing"),
        ({"register": "holding 0", "type": "int17"}, "the types are"),
        ({"register": "holding 0", "type": "string"}, "the types are"),
        ({"register": "holding 0", "type": "string:241"}, "at most 240 bytes"),
        ({"register": "coil 0", "type": "uint16"}, "is one bit"),
        ({"register": "coil 0", "bit": 3}, "is one bit"),
        ({"register": "holding 0", "type": "uint16", "bit": 3}, "its `type` is bool"),
        ({"register": "holding 0", "bit": 16}, "less than or equal to 15"),
        ({"register": "holding 0", "type": "uint16", "sentinels": [65536]}, "no wider than its `type`"),
        ({"register": "holding 0", "type": "int16", "sentinels": [-1]}, "greater than or equal to 0"),
        ({"register": "holding 0", "type": "string:4", "sentinels": [0]}, "`sentinels`"),
        ({"register": "holding 0", "type": "uint16", "sentinels": [[2, 1]]}, "first not above last"),
        ({"register": "holding 0", "type": "uint16", "sentinels": [[0, 65536]]}, "no wider than its `type`"),
        ({"register": "holding 0", "type": "uint16", "scale_register": "coil 1"}, "`scale_register`"),
        (
            {"register": "holding 0", "type": "uint16", "scale_register": "holding 1", "map": {0: 1}},
            "is not scaled",
        ),
        ({"register": "holding 0", "type": "uint16", "map": {"on": True}}, "whole numbers"),
        ({"register": "holding 0", "type": "uint16", "order": "ACBD"}, "ABCD"),
        ({"register": "holding 0", "type": "uint16", "adress": 1}, "not permitted"),
    ],
)
def test_a_point_that_contradicts_itself_is_told_what_is_allowed(written, told):
    with pytest.raises(ValidationError, match=told):
        PointSource.model_validate(written)


def test_the_keys_of_a_map_may_be_numbers_texts_or_truth_values():
    for keys in ({0: "off", 1: "on"}, {"0": "off", "0x1": "on"}, {False: "off", True: "on"}):
        point = PointSource.model_validate({"register": "holding 0", "type": "uint16", "map": keys})

        assert point.mapping() == {0: "off", 1: "on"}


def test_the_map_of_a_text_has_texts_for_keys():
    point = PointSource.model_validate({"register": "holding 0", "type": "string:2", "map": {"07": True}})

    assert point.mapping() == {"07": True}


def test_a_list_of_forbidden_ranges_is_for_all_tables_and_a_mapping_names_them():
    everywhere = ProfileModel.model_validate({"forbidden": [[5, 9]]})
    named = ProfileModel.model_validate({"forbidden": {"holding": [[5, 9], [20, 20]]}})

    assert set(everywhere.forbidden) == {"coil", "discrete", "input", "holding"}
    assert named.forbidden == {"holding": ((5, 9), (20, 20))}


@pytest.mark.parametrize(
    "written",
    [
        {"forbidden": [[9, 5]]},
        {"forbidden": [[0, 65536]]},
        {"max_registers": 126},
        {"max_registers": 0},
        {"max_bits": 2001},
        {"scan": {"fast": "0 s"}},
        {"scan": {"medium": "5 s"}},
        {"serial": {"parity": "mark"}},
    ],
)
def test_a_profile_that_no_device_could_keep_is_refused(written):
    with pytest.raises(ValidationError):
        ProfileModel.model_validate(written)


def test_a_profile_keeps_the_facts_about_its_serial_line():
    profile = ProfileModel.model_validate(
        {
            "order": "ABCD",
            "serial": {"baudrate": 9600, "parity": "none"},
            "scan": {"fast": "10 s", "slow": "5 min"},
        }
    )

    assert profile.serial is not None
    assert (profile.serial.baudrate, profile.serial.parity, profile.serial.stopbits) == (9600, "none", None)
    assert (profile.scan.fast, profile.scan.slow) == (10.0, 300.0)
