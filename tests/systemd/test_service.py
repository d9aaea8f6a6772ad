"""The shipped unit is one that systemd accepts, and says what the documents promise."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "facility-monitor.service"
SYSTEM_UNITS = Path("/lib/systemd/system")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    units = tmp_path / "lib/systemd/system"
    shutil.copytree(SYSTEM_UNITS, units, symlinks=True)
    shutil.copy(UNIT, units)
    command = tmp_path / "opt/facility-monitor/bin/facility-monitor"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    return tmp_path


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)


def verify(tree: Path) -> subprocess.CompletedProcess[str]:
    return run("systemd-analyze", "verify", f"--root={tree}", "--man=no", "facility-monitor.service")


def test_systemd_accepts_the_unit(tree):
    result = verify(tree)

    assert result.returncode == 0, result.stderr
    assert "facility-monitor" not in result.stderr


def test_systemd_would_have_complained_of_a_wrong_key(tree):
    unit = tree / "lib/systemd/system/facility-monitor.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))

    assert "WatchdogSecs" in verify(tree).stderr


@pytest.mark.fault(
    "wrong settings",
    part="whole monitor",
    outcome="With wrong settings the service ends with 78 and waits for a person; whatever else happens,"
    " it is started again.",
)
def test_wrong_settings_are_not_restarted_and_everything_else_always_is():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNIT)

    assert unit["Service"]["Type"] == "notify"
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["RestartPreventExitStatus"] == "78"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Service"]["ExecStart"] == "/opt/facility-monitor/bin/facility-monitor run"


def test_the_sandbox_leaves_an_exposure_of_at_most_2():
    result = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", str(UNIT))

    assert result.returncode == 0, result.stdout
    assert "Overall exposure level for facility-monitor.service" in result.stdout


def test_systemd_knows_what_to_make_of_user_group_and_folders(tmp_path):
    for kind in ("sysusers", "tmpfiles"):
        place = tmp_path / f"usr/lib/{kind}.d/facility-monitor.conf"
        place.parent.mkdir(parents=True)
        shutil.copy(UNIT.with_suffix(f".{kind}"), place)
    (tmp_path / "etc").mkdir()
    users = run("systemd-sysusers", f"--root={tmp_path}", "--dry-run", "facility-monitor.conf")

    assert users.returncode == 0, users.stderr
    assert "Creating user 'facility-monitor'" in users.stderr
    assert not (tmp_path / "etc/passwd").exists()


def test_secrets_are_given_to_the_service_as_credentials_and_nothing_must_be_there():
    unit = UNIT.read_text()

    assert "LoadCredential=secret:/etc/facility-monitor/secrets\n" in unit
    assert "ConfigurationDirectory=facility-monitor facility-monitor/secrets\n" in unit
    assert "EnvironmentFile=-/etc/facility-monitor/environment\n" in unit
