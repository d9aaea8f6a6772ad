import subprocess
import sys
from pathlib import Path

import pytest

import config
from drivers import DRIVERS
from monitor.errors import SettingsError
from monitor.settings import SettingsInvalid, load
from monitor.settings.tables import resolve
from rules.kinds import RULES
from tests.settings.conftest import HEAD, Load, Mistakes

SHIPPED = Path(config.__path__[0])

EIGHT = """\
site: {id: House, timezone: Europe/Berln}
connections:
  - {id: plant, modbus: {transport: tcp, host: 127.0.0.1, port: 70000}}
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1"}}
devices:
  - {id: main, profile: eastron-sdm360, connection: plant, unit: 1}
  - {id: sub, profile: eastron-sdm630, connection: plnt, unit: 2}
  - id: cistern
    connection: plant
    class: water
    every: 10
    points:
      level_m: {register: holdin 100, type: float32, unit: m}
  - {id: cold-room, connection: broker, topic: a/b, clas: environment, class: environment,
     points: {temperature_c: {json: $.t, unit: degC}}}
rules:
  - {id: cold, kind: threshold, point: temperature_c, below: 2 V}
"""


def test_the_sample_passes_and_warns_of_its_absent_secrets() -> None:
    loaded = load(SHIPPED / "facility.yaml", drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})

    wired = {"main-electricity", "front-door", "front-door-reader", "cistern", "cold-room", "lift"}
    wired |= {"booster-1", "booster-2"}
    assert {ident for ident, device in loaded.site.devices.items() if device.has_connection} == wired
    assert loaded.site.tariffs["house-power"].devices == {"main-electricity"}
    assert len(loaded.site.rules["undervoltage"].sources) == 6
    assert loaded.must_refuse
    assert {finding.line for finding in loaded.refusals} == {7, 90, 91, 110}


def test_eight_mistakes_give_messages_with_their_lines(mistakes: Mistakes) -> None:
    found = mistakes(EIGHT, head=False)

    told = {(finding.line, finding.path) for finding in found}
    assert told == {
        (1, "site.id"),
        (1, "site.timezone"),
        (3, "connections[0].modbus.port"),
        (6, "devices[0].profile"),
        (7, "devices[1].connection"),
        (11, "devices[2].every"),
        (13, "devices[2].points.level_m.register"),
        (14, "devices[3].clas"),
        (17, "rules[0].below"),
    }
    assert {finding.hint for finding in found} >= {"Europe/Berlin", "eastron-sdm630", "plant", "class"}


def test_a_finding_reads_as_file_line_column_key_and_message(mistakes: Mistakes) -> None:
    found = mistakes("devices:\n  - {id: a, profile: esp-rfid, connection: broker, topik: doors/a}\n")

    assert [str(finding).rpartition("site.yaml:")[2].partition(" (")[0] for finding in found] == [
        "6:5: devices[0].topic: `topic` is missing",
        "6:52: devices[0].topik: `topik` is not a key here; did you mean `topic`?",
    ]


def test_mistakes_are_a_settings_error_that_says_them_all(load_text: Load) -> None:
    with pytest.raises(SettingsError, match=r"(?s)colour.*speed"):
        load_text("colour: red\nspeed: 1\n")


def test_a_site_file_that_is_absent_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="there is no file"):
        load(tmp_path / "nothing.yaml", drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "just words", "--- \n...\n"])
def test_an_empty_or_shapeless_file_is_a_finding(mistakes: Mistakes, text: str) -> None:
    assert mistakes(text, head=False)


def test_a_folder_of_files_is_one_site(tmp_path: Path) -> None:
    (tmp_path / "10-site.yaml").write_text(HEAD)
    (tmp_path / "20-a.yaml").write_text("devices: [{id: a, profile: eastron-sdm630, connection: plant}]\n")
    (tmp_path / "30-b.yaml").write_text("devices: [{id: b, profile: abb-b23, connection: plant, unit: 2}]\n")
    (tmp_path / "40-c.yaml").write_text("journal: {keep: 10 days}\n")
    loaded = load(tmp_path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})

    assert set(loaded.site.devices) == {"a", "b"}
    assert loaded.site.journal.keep == 10 * 86400
    assert [path.name for path in loaded.site.files][:4] == ["10-site.yaml", "20-a.yaml", "30-b.yaml", "40-c.yaml"]


