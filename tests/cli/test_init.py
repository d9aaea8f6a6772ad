"""`init`: at a terminal, through a pipe and from a file; what it writes is what the monitor takes."""

import asyncio
import stat
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest

from monitor.app import load_site
from monitor.cli.answers import Answers, Profiles
from monitor.cli.newsite import drafted
from tests.cli.running import Ran, command, within
from tests.cli.terminal import Terminal

PASSWORD = "tr0ub4dor-and-3"
SAMPLE = Path(__file__).parents[2] / "config/facility.yaml"
ANSWERS = f"""\
name: Maple Court
timezone: Europe/Berlin
modbus: 192.0.2.10:503
broker: {{url: "mqtt://192.0.2.11", username: monitor, password: {PASSWORD}}}
devices:
  - {{profile: eastron-sdm630, unit: 1}}
  - {{profile: abb-b23, id: flat-1, unit: 2}}
  - {{profile: aqara-mccgq11lm, topic: zigbee2mqtt/front-door}}
people:
  - {{name: Ana, address: "mailtos://ana:{PASSWORD}@mail.example.org?to=ana@example.org"}}
  - {{name: 王芳}}
influxdb: {{url: "http://127.0.0.1:8086", org: facility}}
"""


def init(file: Path, *options: str, answers: str | Path = ANSWERS) -> Ran:
    """Run `init FILE` with answers from a file: one that is there, or that says this."""
    if isinstance(answers, Path):
        return within("init", file, *options, "--answers", answers)
    with NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as said:
        said.write(answers)
        said.flush()
        return within("init", file, *options, "--answers", said.name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "site.yaml"


def test_questions_at_a_terminal_end_in_a_file_that_the_monitor_takes(file: Path) -> None:
    with Terminal("init", file) as terminal:
        terminal.answer("Name of the site", "Maple Court")
        terminal.answer("[maple-court]")
        terminal.answer("Time zone [Europe/Berlin]", "Europe/Pariss")
        told = terminal.answer("Time zone", "Europe/Paris")
        terminal.answer("[en]", "zh")
        terminal.answer("Modbus", "192.0.2.10")
        terminal.answer("MQTT broker", "mqtt://192.0.2.11")
        terminal.answer("User name there", "monitor")
        terminal.answer("Password", PASSWORD)
        terminal.answer("Look for devices", "n")
        terminal.answer("Listen to it", "n")
        terminal.answer("Model of a device", "abb")
        models = terminal.answer("Model of a device", "eastron-smd630")
        hint = terminal.answer("Model of a device", "eastron-sdm630")
        terminal.answer("Unit id [1]", "300")
        limit = terminal.answer("Unit id [1]", "7")
        terminal.answer("[electricity-1]", "main")
        terminal.answer("Model of a device", "aqara-sjcgq11lm")
        terminal.answer("Topic", "zigbee2mqtt/cellar")
        terminal.answer("[safety-1]")
        terminal.answer("Model of a device")
        terminal.answer("Who is told", "Ana")
        terminal.answer("Address", "ana at example")
        terminal.answer("Address")
        terminal.answer("Who is told")
        terminal.answer("InfluxDB", "http://127.0.0.1:8086")
        terminal.answer("Organisation", "facility")
        terminal.answer("database) [facility]")
        terminal.answer("Token")
        terminal.answer("Write mqtt into")
        code = terminal.end()
    loaded = load_site(file, {}, thorough=True)
    site = loaded.site

    assert code == 0, terminal.shown
    assert "did you mean `Europe/Paris`?" in told
    assert "did you mean `eastron-sdm630`?" in hint
    assert "255" in limit
    assert "abb-b23" in models
    assert PASSWORD not in terminal.shown + file.read_text()
    assert (site.id, site.name, str(site.timezone), site.language) == (
        "maple-court",
        "Maple Court",
        "Europe/Paris",
        "zh",
    )
    assert {(device.id, device.connection) for device in site.devices.values()} == {
        ("main", "modbus"),
        ("safety-1", "broker"),
    }
    assert site.connections["broker"].options.password == PASSWORD
    assert {"undervoltage", "detector-alarm", "device-offline"} <= set(site.rules)
    assert [finding.path for finding in loaded.refusals] == ["sinks.influxdb.token"]
    assert f"install -D -m 600 /dev/stdin {file.parent}/secrets/influxdb" in terminal.shown


def test_who_leaves_in_the_middle_leaves_nothing_behind(file: Path) -> None:
    with Terminal("init", file) as terminal:
        terminal.answer("Name of the site", "Maple Court")
        terminal.interrupt("[maple-court]")
        code = terminal.end()

    assert code == 1
    assert "Traceback" not in terminal.shown
    assert list(file.parent.iterdir()) == []


def test_answers_through_a_pipe_make_a_file_that_passes_check(file: Path) -> None:
    ran = asyncio.run(command("init", file, text=ANSWERS))
    checked = within("check", file, "--json")
    site = load_site(file, {}, thorough=True).site

    assert ran.code == 0, ran.err
    assert PASSWORD not in ran.out + ran.err + file.read_text()
    assert (checked.code, checked.json["errors"]) == (0, [])
    assert {warning["path"] for warning in checked.json["warnings"] if warning["refuses"]} == {
        "sinks.influxdb.token"
    }
    assert set(site.devices) == {"electricity-1", "flat-1", "door-1"}
    assert site.devices["electricity-1"].role == "main"
    assert site.connections["modbus"].options.port == 503
    assert PASSWORD in site.notify.people["ana"].channels["first"]
    assert site.notify.people["person-2"].name == "王芳"


def test_secrets_are_files_that_only_their_owner_can_read(file: Path) -> None:
    init(file)
    folder = file.parent / "secrets"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert modes == {"mqtt": 0o600, "address-ana": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_nothing_that_is_there_is_overwritten(file: Path, tmp_path: Path) -> None:
    file.write_text("site: {}\n")
    answers = tmp_path / "answers.yaml"
    answers.write_text(ANSWERS)
    taken = init(file, answers=answers)
    other = tmp_path / "other.yaml"
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/mqtt").write_text("mine")
    beside = init(other, answers=answers)

    assert (taken.code, file.read_text()) == (1, "site: {}\n")
    assert "is never overwritten" in taken.err
    assert beside.code == 0, beside.err
    assert (tmp_path / "secrets/mqtt").read_text() == "mine"
    assert f"Kept as it was: {tmp_path}/secrets/mqtt" in beside.out


def test_the_sample_that_nobody_has_changed_gives_way(file: Path) -> None:
    file.write_text(SAMPLE.read_text())
    ran = init(file)

    assert ran.code == 0, ran.err
    assert "flat-1" in file.read_text()


def test_every_mistake_in_the_answers_is_told_with_its_line(file: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text(
        ANSWERS.replace("eastron-sdm630", "eastron-smd630")
        .replace("unit: 2", "topic: x")
        .replace("people", "peopel")
    )
    form = init(file, answers=answers)
    answers.write_text(answers.read_text().replace("peopel", "people"))
    sense = init(file, answers=answers)

    assert form.code == sense.code == 78
    assert f"{answers}:9:1: peopel:" in form.err
    assert f"{answers}:6:15: devices[0].profile: there is no profile `eastron-smd630`" in sense.err
    assert "did you mean `eastron-sdm630`?" in sense.err
    assert f"{answers}:7:5: devices[1]: `unit` is missing" in sense.err
    assert not file.exists()


def test_answers_that_make_no_site_are_told_and_nothing_is_written(file: Path) -> None:
    ran = init(file, answers=ANSWERS.replace("unit: 1}", "unit: 256}"))

    assert ran.code == 78
    assert "devices[0].unit: must be at most 255" in ran.err
    assert not file.exists()


def test_an_empty_pipe_and_a_folder_that_is_not_there_are_no_crash(file: Path, tmp_path: Path) -> None:
    empty = asyncio.run(command("init", file, text=""))
    lost = init(tmp_path / "none" / "site.yaml")

    assert (empty.code, lost.code) == (78, 1)
    assert f"there is no folder {tmp_path / 'none'}" in lost.err
    assert "Traceback" not in empty.err + lost.err


def test_only_the_file_that_the_service_reads_can_be_started(file: Path) -> None:
    ran = init(file, "--start")

    assert ran.code == 2
    assert "/etc/facility-monitor/site.yaml" in ran.err
    assert not file.exists()


@pytest.mark.parametrize(
    "name",
    [
        "a: b",
        "yes",
        "1e3",
        "#1",
        "{x}",
        'O\'Hara "house"',
        "back\\slash",
        "!secret x",
        "枫园",
        "- a",
        "null",
        "0x10",
    ],
)
def test_whatever_a_site_is_called_is_what_is_read_back(name: str, tmp_path: Path) -> None:
    draft = drafted(Answers(name=name, timezone="UTC"), Profiles(tmp_path), thorough=False)
    (tmp_path / "site.yaml").write_text(draft.text)

    assert load_site(tmp_path / "site.yaml", {}).site.name == name


def test_every_shipped_profile_that_is_offered_makes_a_device(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path)
    usable = profiles.usable(("modbus", "mqtt"))
    given = {
        "name": "House",
        "timezone": "UTC",
        "modbus": "[2001:db8::1]:502",
        "broker": {"url": "mqtt://192.0.2.1"},
        "devices": [
            {"profile": name, **({"variant": next(iter(profile.variants))} if profile.choose else {})}
            | ({"unit": number} if "modbus" in profile.drivers else {"topic": f"t/{number}"})
            for number, (name, profile) in enumerate(usable.items(), start=1)
        ],
    }
    draft = drafted(Answers.model_validate(given), profiles)
    (tmp_path / "site.yaml").write_text(draft.text)

    assert len(load_site(tmp_path / "site.yaml", {}).site.devices) == len(usable) > 5
    assert "digital-input" not in usable


def test_the_answers_in_the_documents_make_a_site(file: Path) -> None:
    page = (SAMPLE.parents[1] / "docs/install.md").read_text()
    ran = init(file, answers=page.partition("```yaml\n")[2].partition("```")[0])
    loaded = load_site(file, {}, thorough=True)

    assert ran.code == 0, ran.err
    assert "Missing" not in ran.out
    assert not loaded.refusals
    assert set(loaded.site.devices) == {"electricity-1", "cellar-leak"}


VARIED = """\
class: water
maker: Acme
model: W-1
choose: true
modbus: {}
points: {volume_m3: {register: input 0, type: uint32, unit: m3}}
variants: {old: {model: W-1 before 2020}, new: {model: W-1 since 2020}}
"""


def test_a_serial_line_and_a_variant_are_asked_for(file: Path) -> None:
    (file.parent / "profiles").mkdir()
    (file.parent / "profiles" / "acme-w1.yaml").write_text(VARIED)
    with Terminal("init", file) as terminal:
        terminal.answer("Name of the site", "Maple Court")
        for question in ("[maple-court]", "Time zone", "[en]"):
            terminal.answer(question)
        terminal.answer("Modbus", "/dev/ttyUSB0")
        terminal.answer("Speed", "19200")
        terminal.answer("Parity", "evn")
        terminal.answer("Stop bits")
        wrong = terminal.answer("Modbus", "/dev/ttyUSB0")
        terminal.answer("Speed", "19200")
        terminal.answer("Parity", "even")
        terminal.answer("Stop bits")
        terminal.answer("MQTT broker")
        terminal.answer("Look for devices", "n")
        terminal.answer("Model of a device", "acme")
        terminal.answer("Model of a device", "1")
        choices = terminal.answer("Variant", "middle")
        refused = terminal.answer("Variant", "new")
        terminal.answer("Unit id", "7")
        terminal.answer("[water-1]")
        for question in ("Model of a device", "Who is told", "InfluxDB"):
            terminal.answer(question)
        code = terminal.end()
    site = load_site(file).site

    assert code == 0, terminal.shown
    assert "'none', 'even' or 'odd'" in wrong
    assert "old: W-1 before 2020" in choices
    assert "has no variant `middle`" in refused
    options = site.connections["modbus"].options
    assert (options.transport, options.port, options.baudrate, options.parity) == (
        "rtu",
        "/dev/ttyUSB0",
        19200,
        "even",
    )
    assert "variant: new" in file.read_text()


def test_answers_name_a_line_and_a_variant_is_missed(tmp_path: Path, file: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "acme-w1.yaml").write_text(VARIED)
    answers = tmp_path / "answers.yaml"
    head = "name: Maple Court\ntimezone: Europe/Berlin\nmodbus: {port: /dev/ttyUSB0, parity: even}\ndevices:\n"
    answers.write_text(f"{head}  - {{profile: acme-w1, unit: 7}}\n")
    missed = init(file, answers=answers)
    answers.write_text(f"{head}  - {{profile: acme-w1, variant: old, unit: 7}}\n")
    ran = init(file, answers=answers)

    assert "say which `acme-w1` it is: old: W-1 before 2020; new: W-1 since 2020" in missed.err
    assert ran.code == 0, ran.err
    assert load_site(file).site.devices["water-1"].address.unit == 7


@pytest.mark.parametrize(
    ("modbus", "block"),
    [
        ("192.0.2.10", {"transport": "tcp", "host": "192.0.2.10", "port": 502}),
        ("gateway:503", {"transport": "tcp", "host": "gateway", "port": 503}),
        ("[2001:db8::1]:503", {"transport": "tcp", "host": "2001:db8::1", "port": 503}),
        ("", None),
        (
            {"port": "/dev/ttyUSB0", "parity": "even"},
            {"transport": "rtu", "port": "/dev/ttyUSB0", "baudrate": 9600, "parity": "even", "stopbits": 1},
        ),
    ],
)
def test_an_answer_is_the_block_of_one_connection(modbus: object, block: object) -> None:
    assert Answers.model_validate({"name": "x", "timezone": "UTC", "modbus": modbus}).bus == block
