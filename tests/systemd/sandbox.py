"""Runs a command under the system call filter of a unit, without systemd: `python sandbox.py UNIT COMMAND …`.

The filter is loaded into the kernel by systemd's own library for it, libseccomp. What the unit does not allow
kills here, whatever the unit says of it, so that a test can see it.
"""

import ctypes
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

__all__ = ["allowed", "main"]

_ALLOW = 0x7FFF0000
_SET_MDWE = 65
_REFUSE_EXEC_GAIN = 1
_KILL_PROCESS = 0x80000000
_UNKNOWN = -1


def allowed(unit: str) -> set[str]:
    """The names of the system calls that the lines `SystemCallFilter=` of a unit leave, in their order."""
    left: set[str] = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        named = {call for word in words.removeprefix("~").split() for call in _calls(word)}
        left = left - named if words.startswith("~") else left | named
    return left


@cache
def _calls(word: str) -> frozenset[str]:
    """A call by itself, or the calls of a set like `@system-service`, those of the sets in it included."""
    if not word.startswith("@"):
        return frozenset({word})
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], check=True, capture_output=True, text=True
    ).stdout
    names = [line.strip() for line in listed.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return frozenset(call for name in names for call in _calls(name))


def _load(names: set[str]) -> None:
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    context = library.seccomp_init(ctypes.c_uint32(_KILL_PROCESS))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number != _UNKNOWN:  # a call of other machines
            library.seccomp_rule_add(context, _ALLOW, number, 0)
    failed = library.seccomp_load(context)
    if failed:
        raise OSError(-failed, os.strerror(-failed))


def _deny_write_execute() -> None:
    """As `MemoryDenyWriteExecute=yes`, where the kernel can (6.3): no memory is both written and run."""
    ctypes.CDLL(None).prctl(_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0)


def main(unit: Path, *command: str) -> None:
    """Become the command, under the filter; the kernel kills it (SIGSYS) at a call that is not allowed."""
    names = allowed(unit.read_text())
    if os.geteuid() == 0:
        # Root gives files of SQLite, and the socket where the group is there, to others; the service is not root.
        names |= {"chown", "fchown"}
    if "\nMemoryDenyWriteExecute=yes\n" in unit.read_text():
        _deny_write_execute()
    _load(names)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
