"""Where the daemon keeps its state, and where its clients find its socket."""

import os
from pathlib import Path

__all__ = ["SITE_FILE", "SYSTEM_SOCKET", "find_socket", "state_folder"]

SITE_FILE = Path("/etc/facility-monitor/site.yaml")
SYSTEM_SOCKET = Path("/run/facility-monitor/api.sock")


def state_folder(wished: Path | None) -> Path:
    """The folder of `run`: as wished, else the service's (`$STATE_DIRECTORY`), else the user's."""
    if wished is not None:
        return wished
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else _users_folder()


def find_socket(socket: Path | None, state: Path | None) -> Path:
    """Where a client asks: `--socket`, then `--state`, then the service's socket, then the user's folder."""
    if socket is not None:
        return socket
    if state is not None:
        return state / "api.sock"
    try:
        system = SYSTEM_SOCKET.exists()
    except PermissionError:
        system = True
    return SYSTEM_SOCKET if system else _users_folder() / "api.sock"


def _users_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "facility-monitor"
