"""`listen`: what is said on an MQTT broker, what it looks like, and what devices it would make."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from monitor.cli.options import Json
from monitor.cli.output import print_line
from monitor.cli.places import SITE_FILE
from monitor.cli.profiles import library_of

if TYPE_CHECKING:
    from monitor.cli.brokers import Broker
    from monitor.cli.hearsay import Found

__all__ = ["add_to"]

_FOREVER = "ever"


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(listen)


def listen(
    *,
    connection: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="A broker of the site file; its only one needs no id.", show_default=False
        ),
    ] = None,
    site: Annotated[Path, typer.Option(metavar="FILE", help="The site file.")] = SITE_FILE,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Any broker: mqtt://HOST or mqtts://HOST.", show_default=False),
    ] = None,
    username: Annotated[str | None, typer.Option(help="The user name there.", show_default=False)] = None,
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with the password.", show_default=False)
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Who signed the broker's certificate (PEM).", show_default=False),
    ] = None,
    protocol: Annotated[Literal["5", "3.1.1"], typer.Option(help="The version of MQTT, with --url.")] = "5",
    topic: Annotated[str, typer.Option(metavar="FILTER", help="What to listen to.")] = "#",
    duration: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long, or `ever`; Ctrl-C ends it at any time.")
    ] = "30 s",
    discovered: Annotated[
        bool, typer.Option("--discovered", help="Only what announces itself by Home Assistant's discovery.")
    ] = False,
    as_json: Json = False,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print the devices as they would stand in a site file.")
    ] = False,
    add: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Add the devices to a site file, each after a yes.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Add them all without asking.")] = False,
) -> None:
    """Say what is said on an MQTT broker, and propose devices for the site file.

    Nothing is published, and nobody's session is touched. Card numbers, codes and user names are not shown.
    """
    from drivers.mqtt.listening import listen as listen_to
    from drivers.mqtt.survey.heard import Survey
    from monitor.cli.hearsay import found_in, print_as_json, print_as_yaml, print_for_people

    if as_json + as_yaml + (add is not None) > 1:
        raise typer.BadParameter("one of --json, --yaml and --add at a time", param_hint="--json")
    if add is not None and not yes and not sys.stdin.isatty():
        raise typer.BadParameter(
            "nobody can be asked here: say --yes, or run it at a terminal", param_hint="--add"
        )
    seconds = _seconds(duration)
    _check_topic(topic)
    login = _Login(username, password_file, ca, protocol)
    broker = _broker(connection, site, url, login, add)
    if sys.stderr.isatty():
        long = "until Ctrl-C" if seconds is None else f"for {duration}; Ctrl-C ends it earlier"
        typer.echo(f"Listening to {broker.options.url} {long}.", err=True)
    survey = Survey()
    ear = listen_to(broker.options, topic, seconds, survey.hear)
    found = found_in(survey, ear, broker, library_of(add or site), discovered=discovered)
    if as_json:
        print_as_json(found)
    elif as_yaml:
        print_as_yaml(found)
    else:
        print_for_people(found, discovered=discovered)
    if add is not None:
        _add(add, found, password_file, yes=yes)


class _Login(NamedTuple):
    """How a broker that is named by its url is talked to."""

    username: str | None
    password_file: Path | None
    ca: Path | None
    protocol: str


def _seconds(duration: str) -> float | None:
    from monitor.fields import seconds

    if duration == _FOREVER:
        return None
    try:
        return seconds(duration)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from error


def _check_topic(topic: str) -> None:
    from drivers.mqtt.settings import check_topic_filter

    try:
        check_topic_filter(topic)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--topic") from error


def _broker(connection: str | None, site: Path, url: str | None, login: _Login, add: Path | None) -> "Broker":
    from monitor.cli.brokers import by_url, of_site, placed

    if url is None and (login.username or login.password_file or login.ca):
        raise typer.BadParameter("--username, --password-file and --ca belong to --url", param_hint="--url")
    if url is not None and connection is not None:
        raise typer.BadParameter("name a broker by --connection or by --url", param_hint="--url")
    broker = of_site(site, connection) if url is None else by_url(url, *login)
    return broker if add is None or (url is None and add == site) else placed(broker, add)


def _add(file: Path, found: "Found", password_file: Path | None, *, yes: bool) -> None:
    """Add the devices that a person says yes to."""
    from monitor.cli.sitefile import add_to_site

    wanted = [each for each in found.addable if yes or _wished(each.id)]
    if not wanted:
        print_line(f"Nothing was added to {file}.")
        return
    new = found.broker.new
    added = add_to_site(file, new, [found.entry(each) for each in wanted])
    print_line(f"Added to {file}: {', '.join(added)}")
    if new and password_file is not None:
        print_line(f"Its password goes to: install -D -m 600 {password_file} {file.parent / 'secrets' / 'mqtt'}")


def _wished(ident: str) -> bool:
    return bool(typer.confirm(f"Add {ident}?", default=False))
