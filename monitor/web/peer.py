"""Who is at the other end of the Unix socket."""

import contextlib
import os
import pwd
import socket
import struct
from typing import Any

from monitor.web.callers import Caller, Role, Via, caller_of

__all__ = ["caller_by_socket", "who_asks"]

_UCRED = struct.Struct("3i")


def caller_by_socket(descriptor: int) -> Caller:
    """Ask the kernel who connected (SO_PEERCRED). Raises OSError when the descriptor is no Unix socket.

    He is named by his login, or by the number of his user where the system has no name for it. Root and the user
    that the daemon runs as are administrators, others who may connect supervisors.
    """
    with contextlib.closing(socket.socket(fileno=os.dup(descriptor))) as connected:
        credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(credentials)
    try:
        login = pwd.getpwuid(uid).pw_name
    except KeyError:
        login = str(uid)
    role = Role.ADMINISTRATOR if uid in {0, os.geteuid()} else Role.SUPERVISOR
    return Caller(name=login, role=role, via=Via.SOCKET)


def who_asks(request: Any) -> str:
    """The name under which is kept what a request asks for; raises NotSignedIn when nobody knows."""
    return caller_of(request).name
