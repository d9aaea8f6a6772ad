"""A power cut, as a process on a running machine can have it: the files as they were at the last fsync.

`power.c`, preloaded into the daemon, logs what is done to the files of its state folder. From that log `Disk`
works out what a disk holds of the folder when the power goes: what an fsync had covered before it returned, and
of the rest nothing, or what comes to the drive's mind.

What is assumed:
- What an fsync or fdatasync of a file covers is what was written to that file before the call began; it is on the
  disk when the call returns, and stays there. A drive that lies about this is beyond any program.
- What was written before an fsync that fails is lost, and a later fsync does not bring it to the disk: Linux says
  so once, and takes the pages for clean. Whoever reads the file meanwhile still sees it.
- Names (new, renamed, linked, removed) are on the disk after an fsync of the folder, and not before. File systems
  do more: they keep the order of changes to names, so a beginning of what was not synced may be there, too.
- Of what was written and not synced, any sectors of 512 bytes may be there, a sector being whole or not at all
  (`scattered`), or a beginning that ends at any byte (`torn`), or nothing (`synced`).
- The shared memory of SQLite's write-ahead log is a memory map that nobody syncs: after a cut it is gone, or junk.
- The folder itself, modes and times of files are taken as they are; sockets are gone.
"""

import random
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

__all__ = ["HOW", "Disk", "Step", "compile_library"]

HOW = ("synced", "torn", "scattered")

_SOURCE = Path(__file__).with_name("power.c")
_HEAD = struct.Struct("=IIIIQQQ")
_SECTOR = 512
_JUNK = 32 * 1024


class Step(NamedTuple):
    """One record of the log: C new name, W write, T truncate, R rename, L link, U unlink, F fsync begins
    (D: of the folder), E fsync ends, X fsync fails."""

    what: str
    inode: int
    offset: int
    name: str
    other: str
    data: bytes


@dataclass(eq=False)
class _File:
    """What the disk has of a file, and what was done to it since, with the number of each step."""

    content: bytearray = field(default_factory=bytearray)
    waiting: list[tuple[int, Step]] = field(default_factory=list)

    def sync(self, before: int) -> None:
        while self.waiting and self.waiting[0][0] < before:
            _apply(self.content, self.waiting.pop(0)[1])

    def lose(self, before: int) -> None:
        self.waiting = [each for each in self.waiting if each[0] >= before or each[1].what == "T"]

    def after_cut(self, how: str, dice: random.Random) -> bytes:
        content = bytearray(self.content)
        steps = [step for _, step in self.waiting]
        if how == "torn" and steps:
            whole = dice.randrange(len(steps))
            for step in steps[:whole]:
                _apply(content, step)
            last = steps[whole]
            _apply(content, last._replace(data=last.data[: dice.randrange(len(last.data) + 1)]))
        elif how == "scattered":
            for step in steps:
                for sector in _sectors(step):
                    if dice.random() < 0.5:
                        _apply(content, sector)
        return bytes(content)


@dataclass
class _Names:
    """Which file has which name: on the disk, and since then in steps with their numbers."""

    kept: dict[str, _File] = field(default_factory=dict)
    waiting: list[tuple[int, Step, _File | None]] = field(default_factory=list)

    def sync(self, before: int) -> None:
        while self.waiting and self.waiting[0][0] < before:
            _rename(self.kept, *self.waiting.pop(0)[1:])

    def after_cut(self, how: str, dice: random.Random) -> dict[str, _File]:
        names = dict(self.kept)
        if how != "synced":
            for _, step, made in self.waiting[: dice.randrange(len(self.waiting) + 1)]:
                _rename(names, step, made)
        return names


