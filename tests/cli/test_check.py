"""`check`: a site file of a person, with and without mistakes."""

from pathlib import Path

import pytest

from tests.cli.running import aside, command

GOOD = """\
site: {id: maple-court, name: Maple Court, timezone: Europe/Berlin}
connections:
  - {id: plant-room, modbus: {transport: tcp, host: 127.0.0.1, port: 5020}}
devices:
  - id: cistern
    connection: plant-room
    unit: 9
    every: 5 s
    class: water
    points:
      level_m: {register: holding 100, type: float32, unit: m, valid: [0, 6]}
rules:
  - {id: overflow, kind: threshold, devices: {class: water}, point: level_m, above: 5.5 m}
"""


def write(path: Path, *changes: tuple[str, str]) -> None:
    text = GOOD
    for old, new in changes:
        text = text.replace(old, new)
    path.write_text(text)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD)
    return path


async def test_a_sound_file_is_counted(site: Path) -> None:
    people, programs = await command("check", site), await aside("check", site, "--json")

    assert people.code == 0, people.err
    assert people.out.splitlines()[-1] == f"{site} is fine: 1 device, 1 point, 1 rule"
    assert (programs.json["fine"], programs.json["errors"]) == (True, [])


async def test_a_file_whose_secret_is_absent_is_not_called_fine(site: Path, tmp_path: Path) -> None:
    write(site, ("rules:", 'sinks: {influxdb: {url: "http://127.0.0.1:8086", token: !env NO_SUCH}}\nrules:'))
    checked, ran = await aside("check", site), await command("run", site, "--state", tmp_path / "state")

    assert (checked.code, ran.code) == (0, 78)
    assert ran.err.count("NO_SUCH") == 1
    assert "`run` refuses as long as that is absent: 1 device, 1 point" in checked.out.splitlines()[-1]


async def test_every_mistake_is_told_with_its_line_and_ends_with_78(site: Path) -> None:
    write(site, ("unit: 9", "unit: none"), ("every: 5 s", "every: 5 parsecs"))
    people, programs = await aside("check", site), await aside("check", site, "--json")

    assert people.code == programs.code == 78
    assert f"{site}:7:" in people.out
    assert f"{site}:8:" in people.out
    assert [error["line"] for error in programs.json["errors"]] == [7, 8]
    assert "Traceback" not in people.err


async def test_a_file_that_is_not_there_ends_with_78(tmp_path: Path) -> None:
    ran = await aside("check", tmp_path / "none.yaml")

    assert ran.code == 78
    assert "none.yaml" in ran.out + ran.err
    assert "Traceback" not in ran.err


async def test_what_goes_wrong_once_the_daemon_runs_is_told_in_one_line(site: Path, tmp_path: Path) -> None:
    ran = await command("run", site, "--state", tmp_path / ("deep" * 40))

    assert ran.code == 78
    assert ran.err.splitlines()[-1].startswith("the socket's path is longer than 107 bytes")
    assert "Traceback" not in ran.err


async def test_run_refuses_what_check_refuses(site: Path, tmp_path: Path) -> None:
    write(site, ("unit: 9", "unit: none"))
    ran = await command("run", site, "--state", tmp_path / "state")

    assert ran.code == 78
    assert f"{site}:7:" in ran.out + ran.err
    assert "Traceback" not in ran.err


LINE = """\
site: {id: maple-court, timezone: Europe/Berlin}
connections:
  - {id: plant-room, modbus: {transport: rtu, port: /dev/ttyUSB0, baudrate: 9600}}
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1"}}
devices:
"""
METER = "  - {{id: meter-{n}, profile: eastron-sdm630, connection: plant-room, unit: {n}, every: {every} s}}\n"


def line(path: Path, meters: int, every: int) -> None:
    path.write_text(LINE + "".join(METER.format(n=n, every=every) for n in range(1, meters + 1)))


async def test_each_bus_is_told_with_its_load(site: Path) -> None:
    line(site, 30, 15)
    people, programs = await aside("check", site), await aside("check", site, "--json")

    assert people.code == 0, people.err
    assert people.out.splitlines()[:-1] == [
        "plant-room: 30 devices, one round takes 15.3 s, busy 61 % of the time; with 3 devices dead 65 %"
    ]
    assert list(programs.json["buses"]) == ["plant-room"]
    bus = programs.json["buses"]["plant-room"]
    assert set(bus) == {"devices", "polls", "cycle", "busy", "late", "dead", "busy_dead", "late_dead"}
    assert (bus["devices"], bus["dead"], len(bus["polls"])) == (30, 3, 30)


async def test_a_bus_that_is_tight_is_warned_of(site: Path) -> None:
    line(site, 30, 10)
    ran = await aside("check", site)

    assert ran.code == 0
    assert f"warning: {site}:3:5: connections[0]: plant-room: it is tight" in ran.out


@pytest.mark.fault(
    "bus overloaded",
    part="settings",
    outcome="`check` and `reload` refuse it, with the share that is missing and with changes that would fit.",
)
async def test_a_plan_that_cannot_fit_ends_with_78_and_says_what_would(site: Path) -> None:
    line(site, 30, 5)
    people, programs = await aside("check", site), await aside("check", site, "--json")

    assert people.code == programs.code == 78
    error, load, verdict = people.out.splitlines()
    assert error.startswith(f"error: {site}:3:5: connections[0]: plant-room: the devices need 178 % of its time")
    assert "poll every 15 s" in error
    assert "raise the baud rate to 38400" in error
    assert load.startswith("plant-room: 30 devices")
    assert verdict == "1 mistake"
    assert programs.json["buses"]["plant-room"]["busy"] > 1
