"""`influx setup`: two databases, their rights and their secrets, by an administrator of InfluxDB."""

import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.options import Json
from monitor.cli.output import clean, print_json, print_line

if TYPE_CHECKING:
    from monitor.site import InfluxSettings

__all__ = ["setup"]

_LARGEST = 64 * 1024
_MODE = 0o600
_LOOK = "look at it, and take it away if it is empty"

_File = Annotated[Path, typer.Argument(metavar="FILE", help="The site file.", show_default=False)]
_Sink = Annotated[str, typer.Option(metavar="ID", help="One sink, where there are several.", show_default=False)]
_AdminFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A file with an administrator's token; with InfluxDB 1.x user:password.",
        show_default=False,
    ),
]
_AdminEnv = Annotated[
    str,
    typer.Option(metavar="NAME", help="The environment variable that has it instead.", show_default=False),
]
_Alter = Annotated[bool, typer.Option("--alter-retention", help="Change retention that is not as it should be.")]
_Grafana = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Where what Grafana needs is written to (default: grafana.env beside the site file).",
        show_default=False,
    ),
]


def setup(
    file: _File,
    *,
    sink: _Sink = "",
    admin_file: _AdminFile = None,
    admin_env: _AdminEnv = "",
    alter_retention: _Alter = False,
    grafana: _Grafana = None,
    as_json: Json = False,
) -> None:
    """Make databases, retention, users or tokens for the monitor and Grafana. For an administrator of InfluxDB.

    What is there already is kept; said again, it changes nothing. The administrator's token is asked for where the
    server wants one.
    """
    from monitor.app import influxdbs_of, load_site, prepare_influx
    from monitor.errors import RequestRefused
    from monitor.wording import Sentence

    if admin_file is not None and admin_env:
        raise typer.BadParameter("say --admin-file or --admin-env")
    site = load_site(file, os.environ).site
    folder = file if file.is_dir() else file.parent
    steps: list[dict[str, Any]] = []
    try:
        chosen = influxdbs_of(site, sink)
        if grafana is not None and len(chosen) > 1:
            raise typer.BadParameter("say --sink with --grafana: each InfluxDB has a file of its own")
        for settings in chosen:
            files = _Files(settings, folder, grafana if grafana is not None else _beside(folder, settings))
            admin = _administrator(settings, admin_file, admin_env)
            for step in prepare_influx(settings, site, files=files, admin=admin, alter=alter_retention):
                steps.append(asdict(step))
                if not as_json:
                    _print(steps[-1], several=len(site.influxdbs) > 1)
    except RequestRefused as refused:
        if as_json:
            print_json({"steps": steps, "changed": _has_changed(steps)})
        done = sum(step["state"] in {"made", "changed"} for step in steps)
        raise RequestRefused(
            Sentence(
                "{refused}\n{done} of what is to be done was done before that, and stays; say this again to go on",
                refused=str(refused),
                done=done,
            )
        ) from refused
    if as_json:
        print_json({"steps": steps, "changed": _has_changed(steps)})
    else:
        _say_what_follows(file, steps)
    if any(step["state"] == "left" for step in steps):
        raise typer.Exit(1)


def _has_changed(steps: Sequence[Mapping[str, Any]]) -> bool:
    return any(step["state"] in {"made", "changed"} for step in steps)


def _say_what_follows(file: Path, steps: Sequence[Mapping[str, Any]]) -> None:
    if not _has_changed(steps):
        print_line("Nothing was changed.")
        return
    if any(step["what"] == "token" and step["state"] == "made" for step in steps):
        print_line("The token is new: start the monitor, or say systemctl restart facility-monitor.")
    if any(step["state"] == "changed" and step["what"] in {"grafana", "right", "token"} for step in steps):
        print_line(
            "Grafana reads otherwise from now on: say facility-monitor grafana export again, copy what it writes"
            " and restart Grafana."
        )
    print_line(f"Next: facility-monitor influx check {file}")


def _print(step: Mapping[str, Any], *, several: bool) -> None:
    place = f"{step['sink']}: " if several else ""
    print_line(f"{step['state']:8} {place}{step['what']}: {clean(step['told'])}")
    if step["what_to_do"]:
        print_line(f"{'':8} {clean(step['what_to_do'])}")


