"""The daemon as a user runs it: a process of its own, asked through its own commands and its own socket."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from sqlite3 import Row, connect
from typing import Any, Self
from urllib.parse import urlencode

__all__ = ["COMMAND", "Daemon", "rows", "until"]

COMMAND = [sys.executable, "-m", "monitor"]


class Daemon:
    """`facility-monitor run SITE --state DIR` and its clients; `before` is what starts the daemon, if anything."""

    def __init__(
        self, site: Path, state: Path, environ: dict[str, str] | None = None, before: Sequence[str] = ()
    ) -> None:
        self.site = site
        self.state = state
        self.log = state.parent / f"{state.name}.log"
        self._environ = os.environ | (environ or {})
        self._before = before
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True) -> Self:
        """Start it; with `ready`, return once its socket answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._before, *COMMAND, "run", str(self.site), "--state", str(self.state)],
                stdout=log,
                stderr=log,
                env=self._environ,
            )
        if ready:
            self.until(lambda: self.get("status"), "the daemon answers")
        return self

    def get(self, *path: str, **query: Any) -> Any:
        """Ask its socket; None while nobody answers, and for what it does not know."""
        where = f"/api/v1/{'/'.join(path)}?{urlencode(query)}"
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            try:
                link.connect(str(self.state / "api.sock"))
                with closing(HTTPConnection("daemon")) as client:
                    client.sock = link
                    client.request("GET", where)
                    answer = client.getresponse()
                    return json.loads(answer.read()) if answer.status == HTTPStatus.OK else None
            except (OSError, HTTPException):
                return None

    def ask(self, *words: str) -> Any:
        """Run a client command with --json; None when it fails."""
        result = self.command(*words, "--json")
        return json.loads(result.stdout) if result.returncode == 0 else None

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a client command as it stands."""
        return subprocess.run(
            [*COMMAND, *words, "--state", str(self.state)],
            capture_output=True,
            text=True,
            env=self._environ,
            check=False,
            timeout=30,
        )

    def until(self, claim: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
        """Wait until a claim holds and answer what it answered; fails at once when the daemon has ended."""

        def still() -> Any:
            if self._process is not None and self._process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self._process.returncode}:\n{self.tail()}")
            return claim()

        return until(still, lambda: f"{what}\n{self.tail()}", seconds)

    def tail(self, size: int = 4000) -> str:
        """The end of what it logged."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    @property
    def pid(self) -> int:
        """Its process; raises ProcessLookupError while there is none."""
        if self._process is None:
            raise ProcessLookupError("the daemon does not run")
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self, *, within: float = 20) -> int:
        """SIGTERM; answers the exit status, which has to come within so many seconds."""
        return self._end(signal.SIGTERM, within)

    def hang_up(self) -> None:
        """SIGHUP: take the site file again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def ends(self, *, within: float = 20) -> int:
        """Wait until it has ended by itself; answers the exit status."""
        assert self._process is not None
        status = self._process.wait(timeout=within)
        self._process = None
        return status

    def _end(self, how: signal.Signals, within: float = 20) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        status = self._process.wait(timeout=within)
        self._process = None
        return status

    # What it keeps ------------------------------------------------------------------------------------

    def journal(self, query: str, *parameters: Any) -> list[Row]:
        """Read journal.db, as anybody may who only reads."""
        return rows(self.state / "journal.db", query, *parameters)

    def memory(self, query: str, *parameters: Any) -> list[Row]:
        """Read state.db likewise."""
        return rows(self.state / "state.db", query, *parameters)

    def readings(self, device: str) -> list[tuple[int, dict[str, Any]]]:
        """Time and values of every reading of a device that has values, in the order of the journal."""
        found = self.journal("SELECT body FROM entries WHERE kind = 1 AND device = ? ORDER BY position", device)
        bodies = [json.loads(row["body"]) for row in found]
        return [(body[1], body[3]) for body in bodies if body[3]]

    def entries(self, kind: int) -> list[dict[str, Any]]:
        """Every entry of a kind that is not a reading (2 event, 4 transition, 5 command), in order."""
        found = self.journal("SELECT body FROM entries WHERE kind = ? ORDER BY position", kind)
        return [json.loads(row["body"]) for row in found]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()


def rows(path: Path, query: str, *parameters: Any) -> list[Row]:
    """Read a database that another process may be writing."""
    with closing(connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        db.row_factory = Row
        return db.execute(query, parameters).fetchall()


def until(claim: Callable[[], Any], what: str | Callable[[], str], seconds: float = 60.0) -> Any:
    """Wait until a claim holds and answer what it answered."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = claim()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what if isinstance(what, str) else what()}")
