"""Who is at the other end of the Unix socket."""

import contextlib
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from typing import Any

from monitor.errors import RequestRefused

__all__ = ["Peer", "peer_of", "who_asks"]

_UCRED = struct.Struct("3i")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A process that asks: its user as the kernel says; `login` is the number where the system has no name."""

    uid: int
    login: str


def peer_of(descriptor: int) -> Peer:
    """Ask the kernel who connected (SO_PEERCRED). Raises OSError when the descriptor is no Unix socket."""
    with contextlib.closing(socket.socket(fileno=os.dup(descriptor))) as connected:
        credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(credentials)
    try:
        login = pwd.getpwuid(uid).pw_name
    except KeyError:
        login = str(uid)
    return Peer(uid=uid, login=login)


def who_asks(request: Any) -> str:
    """The login of whoever sent a request over the socket; raises RequestRefused when nobody knows."""
    peer: Peer | None = getattr(request.state, "peer", None)
    if peer is None:
        raise RequestRefused("it is not known who asks; use the daemon's socket")
    return peer.login
