import os
import subprocess
import sys
from pathlib import Path

import pytest

from drivers import DRIVERS
from monitor.settings import SettingsInvalid, load
from monitor.settings.tables import resolve
from rules.kinds import RULES
from tests.settings.conftest import Load, Mistakes

PASSWORD = "tr0ub4dor-and-3"

SITE = """\
site: {id: house, timezone: UTC}
connections:
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1", username: monitor, password: !secret mqtt}}
notify:
  people: [{id: ana, channels: {mail: !env ANA_MAIL}}]
  teams: [{id: all, members: ana}]
  routes: [{team: all}]
sinks: {influxdb: {url: "http://127.0.0.1:8086", token: !secret influxdb}}
"""


def _secret(folder: Path, name: str, mode: int = 0o600) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(PASSWORD + "\n")
    (folder / name).chmod(mode)


def test_secrets_come_from_the_folder_beside_the_file_and_the_environment(tmp_path: Path, load_text: Load) -> None:
    _secret(tmp_path / "secrets", "mqtt")
    _secret(tmp_path / "secrets", "influxdb")
    loaded = load_text(SITE, head=False, environ={"ANA_MAIL": f"mailto://ana:{PASSWORD}@mail.invalid"})

    assert not loaded.warnings
    assert loaded.site.connections["broker"].options.password == PASSWORD
    assert loaded.site.influxdbs["influxdb"].token == PASSWORD
    assert PASSWORD in loaded.site.notify.people["ana"].channels["mail"]


def test_secrets_are_never_in_what_is_printed(tmp_path: Path, load_text: Load) -> None:
    _secret(tmp_path / "secrets", "mqtt")
    _secret(tmp_path / "secrets", "influxdb")
    loaded = load_text(SITE, head=False, environ={"ANA_MAIL": f"mailto://ana:{PASSWORD}@mail.invalid"})

    assert PASSWORD not in repr(loaded)
    assert PASSWORD not in str(loaded.site)
    assert PASSWORD not in str(loaded.site.connections["broker"].options)


def test_a_systemd_credential_wins(tmp_path: Path, load_text: Load) -> None:
    given = tmp_path / "credentials"
    _secret(given, "mqtt", mode=0o644)
    _secret(given, "influxdb", mode=0o644)
    environ = {"CREDENTIALS_DIRECTORY": str(given), "ANA_MAIL": "terminal:"}
    loaded = load_text(SITE, head=False, environ=environ)

    assert not loaded.must_refuse
    assert loaded.site.connections["broker"].options.password == PASSWORD


@pytest.mark.fault(
    "wrong settings",
    part="settings",
    outcome="An absent secret is a warning for `check`, and keeps `run` from starting.",
)
def test_absent_secrets_are_warnings_that_keep_run_from_starting(load_text: Load) -> None:
    loaded = load_text(SITE, head=False)

    assert loaded.must_refuse
    assert [(finding.line, finding.path) for finding in loaded.refusals] == [
        (3, "connections[0].mqtt.password"),
        (5, "notify.people[0].channels.mail"),
        (8, "sinks.influxdb.token"),
    ]


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path, mistakes: Mistakes) -> None:
    _secret(tmp_path / "secrets", "mqtt", mode=0o640)
    found = mistakes(SITE, head=False)

    assert [(finding.line, "chmod 600" in finding.message) for finding in found] == [(3, True)]


@pytest.mark.parametrize("name", ["../site.yaml", "/etc/passwd", ".hidden", "a b"])
def test_the_name_of_a_secret_leads_nowhere_else(mistakes: Mistakes, name: str) -> None:
    found = mistakes(SITE.replace("!secret mqtt", f'!secret "{name}"'), head=False)

    assert "the name of a secret" in found[0].message


@pytest.mark.parametrize(
    "line",
    [
        "sinks: {influxdb: {url: !env X, token: a}}",
        "sinks: {influxdb: {url: 'http://x', api: !env X}}",
        "notify: {people: [{id: ana, channels: {mail: !env X}}]}",
        "connections: [{id: c, mqtt: {url: !env X}}]",
        "connections: [{id: c, modbus: {transport: !env X, host: a, port: !env X}}]",
        "connections: [{id: c, modbus: {transport: tcp, host: a, timeout: !env X}}]",
    ],
)
def test_a_secret_that_does_not_fit_is_told_without_its_value(mistakes: Mistakes, line: str) -> None:
    found = mistakes(f"site: {{id: house, timezone: UTC}}\n{line}\n", head=False, environ={"X": PASSWORD})

    assert found
    assert all(PASSWORD not in str(finding) for finding in found)


def test_a_client_certificate_that_is_absent_is_told(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        'site: {id: house, timezone: UTC}\nconnections: [{id: b, mqtt: {url: "mqtts://broker", ca: ca.pem}}]\n'
    )
    loaded = load(tmp_path / "site.yaml", drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})

    assert [finding.path for finding in loaded.refusals] == ["connections[0].mqtt.ca"]
    assert str(loaded.site.connections["b"].options.ca) == str(tmp_path / "ca.pem")


def test_a_file_whose_name_is_not_possible_is_absent(load_text: Load) -> None:
    loaded = load_text(
        "site: {id: house, timezone: UTC}\n"
        f'connections: [{{id: b, mqtt: {{url: "mqtts://broker", ca: {"a" * 300}}}}}]\n',
        head=False,
    )

    assert loaded.must_refuse


def test_a_password_without_a_name_is_told_though_it_is_secret(mistakes: Mistakes) -> None:
    found = mistakes(
        'site: {id: house, timezone: UTC}\nconnections: [{id: c, mqtt: {url: "mqtt://x", password: !env X}}]\n',
        head=False,
        environ={"X": PASSWORD},
    )

    assert "needs a `username:`" in found[0].message


def test_settings_invalid_is_what_is_raised(load_text: Load) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load_text("x: !secret\n", environ={"X": PASSWORD})
    assert PASSWORD not in str(caught.value)


def test_a_folder_of_credentials_is_known_by_the_prefix_that_systemd_gives_it(
    tmp_path: Path, load_text: Load
) -> None:
    given = tmp_path / "credentials"
    _secret(given, "secret_mqtt", mode=0o440)
    _secret(given, "secret_influxdb", mode=0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(given), "ANA_MAIL": "terminal:"}
    loaded = load_text(SITE, head=False, environ=environ)

    assert not loaded.must_refuse
    assert loaded.site.connections["broker"].options.password == PASSWORD


def test_a_folder_of_secrets_that_may_not_be_entered_is_no_crash(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(SITE)
    _secret(tmp_path / "secrets", "mqtt")
    (tmp_path / "secrets").chmod(0)
    without_privileges = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    ran = subprocess.run(
        [*without_privileges, sys.executable, "-m", "monitor", "check", site],
        capture_output=True,
        text=True,
        check=False,
    )
    (tmp_path / "secrets").chmod(0o700)

    assert ran.returncode == 0, ran.stderr
    assert "the secret `mqtt` is absent" in ran.stdout
