"""A server whose data are written once in a test run: every process that needs them gets a copy of its files."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.influxdb import InfluxServer, influxdb

__all__ = ["filled"]

_FILES = ("data", "meta", "wal")


@contextmanager
def filled(
    factory: pytest.TempPathFactory, name: str, fill: Callable[[InfluxServer, Path], None]
) -> Iterator[InfluxServer]:
    """A server of one's own with the data that `fill` writes, which is called in the first process that comes.

    `fill` gets a server and a folder for whatever else it needs.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    first, done = shared / f"influxdb-{name}", shared / f"influxdb-{name}.done"
    with (shared / f"influxdb-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(first, ignore_errors=True)
            first.mkdir()
            with influxdb(first, auth=False) as server:
                fill(server, first)
            done.touch()
    own = factory.mktemp(name)
    for part in _FILES:
        shutil.copytree(first / part, own / part)
    with influxdb(own, auth=False) as server:
        yield server