def _beside(folder: Path, settings: "InfluxSettings") -> Path:
    return folder / ("grafana.env" if settings.id == "influxdb" else f"grafana-{settings.id}.env")


def _administrator(settings: "InfluxSettings", file: Path | None, variable: str) -> Callable[[], str]:
    """Where an administrator's token comes from, once it is known that one is needed."""
    from monitor.errors import RequestRefused
    from monitor.wording import Sentence

    def ask() -> str:
        if file is not None:
            token = _content(file)
        elif variable:
            token = os.environ.get(variable, "")
        elif sys.stdin.isatty():
            words = f"Administrator of {settings.url} (a token; with InfluxDB 1.x user:password)"
            token = typer.prompt(words, hide_input=True, err=True)
        else:
            raise RequestRefused(
                Sentence(
                    "{url} wants an administrator: name one with --admin-file FILE or --admin-env NAME",
                    url=settings.url,
                )
            )
        token = token.strip()
        if not token or not token.isprintable():
            source = file or variable or "what was typed"
            raise RequestRefused(Sentence("there is no administrator's token in {source}", source=str(source)))
        return token

    return ask


def _content(file: Path) -> str:
    """What a file holds that nobody else may read; a pipe, as of a password safe, will do."""
    from monitor.errors import RequestRefused
    from monitor.wording import Sentence

    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise RequestRefused(Sentence("others may read {file}: run `chmod 600 {file}`", file=str(file)))
            return opened.read(_LARGEST).decode()
    except OSError as error:
        raise RequestRefused(
            Sentence("{file} cannot be read: {error}", file=str(file), error=str(error.strerror))
        ) from error
    except UnicodeDecodeError as error:
        raise RequestRefused(Sentence("{file} is not UTF-8 text", file=str(file))) from error


class _Files:
    """The secret of one sink, and what Grafana needs of it."""

    def __init__(self, settings: "InfluxSettings", folder: Path, grafana: Path) -> None:
        self._name = settings.secret
        self._is_known = bool(settings.token)
        self._secrets = folder / "secrets"
        self._grafana = grafana

    def check(self) -> None:
        """Refuse when they could not be written."""
        from monitor.errors import RequestRefused
        from monitor.wording import Sentence

        if self._secrets.exists() and not self._secrets.is_dir():
            raise RequestRefused(
                Sentence("{place} is no folder, and secrets are to be kept there", place=str(self._secrets))
            )
        place = self._secrets / self._name
        if self._name and not self._is_known and os.path.lexists(place):
            raise RequestRefused(
                Sentence("{place} is there, and yet it could not be read: {look}", place=str(place), look=_LOOK)
            )
        for folder in (self._grafana.parent, self._secrets if self._secrets.is_dir() else self._secrets.parent):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise RequestRefused(Sentence("{folder} cannot be written to: try with sudo", folder=str(folder)))

    def keep_token(self, token: str) -> str:
        """Keep the monitor's token as the secret that the site file names."""
        from monitor.cli.placing import place_secrets
        from monitor.errors import RequestRefused
        from monitor.wording import Sentence

        place = self._secrets / self._name
        if place_secrets(self._secrets, {self._name: token}):
            raise RequestRefused(
                Sentence(
                    "{place} has come meanwhile, and is not overwritten: {look}", place=str(place), look=_LOOK
                )
            )
        return str(place)

    def grafana(self) -> Mapping[str, str]:
        """What is kept for Grafana, by variable."""
        if not self._grafana.exists():
            return {}
        lines = (line.strip().partition("=") for line in _content(self._grafana).splitlines())
        return {name: value for name, equals, value in lines if equals and not name.startswith("#")}

    def keep_grafana(self, variables: Mapping[str, str]) -> str:
        """Write it where it has changed."""
        from monitor.cli.placing import place_secrets, replace_file
        from monitor.errors import RequestRefused
        from monitor.wording import Sentence

        if any(not value.isprintable() for value in variables.values()):
            raise RequestRefused(Sentence("a value for Grafana holds what cannot stand in a file of variables"))
        if self.grafana() != variables:
            text = "".join(f"{name}={value}\n" for name, value in variables.items())
            if self._grafana.exists():
                with replace_file(self._grafana, text.encode(), _MODE):
                    pass
            else:
                place_secrets(self._grafana.parent, {self._grafana.name: text.rstrip("\n")})
        return str(self._grafana)
