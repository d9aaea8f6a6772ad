"""A file is there as a whole or not at all, wherever it is to be and whatever happens to it."""

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.errors import RequestRefused
from monitor.export.target import open_target


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_where_there_are_no_links_it_is_put_in_place_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with open_target(tmp_path / "out.csv", force=False) as out:
        out.write(b"whole")
    with pytest.raises(RequestRefused, match="File exists"), open_target(tmp_path / "late.csv", force=False):
        (tmp_path / "late.csv").write_bytes(b"another's")

    assert (tmp_path / "out.csv").read_bytes() == b"whole"
    assert (tmp_path / "late.csv").read_bytes() == b"another's"
    assert names(tmp_path) == ["late.csv", "out.csv"]


@pytest.mark.parametrize("force", [False, True])
def test_what_is_not_a_file_is_never_replaced(tmp_path: Path, *, force: bool):
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for each in (pipe, folder):
        with pytest.raises(RequestRefused, match="is not a file"), open_target(each, force=force):
            raise AssertionError(each)

    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["folder", "pipe"]


@pytest.mark.parametrize(
    ("name", "said"), [("x" * 300, "too long"), ("file/out.csv", "Not a directory"), ("none/out.csv", "No such")]
)
def test_what_cannot_be_is_told(tmp_path: Path, name: str, said: str):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(RequestRefused, match=said), open_target(tmp_path / name, force=False):
        pass


def test_a_name_that_just_fits_is_written(tmp_path: Path):
    with open_target(tmp_path / ("x" * 255), force=False) as out:
        out.write(b"whole")

    assert names(tmp_path) == ["x" * 255]


def fill(path: Path, limit: tuple[int, int]) -> None:
    with open_target(path, force=True) as out:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        for _ in range(100):
            out.write(b"x" * 10_000)


def test_a_disk_that_is_full_in_the_middle_leaves_nothing_that_could_be_taken_for_whole(tmp_path: Path):
    (tmp_path / "out.csv").write_bytes(b"before")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(RequestRefused, match="too large"):
            fill(tmp_path / "out.csv", (100_000, usual[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)

    assert (tmp_path / "out.csv").read_bytes() == b"before"
    assert names(tmp_path) == ["out.csv"]


def test_standard_output_that_is_full_is_told_once():
    program = (
        "from pathlib import Path; from monitor.export.target import open_target; import sys\n"
        "try:\n"
        "    with open_target(Path('-'), force=False) as out:\n"
        "        out.write(b'x' * 100_000)\n"
        "except Exception as error:\n"
        "    sys.exit(f'{type(error).__name__}: {error}')\n"
    )
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False)

    assert ran.returncode == 1
    assert ran.stderr.decode().splitlines() == [
        "RequestRefused: standard output cannot be written: No space left on device; what is there is not whole"
    ]
