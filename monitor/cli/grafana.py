"""`grafana export`: data sources, folders and dashboards of a site, in a folder that Grafana reads."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import typer

from monitor.cli.output import clean, print_line

if TYPE_CHECKING:
    from monitor.site import InfluxSettings, Site

__all__ = ["add_to"]

_Sink = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Which InfluxDB, where the site has several.", show_default="the first"),
]
_Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="InfluxDB's address as Grafana sees it.", show_default="that of the site file"
    ),
]
_Api = Annotated[
    Literal["v1", "v2"] | None,
    typer.Option(
        help="v1: Grafana reads with user and password; v2: with a token.",
        show_default="after the site file's api and token",
    ),
]
_LiesAt = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="PATH", help="Where DIR will be on Grafana's machine.", show_default="the same place"
    ),
]
_AccessOrg = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="NUMBER",
        help="The organisation in Grafana that alone sees doors and cards, beside the rest.",
        show_default="everybody who sees the rest",
    ),
]
_Everything = Annotated[
    bool, typer.Option("--all", help="Also dashboards and panels of what the site file has no devices of.")
]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="Grafana, where people look at it.", rich_markup_mode=None)
    group.callback()(_group)
    group.command()(export)
    app.add_typer(group, name="grafana", no_args_is_help=True)


def _group() -> None:
    """Grafana, where people look at it."""


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if need be.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The site file.", show_default="the service's")
    ] = None,
    *,
    sink: _Sink = None,
    url: _Url = None,
    api: _Api = None,
    lies_at: _LiesAt = None,
    access_org: _AccessOrg = None,
    everything: _Everything = False,
) -> None:
    """Write provisioning and dashboards for a site; what was written before is written anew."""
    from monitor.cli.places import SITE_FILE
    from monitor.grafana.provisioning import ACCESS_SECRET, ENVIRONMENT, Connected, provision

    site = _site(file)
    settings = _settings(site, sink)
    connected = Connected(
        url=url or settings.url,
        bucket=settings.bucket,
        access_bucket=settings.access_bucket if settings.access_bucket in settings.buckets else "",
        api=api or _api(settings),
        folder=lies_at or str(folder.absolute()),
        access_org=access_org,
    )
    if not urlsplit(connected.url).hostname:
        raise typer.BadParameter("write an address such as `http://127.0.0.1:8086`", param_hint="--url")
    files = dict(provision(site, connected, everything=everything))
    known = _environment(file or SITE_FILE, settings.id)
    if known is not None:
        del files[ENVIRONMENT]
    _write(folder, files)
    if api is None and settings.api == "auto" and settings.secret and not settings.token:
        print_line(
            f"The secret {clean(settings.secret)} cannot be read here: InfluxDB was taken for 1.x;"
            " for 2.x or 3.x say --api v2"
        )
    print_line(f"{len(files)} files in {clean(folder)}, for InfluxDB at {clean(connected.url)}. Next:")
    if known is None:
        known = folder.absolute() / ENVIRONMENT
        print_line(f"  # write the passwords or tokens that Grafana reads with into {clean(known)}")
    if settings.access_bucket in settings.buckets and settings.access_bucket != settings.bucket:
        _warn(known, ACCESS_SECRET)
    print_line(f"  sudo cp -r {clean(folder)}/provisioning /etc/grafana/")
    print_line(f"  sudo systemctl edit grafana-server    # [Service] EnvironmentFile={clean(known)}")
    print_line("  sudo systemctl restart grafana-server")


def _environment(file: Path, sink: str) -> Path | None:
    """The file that `influx setup` has written for Grafana, where it has."""
    folder = file.absolute() if file.is_dir() else file.absolute().parent
    path = folder / ("grafana.env" if sink == "influxdb" else f"grafana-{sink}.env")
    return path if path.exists() else None


def _warn(environment: Path, variable: str) -> None:
    """Say it when an environment is from before doors and cards had a reader of their own."""
    with contextlib.suppress(OSError):
        if variable not in environment.read_text("utf-8", errors="replace"):
            print_line(f"  # {variable} is not in {clean(environment)} yet: say influx setup again, or add it")


def _site(file: Path | None) -> "Site":
    from monitor.app import load_site
    from monitor.cli.places import SITE_FILE

    return load_site(file or SITE_FILE, os.environ).site


def _settings(site: "Site", sink: str | None) -> "InfluxSettings":
    from monitor.errors import SettingsError

    known = site.influxdbs
    if not known:
        raise SettingsError("the site file has no `sinks.influxdb`: there is nothing that Grafana could show")
    if sink is None:
        return next(iter(known.values()))
    if sink not in known:
        raise SettingsError(f"the site file has no InfluxDB `{sink}`; there is {', '.join(known)}")
    return known[sink]


def _api(settings: "InfluxSettings") -> str:
    if settings.api != "auto":
        return settings.api
    return "v1" if not settings.token or ":" in settings.token else "v2"


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write each file whole; one with a secret in it that somebody has filled in stays as it is."""
    from monitor.errors import SettingsError
    from monitor.grafana.provisioning import ENVIRONMENT

    try:
        for name, text in files.items():
            path = folder / name
            if name == ENVIRONMENT and path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}.new")
            new.write_text(text, encoding="utf-8")
            new.chmod(0o600 if name == ENVIRONMENT else 0o644)
            new.replace(path)
        _clear(folder, files)
    except OSError as error:
        raise SettingsError(f"{error.filename} cannot be written: {error.strerror}") from error


def _clear(folder: Path, files: Mapping[str, str]) -> None:
    """Take away dashboards of ours that are no longer there: Grafana would go on showing them."""
    for path in (folder / "dashboards").glob("*/*.json"):
        text = path.read_text(encoding="utf-8", errors="replace")
        if str(path.relative_to(folder)) not in files and '"facility-monitor"' in text:
            path.unlink()
