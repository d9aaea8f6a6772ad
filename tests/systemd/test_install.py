"""The installer, really run: into a tree of its own, where systemd's tools look at what it left."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
IS_ROOT = os.geteuid() == 0
WITHOUT_BYTE_CODE = {"PIP_NO_COMPILE": "no"}
"""Read by pip as "compile: no": made at the first use instead, which spares half of the time here."""
PRIVATE = sys.base_prefix.startswith(("/home/", "/root/"))
PYTHON = "/usr/bin/python3" if PRIVATE else f"{sys.base_prefix}/bin/python3"
"""An interpreter that the service's user can run too, as the installer asks for."""
SITE = """\
site: {id: house, timezone: UTC}
connections:
  - {id: plant-room, modbus: {transport: tcp, host: 127.0.0.1, port: 9}}
devices:
  - {id: main, profile: eastron-sdm630, connection: plant-room, unit: 1}
notify:
  grouping: {wait: 0 s, pace: 0 s}
  reminders: off
  people: [{id: ana, channels: {first: !secret address-ana}}]
  teams: [{id: all, members: ana}]
  routes: [{team: all}]
"""


def make(target: str, tree: Path) -> str:
    """Run a target of the Makefile on a tree; returns what it printed."""
    ran = subprocess.run(
        ["make", "--no-print-directory", target, f"DESTDIR={tree}", f"PYTHON={PYTHON}"],
        cwd=PROJECT,
        env=os.environ | WITHOUT_BYTE_CODE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def kept(tree: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of all settings, secrets and data."""
    places = [tree / "etc/facility-monitor", tree / "var/lib/facility-monitor"]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {str(path.relative_to(tree)): (path.stat().st_mode, path.read_bytes()) for path in files}


def command(tree: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    program = tree / "opt/facility-monitor/bin/facility-monitor"
    return subprocess.run([program, *words], cwd="/", capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed() -> Iterator[tuple[Path, str]]:
    """A tree that was installed into and that everybody may enter, and what the installer said."""
    with tempfile.TemporaryDirectory(prefix="facility-monitor-test-") as folder:
        tree = Path(folder)
        tree.chmod(0o755)
        yield tree, make("install", tree)


def service_user(tree: Path) -> tuple[int, int, str]:
    """User, group and shell of the service, as the installer made them in the tree."""
    lines = (tree / "etc/passwd").read_text().splitlines()
    user = next(line.split(":") for line in lines if line.startswith("facility-monitor:"))
    return int(user[2]), int(user[3]), user[6]


def test_the_installed_command_checks_the_installed_sample(installed):
    tree, said = installed
    site = tree / "etc/facility-monitor/site.yaml"
    checked = command(tree, "check", site)

    assert site.read_text() == (PROJECT / "config/facility.yaml").read_text()
    assert checked.returncode == 0, checked.stderr
    assert "10 devices" in checked.stdout.splitlines()[-1]
    assert "Next: `sudo facility-monitor init`" in said


def test_what_is_installed_does_not_need_the_checkout(installed):
    tree, _ = installed
    python = tree / "opt/facility-monitor/bin/python"
    where = subprocess.run(
        [python, "-Ic", "import monitor, config; print(monitor.__file__, config.__path__[0])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert str(PROJECT) not in where
    assert where.count(f"{tree}/opt/facility-monitor") == 2


def test_the_command_is_linked_to_where_the_program_will_be(installed):
    tree, _ = installed

    link = (tree / "usr/local/bin/facility-monitor").readlink()

    assert str(link) == "/opt/facility-monitor/bin/facility-monitor"


def test_systemd_accepts_the_installed_unit_and_finds_its_command(installed, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(installed[0] / "usr", tree / "usr", symlinks=True)
    shutil.copytree("/lib/systemd/system", tree / "lib/systemd/system", symlinks=True)
    program = tree / "opt/facility-monitor/bin/facility-monitor"
    program.parent.mkdir(parents=True)
    shutil.copy(installed[0] / "opt/facility-monitor/bin/facility-monitor", program)
    verify = ["systemd-analyze", "verify", f"--root={tree}", "--man=no", "facility-monitor.service"]
    fine = subprocess.run(verify, capture_output=True, text=True, check=False)
    program.unlink()
    lost = subprocess.run(verify, capture_output=True, text=True, check=False)

    assert fine.returncode == 0, fine.stderr
    assert "facility-monitor" not in fine.stderr
    assert "/opt/facility-monitor/bin/facility-monitor is not executable" in lost.stderr


@pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
def test_settings_are_readable_by_the_service_and_secrets_by_nobody_but_root(installed):
    tree, _ = installed
    uid, gid, shell = service_user(tree)
    places = {
        name: (place.stat().st_uid, place.stat().st_gid, stat.S_IMODE(place.stat().st_mode))
        for name in ("etc/facility-monitor", "etc/facility-monitor/site.yaml", "var/lib/facility-monitor")
        for place in [tree / name]
    }
    secrets = (tree / "etc/facility-monitor/secrets").stat()

    assert places == {
        "etc/facility-monitor": (0, gid, 0o750),
        "etc/facility-monitor/site.yaml": (0, gid, 0o640),
        "var/lib/facility-monitor": (uid, gid, 0o700),
    }
    assert (secrets.st_uid, secrets.st_gid, secrets.st_mode & 0o007) == (0, 0, 0)
    assert shell == "/usr/sbin/nologin"


@pytest.mark.skipif(not IS_ROOT, reason="only root can become the service's user")
def test_the_service_starts_as_its_user_with_secrets_that_only_systemd_hands_it(installed, tmp_path):
    tree = installed[0]
    uid, gid, _ = service_user(tree)
    site, secret = tree / "etc/facility-monitor/site.yaml", tree / "etc/facility-monitor/secrets/address-ana"
    sample = site.read_bytes()
    site.write_text(SITE)
    secret.write_text("terminal:")
    secret.chmod(0o600)
    handed, runtime = tree / "run/credentials", tree / "run/facility-monitor"
    for folder in (handed, runtime):
        folder.mkdir(parents=True)
    shutil.copy(secret, handed / "secret_address-ana")
    for path in (*handed.iterdir(), handed, runtime):
        os.chown(path, uid, gid)
    become = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"]
    given = {
        "PATH": "/usr/bin:/bin",
        "NOTIFY_SOCKET": str(tree / "run/notify"),
        "STATE_DIRECTORY": str(tree / "var/lib/facility-monitor"),
        "RUNTIME_DIRECTORY": str(runtime),
    }
    run = [*become, str(tree / "opt/facility-monitor/bin/facility-monitor"), "run", str(site)]

    refused = subprocess.run(run, env=given, cwd="/", capture_output=True, text=True, check=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(given["NOTIFY_SOCKET"])
        os.chown(given["NOTIFY_SOCKET"], uid, gid)
        systemd.settimeout(30)
        with (tmp_path / "log").open("wb") as log:
            service = subprocess.Popen(
                run, env=given | {"CREDENTIALS_DIRECTORY": str(handed)}, cwd="/", stderr=log
            )
            try:
                told = systemd.recv(4096).decode()
            finally:
                service.terminate()
                code = service.wait(30)
    site.write_bytes(sample)

    assert refused.returncode == 78
    assert "the secret `address-ana` is absent" in refused.stderr
    assert told.startswith("READY=1"), (tmp_path / "log").read_text()
    assert code == 0


def test_a_second_install_updates_the_program_and_keeps_settings_and_data_and_so_does_uninstalling(installed):
    tree, _ = installed
    site = tree / "etc/facility-monitor/site.yaml"
    secret = tree / "etc/facility-monitor/secrets/influxdb"
    readings = tree / "var/lib/facility-monitor/readings"
    for path, text in ((site, site.read_text() + "# mine\n"), (secret, "token"), (readings, "readings")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600 if path == secret else 0o640)
    before = kept(tree)
    program = tree / "opt/facility-monitor"
    first = program.resolve()

    said = make("install", tree)

    assert kept(tree) == before
    assert program.resolve() != first
    assert [path.name for path in first.parent.iterdir()] == [program.resolve().name]
    assert command(tree, "check", site).returncode == 0
    assert "systemctl enable --now facility-monitor" in said

    said = make("uninstall", tree)
    files = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}

    assert kept(tree) == before
    assert {name for name in files - kept(tree).keys() if "facility" in name} == set()
    assert {"site.yaml", "influxdb", "readings"} <= {Path(name).name for name in files}
    assert not program.is_symlink()
    assert "rm -r /etc/facility-monitor /var/lib/facility-monitor" in said


@pytest.mark.fault(
    "update fails",
    part="whole monitor",
    outcome="The program that was there stays and runs.",
)
def test_an_update_that_fails_leaves_the_program_that_was_there(tmp_path):
    tree = tmp_path / "tree"
    old = tree / "opt/facility-monitor.versions/old/bin/facility-monitor"
    old.parent.mkdir(parents=True)
    old.write_text("#!/bin/sh\necho old\n")
    old.chmod(0o755)
    (tree / "opt/facility-monitor").symlink_to("facility-monitor.versions/old")
    ran = subprocess.run(
        ["systemd/install"],
        cwd=PROJECT,
        env=os.environ | {"DESTDIR": str(tree), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode != 0
    assert "No matching distribution" in ran.stderr
    assert command(tree).stdout == "old\n"
    assert [path.name for path in (tree / "opt/facility-monitor.versions").iterdir()] == ["old"]
    assert not (tree / "etc").exists()


ON_THIS_MACHINE = """
set -e
for folder in /run /opt /etc /var/lib /usr/local/bin /usr/local/lib; do mount -t tmpfs tmpfs $folder; done
mkdir -p /opt/facility-monitor.versions/one/bin /usr/local/lib/systemd/system
mkdir -p /etc/facility-monitor /var/lib/facility-monitor
ln -s facility-monitor.versions/one /opt/facility-monitor
ln -s /opt/facility-monitor/bin/facility-monitor /usr/local/bin/facility-monitor
touch /usr/local/lib/systemd/system/facility-monitor.service
touch /etc/facility-monitor/site.yaml /var/lib/facility-monitor/state.db
systemd/install --uninstall >/dev/null
find /run /opt /etc /var/lib /usr/local/bin /usr/local/lib ! -type d
"""


@pytest.mark.skipif(
    not IS_ROOT
    or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0,
    reason="needs a mount namespace, so that nothing of this machine is touched",
)
def test_without_a_tree_it_is_this_machine_that_is_rid_of_the_program_and_keeps_the_data():
    environ = {name: value for name, value in os.environ.items() if name != "DESTDIR"}
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", ON_THIS_MACHINE],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert sorted(ran.stdout.split()) == ["/etc/facility-monitor/site.yaml", "/var/lib/facility-monitor/state.db"]


def test_what_runs_and_what_builds_is_what_developers_have():
    def pinned(name: str) -> set[str]:
        lines = (PROJECT / "requirements" / name).read_text().splitlines()
        return {line.split(" ")[0] for line in lines if line[:1].isalpha()}

    assert pinned("build.txt") | pinned("run.txt") <= pinned("dev.txt")
    assert any(pin.startswith("hatchling==") for pin in pinned("build.txt"))
