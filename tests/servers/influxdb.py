"""Debian's InfluxDB 1.6.7 for tests: own folder, own ports, nobody else's configuration."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

from tests.servers.ports import free_port

__all__ = ["InfluxServer", "influxdb"]

ADMIN, PASSWORD = "admin", "only-for-tests"

_CONFIG = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = {auth}
  log-enabled = false
  max-body-size = {max_body}
[logging]
  level = "error"
  suppress-logo = true
"""


class InfluxServer:
    """One influxd that can be stopped and started again on the same data and port."""

    def __init__(self, folder: Path, *, auth: bool, max_body: int = 25_000_000) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = f"{ADMIN}:{PASSWORD}" if auth else ""
        self._folder = folder
        self._config = folder / "influxdb.conf"
        self._config.write_text(
            _CONFIG.format(
                rpc=free_port(), port=self.port, folder=folder, auth=str(auth).lower(), max_body=max_body
            )
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._http = urllib3.PoolManager(retries=False, timeout=20)

    def start(self) -> None:
        with (self._folder / "influxd.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/usr/bin/influxd", "-config", str(self._config)],
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(self._folder)},
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if self._http.request("GET", f"{self.url}/ping").status == 204:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.02)
        raise TimeoutError((self._folder / "influxd.log").read_text())

    @property
    def process_id(self) -> int:
        """Of the server that runs."""
        assert self._process is not None
        return self._process.pid

    def stop(self, *, kill: bool = False) -> None:
        if self._process is not None:
            (self._process.kill if kill else self._process.terminate)()
            self._process.wait(20)
            self._process = None
        self._http.clear()

    def query(self, text: str, database: str | None = None, *, epoch: str = "ms") -> list[dict[str, Any]]:
        """Run InfluxQL; answer the rows of all series with their tags, or raise RuntimeError with the error."""
        fields = {"q": text, "epoch": epoch} | ({"db": database} if database else {})
        headers = urllib3.make_headers(basic_auth=self.token) if self.token else {}
        answer = self._http.request("POST", f"{self.url}/query", fields=fields, headers=headers)
        found = json.loads(answer.data)
        rows: list[dict[str, Any]] = []
        if "error" in found:
            raise RuntimeError(f"{found['error']}: {text}")
        for result in found["results"]:
            if "error" in result:
                raise RuntimeError(f"{result['error']}: {text}")
            for series in result.get("series", ()):
                tags = series.get("tags", {})
                rows += [
                    tags | dict(zip(series["columns"], each, strict=True)) for each in series.get("values", ())
                ]
        return rows

    def create(self, *databases: str) -> None:
        for database in databases:
            self.query(f'CREATE DATABASE "{database}"')

    def drop(self, *databases: str) -> None:
        for database in databases:
            self.query(f'DROP DATABASE "{database}"')


@contextmanager
def influxdb(folder: Path, *, auth: bool = True, max_body: int = 25_000_000) -> Iterator[InfluxServer]:
    """A running server; with `auth`, one administrator and nobody else."""
    server = InfluxServer(folder, auth=auth, max_body=max_body)
    try:
        server.start()
        if auth:
            server.query(f"CREATE USER {ADMIN} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
        yield server
    finally:
        server.stop()