class Disk:
    """The disk below a state folder. `environ` makes a program tell of it; `cut` turns the power off.

    The program must be dead when `cut` is called (SIGKILL: it did not close anything in order). Afterwards the
    folder holds what the disk held, and the program can be started on it again.
    """

    def __init__(self, folder: Path, log: Path, library: Path) -> None:
        self._folder = folder
        self._log = log
        self._kept: dict[str, bytes] = {}
        self._inodes: dict[str, int] = {}
        self.environ: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "POWER_FOLDER": str(folder),
            "POWER_LOG": str(log),
        }

    def steps(self) -> list[Step]:
        """What was done to the files since the last cut."""
        return list(_steps(self._log.read_bytes())) if self._log.exists() else []

    def at(self, steps: list[Step], how: str, dice: random.Random) -> dict[str, bytes]:
        """The files as a cut after these steps leaves them, by name."""
        files = {name: _File(bytearray(content)) for name, content in self._kept.items()}
        inodes = {self._inodes[name]: file for name, file in files.items()}
        names, now = _Names(dict(files)), dict(files)
        begun: dict[int, tuple[int, _File | _Names | None]] = {}
        for number, step in enumerate(steps):
            if step.what in "CRLU":
                made = _File() if step.what == "C" else now.get(step.name)
                if step.what == "C" and made is not None:
                    inodes[step.inode] = made
                names.waiting.append((number, step, made))
                _rename(now, step, made)
            elif step.what in "WT" and step.inode in inodes:
                inodes[step.inode].waiting.append((number, step))
            elif step.what in "FD":
                begun[step.offset] = number, names if step.what == "D" else inodes.get(step.inode)
            elif step.what in "EX":
                before, what = begun.pop(step.offset, (0, None))
                if step.what == "E" and what is not None:
                    what.sync(before)
                elif isinstance(what, _File):
                    what.lose(before)
        left = {name: file.after_cut(how, dice) for name, file in names.after_cut(how, dice).items()}
        left = {name: content for name, content in left.items() if not name.endswith("-shm")}
        if how == "scattered":
            left |= {f"{name[:-4]}-shm": dice.randbytes(_JUNK) for name in left if name.endswith("-wal")}
        return left

    def cut(self, how: str, dice: random.Random) -> None:
        """Leave in the folder what is on the disk now; the log begins again."""
        self.lay(self.at(self.steps(), how, dice))

    def keep(self) -> None:
        """Take the folder as it is for what is on the disk: the program died, and the machine went on."""
        files = {each.name: each.read_bytes() for each in self._folder.iterdir() if each.is_file()}
        self._begin(files)

    def lay(self, files: Mapping[str, bytes]) -> None:
        """Make the folder hold these files and nothing else."""
        if self._folder.exists():
            for each in self._folder.iterdir():
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for name, content in files.items():
            path = self._folder / name
            path.touch(mode=0o600)
            path.write_bytes(content)
        self._begin(files)

    def _begin(self, files: Mapping[str, bytes]) -> None:
        self._kept = dict(files)
        self._inodes = {name: (self._folder / name).stat().st_ino for name in files}
        self._log.unlink(missing_ok=True)


def compile_library(folder: Path, source: Path = _SOURCE) -> Path:
    """Compile `power.c`, or another library to preload, into a folder; answer the library."""
    library = folder / f"{source.stem}.so"
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, "-o", str(library), str(source), "-ldl"], check=True, timeout=60)
    return library


def _steps(log: bytes) -> Iterator[Step]:
    """The records of a log; a last one that is not whole was never answered to the program."""
    place = 0
    while place + _HEAD.size <= len(log):
        what, name, other, _, inode, offset, size = _HEAD.unpack_from(log, place)
        place += _HEAD.size
        if place + name + other + size > len(log):
            return
        texts = log[place : place + name].decode(), log[place + name : place + name + other].decode()
        place += name + other
        yield Step(chr(what), inode, offset, *texts, log[place : place + size])
        place += size


def _apply(content: bytearray, step: Step) -> None:
    if step.what == "T":
        del content[step.offset :]
        content.extend(bytes(step.offset - len(content)))
        return
    content.extend(bytes(max(0, step.offset - len(content))))
    content[step.offset : step.offset + len(step.data)] = step.data


def _sectors(step: Step) -> Iterator[Step]:
    if step.what == "T":
        yield step
        return
    place, end = step.offset, step.offset + len(step.data)
    while place < end:
        until = min(end, (place // _SECTOR + 1) * _SECTOR)
        yield step._replace(offset=place, data=step.data[place - step.offset : until - step.offset])
        place = until


def _rename(names: dict[str, _File], step: Step, file: _File | None) -> None:
    """Do one step to the names; what is no file that we know (a socket, a folder) has none."""
    if step.what in "UR":
        names.pop(step.name, None)
    target = step.name if step.what == "C" else step.other
    if step.what != "U" and target:
        names.pop(target, None)
        if file is not None and "/" not in target:
            names[target] = file
