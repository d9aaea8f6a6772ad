"""The wheel has everything that runs: what is beside the code is in it, and works from where it is installed."""

import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WHEEL = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]


@dataclass(frozen=True)
class Installed:
    """A wheel, and a folder in which it was installed alone."""

    wheel: Path
    folder: Path

    def run(self, code: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run Python from elsewhere, with the installed tree before anything else."""
        begin = f"import sys; sys.path.insert(0, {str(self.folder)!r}); "
        return subprocess.run(
            [sys.executable, "-I", "-c", begin + code, *words],
            capture_output=True,
            text=True,
            cwd=self.folder.parent,
            check=False,
            timeout=60,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    _python("hatchling", "build", "-t", "wheel", "-d", str(folder))
    [wheel] = folder.glob("*.whl")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-cache-dir")
    _python("pip", "install", *quiet, "--no-deps", "--no-index", "--target", str(folder / "here"), str(wheel))
    return Installed(wheel, folder / "here")


def _python(*words: str) -> None:
    ran = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_file_of_the_packages_is_installed(installed: Installed) -> None:
    wanted = {
        path.relative_to(ROOT)
        for package in WHEEL["packages"]
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert {path.suffix for path in wanted} >= {".py", ".yaml", ".sql", ".j2", ".json", ".conf"}
    assert sorted(str(path) for path in wanted if not (installed.folder / path).is_file()) == []


def test_the_units_are_in_the_wheel(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = [name.partition(".data/data/")[2] for name in wheel.namelist()]

    assert WHEEL["shared-data"]
    assert [place for place in WHEEL["shared-data"].values() if place not in names] == []
    shipped = {path.name for path in (ROOT / "systemd").iterdir() if path.suffix}
    assert shipped == {Path(name).name for name in WHEEL["shared-data"]}


def test_nothing_else_is_installed(installed: Installed) -> None:
    tops = {path.name for path in installed.folder.iterdir()}

    assert {top for top in tops if not top.endswith(".dist-info")} <= {*WHEEL["packages"], "bin", "lib"}


def test_every_module_can_be_imported_from_where_it_is_installed(installed: Installed) -> None:
    code = """
import importlib, pkgutil
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(package.__path__, name + "."):
        if not found.name.endswith("__main__"):
            print(importlib.import_module(found.name).__file__)
"""
    ran = installed.run(code, *WHEEL["packages"])

    assert ran.returncode == 0, ran.stderr
    files = ran.stdout.split()
    assert len(files) > 100
    assert [file for file in files if not file.startswith(str(installed.folder))] == []


@pytest.mark.parametrize("name", ["facility.yaml", "demo.yaml"])
def test_the_shipped_site_files_pass_the_installed_check(installed: Installed, name: str) -> None:
    ran = installed.run("from monitor.cli import main; main()", "check", str(installed.folder / "config" / name))

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_installed_command_has_the_version_of_the_project(installed: Installed) -> None:
    ran = installed.run("from importlib.metadata import version; print(version('facility-monitor'))")

    assert ran.stdout.strip() == SETTINGS["project"]["version"]
    assert (installed.folder / "bin" / "facility-monitor").is_file()
