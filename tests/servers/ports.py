"""Free loopback ports for the servers that the tests start, and waiting until they answer."""

import itertools
import os
import random
import socket
import threading
import time
from collections.abc import Iterator

_FIRST, _EACH, _WORKERS = 20_000, 750, 16
"""Below the ports that systems give to clients; each worker of a parallel run has a range of its own."""


def _ports() -> Iterator[int]:
    """This worker's ports, in an order of its own, one after the other and again: none is given twice in a row."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _WORKERS
    ports = range(_FIRST + worker * _EACH, _FIRST + (worker + 1) * _EACH)
    return itertools.cycle(random.sample(ports, len(ports)))


_next = _ports()
_turn = threading.Lock()


def free_port() -> int:
    """Answer a TCP port of 127.0.0.1 that nobody listens on now, and that nobody else of the run is given soon."""
    for _ in range(_EACH):
        with _turn:
            port = next(_next)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")


def wait_for_port(port: int, seconds: float = 60.0) -> None:
    """Return once something accepts connections on a port of 127.0.0.1; raise TimeoutError otherwise."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port} after {seconds} s")
