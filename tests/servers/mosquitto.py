"""A real Mosquitto on 127.0.0.1 and a free port, with the shipped configuration."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import trustme

from tests.servers.ports import free_port, wait_for_port

__all__ = ["Mosquitto", "Tls"]

SHIPPED = Path(__file__).parents[2] / "config" / "mosquitto.conf"
_PROGRAM = "/usr/sbin/mosquitto"


@dataclass(frozen=True)
class Tls:
    """Certificates of a broker on localhost, and of a client, from a CA of their own."""

    ca: Path
    certificate: Path
    key: Path
    client_certificate: Path
    client_key: Path

    @classmethod
    def make(cls, folder: Path) -> "Tls":
        authority = trustme.CA()
        made = cls(*(folder / name for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")))
        authority.cert_pem.write_to_path(str(made.ca))
        for leaf, certificate, key in (
            (authority.issue_cert("localhost", "127.0.0.1"), made.certificate, made.key),
            (authority.issue_cert("monitor@localhost"), made.client_certificate, made.client_key),
        ):
            leaf.private_key_pem.write_to_path(str(key))
            for index, blob in enumerate(leaf.cert_chain_pems):
                blob.write_to_path(str(certificate), append=index > 0)
        return made


@dataclass
class Mosquitto:
    """One broker. `users`: name -> password (none: anonymous). `extra`: further lines of configuration."""

    folder: Path
    port: int = field(default_factory=free_port)
    users: dict[str, str] = field(default_factory=dict)
    tls: Tls | None = None
    client_certificates: bool = False
    template: Path | None = SHIPPED
    extra: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtts://localhost:{self.port}" if self.tls else f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> "Mosquitto":
        """Start, and return when it accepts connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text("\n".join(self._lines()) + "\n")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([_PROGRAM, "-c", configuration], stdout=log, stderr=log)
        wait_for_port(self.port)
        return self

    def stop(self) -> None:
        """End it in order: it saves its sessions."""
        self._end(kill=False)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(kill=True)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill() if kill else process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _lines(self) -> list[str]:
        lines = [] if self.template is None else self.template.read_text().splitlines()
        lines += [f"persistence_location {self.folder}/", f"listener {self.port} 127.0.0.1", *self.extra]
        if os.geteuid() == 0:
            lines.append("user root")  # else it would give up the right to read the test's folder
        if self.tls is not None:
            lines += [f"cafile {self.tls.ca}", f"certfile {self.tls.certificate}", f"keyfile {self.tls.key}"]
            lines.append(f"require_certificate {str(self.client_certificates).lower()}")
        if self.users:
            lines += ["allow_anonymous false", f"password_file {self._passwords()}"]
        else:
            lines.append("allow_anonymous true")
        return lines

    def _passwords(self) -> Path:
        file = self.folder / "passwords"
        file.touch(mode=0o600)
        for name, password in self.users.items():
            subprocess.run(["mosquitto_passwd", "-b", file, name, password], check=True, capture_output=True)
        return file

    def __enter__(self) -> Self:
        if self._process is None:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