def test_two_files_of_a_folder_cannot_say_the_same_key(tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_text(HEAD + "journal: {keep: 10 days}\n")
    (tmp_path / "2.yaml").write_text("journal: {keep: 20 days}\n")
    with pytest.raises(SettingsInvalid) as caught:
        load(tmp_path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})

    (finding,) = caught.value.findings
    assert (finding.file, finding.line, finding.path) == (str(tmp_path / "2.yaml"), 1, "journal.keep")
    assert "1.yaml, line 5" in finding.message


def test_sections_become_the_site(load_text: Load) -> None:
    site = load_text(
        "journal: {keep: 7 days, max_size: 1 GB, commit_every: 500 ms}\n"
        "access: {unlock_pulse: 7 s, pseudonyms: true}\n"
        'sinks: {influxdb: {url: "http://127.0.0.1:8086", bucket: energy, api: v1, token: "a:b"}}\n'
    ).site

    assert (site.journal.keep, site.journal.max_size, site.journal.commit_every) == (604800, 10**9, 0.5)
    assert (site.access.unlock_pulse, site.access.pseudonyms) == (7, True)
    influx = site.influxdbs["influxdb"]
    assert (influx.access_bucket, influx.api, influx.token) == ("energy-access", "v1", "a:b")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("metering: {keep: 1 day}\n", "metering.keep"),
        ("sinks: {mqqt: {}}\n", "sinks.mqqt"),
        ("sinks: {mqtt: {}}\n", "sinks.mqtt.connection"),
        ("sinks: {mqtt: {connection: brokr}}\n", "sinks.mqtt.connection"),
        ("sinks: {mqtt: {connection: plant}}\n", "sinks.mqtt.connection"),
        ("sinks: {mqtt: {connection: broker, topic: a/#}}\n", "sinks.mqtt.topic"),
        ("sinks: {mqtt: {connection: broker, homeassistant: a+}}\n", "sinks.mqtt.homeassistant"),
        ("journal: {keep: 30}\n", "journal.keep"),
        ("sinks: {influxdb: {url: 'ftp://x'}}\n", "sinks.influxdb.url"),
        ("sinks: {influxdb: {url: 'http://u:p@x'}}\n", "sinks.influxdb.url"),
        ("sinks: {influxdb: {url: 'http://x', api: v3}}\n", "sinks.influxdb.api"),
        ("sinks: {influxdb: {url: 'http://x', ca: site.yaml}}\n", "sinks.influxdb"),
        ("sinks: {influxdb: {url: 'https://x', ca: site.yaml}}\n", "sinks.influxdb.ca"),
        ("sinks: {influxdb: {url: 'http://x', api: v1, token: abc}}\n", "sinks.influxdb"),
    ],
)
def test_what_does_not_work_is_not_accepted(mistakes: Mistakes, text: str, path: str) -> None:
    assert [finding.path for finding in mistakes(text)] == [path]


def test_a_thousand_devices_load_and_pint_stays_out(tmp_path: Path) -> None:
    rows = "\n".join(f"m{number},eastron-sdm630,plant,{number % 247 + 1},10 s" for number in range(1000))
    (tmp_path / "meters.csv").write_text(f"id,profile,connection,unit,every\n{rows}\n")
    (tmp_path / "site.yaml").write_text(HEAD + "devices: !csv meters.csv\n")
    program = (
        "import sys; from pathlib import Path; from drivers import DRIVERS; from rules.kinds import RULES;"
        "from monitor.settings import load; from monitor.settings.tables import resolve;"
        "loaded = load(Path(sys.argv[1]), drivers=resolve(DRIVERS), rules=resolve(RULES));"
        "print(len(loaded.site.devices), 'pint' in sys.modules, 'pymodbus' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "site.yaml")], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["1000", "False", "False"]
