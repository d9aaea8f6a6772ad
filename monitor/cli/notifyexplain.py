"""`notify explain`: who would be told of an alarm, when, over what and why."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from monitor.cli.options import At, Json, SiteFile, SocketPath, StateFolder
from monitor.cli.output import clean, local_time, print_json, print_line, print_table
from monitor.cli.places import SITE_FILE
from monitor.errors import RequestRefused
from monitor.wording import Sentence, either

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.duty import Override
    from monitor.notify.explaining import Explained
    from monitor.site import Rule, Site, Source

__all__ = ["explain"]

_SHOWN: Final = 8


def explain(
    alarm: Annotated[
        str, typer.Argument(metavar="RULE[/SOURCE]", help="A rule; a source of it as lists name it.")
    ],
    *,
    at: At = None,
    severity: Annotated[
        str, typer.Option(metavar="SEVERITY", help="Else the most severe that the rule can have.")
    ] = "",
    site: SiteFile = SITE_FILE,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Say who would be told of an alarm, when, over what and why, from the site file; nothing is sent.

    A daemon of the site that runs is asked who stands in by command; without it only the site file counts.
    """
    import time

    from monitor.app import load_site
    from monitor.notify.explaining import explain as explained
    from monitor.notify.explaining import severities_of

    loaded = load_site(site, os.environ).site
    rule, sources = _rule(loaded, alarm)
    wanted = _severity(severity) or severities_of(rule)[0]
    now = round(time.time() * 1000)
    when = now if at is None else _moment(loaded, at, now)
    stand_ins = _stand_ins(loaded, socket, state)
    found: dict[str, tuple[Explained, list[str]]] = {}
    for source in sources:
        one = explained(loaded, rule, source, severity=wanted, at=when, stand_ins=stand_ins or ())
        found.setdefault(repr(one), (one, []))[1].append(source.key)
    if as_json:
        print_json(
            {
                "rule": rule.id,
                "severity": wanted,
                "at": when,
                "overrides_known": stand_ins is not None,
                "alarms": [{"sources": keys, **one.as_json()} for one, keys in found.values()],
            }
        )
        return
    zone = loaded.timezone.key
    for one, keys in found.values():
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        print_line(
            f"{wanted} alarm of {rule.id} at {local_time(when, zone)}, about {', '.join(keys[:_SHOWN])}{more}"
        )
        print_line()
        _print(one, zone)
    if stand_ins is None and loaded.notify.rosters:
        print_line("Who stands in by command is not known: no daemon of this site answers.")


def _rule(site: "Site", alarm: str) -> "tuple[Rule, Sequence[Source]]":
    from monitor.documents.finding import nearest

    ident, _, key = alarm.partition("/")
    rule = site.rules.get(ident)
    if rule is None:
        told = Sentence("there is no rule {name}", name=ident[:60])
        raise RequestRefused(either(told, nearest(ident, site.rules)))
    sources = [source for source in rule.sources if not key or key in {source.key, source.device}]
    if not sources:
        near = nearest(key, [source.key for source in rule.sources])
        told = Sentence("the rule {rule} watches no {source}", rule=ident, source=key[:60])
        raise RequestRefused(either(told, near))
    return rule, sources


def _severity(text: str) -> str:
    from monitor.model import Severity

    if text and text not in list(Severity):
        raise typer.BadParameter(f"write {', '.join(Severity)}", param_hint="--severity")
    return text


def _moment(site: "Site", text: str, now: int) -> int:
    from monitor.metering.written import moment

    try:
        return moment(text, site.timezone, now)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--at") from None


def _stand_ins(site: "Site", socket: Path | None, state: Path | None) -> "Sequence[Override] | None":
    """What people said of rosters to the daemon of this site; None: none of it answers."""
    from monitor.cli.client import Client, NoDaemon, Refused
    from monitor.duty import Override

    client = Client(socket, state)
    try:
        if not client.path.exists():
            return None
        if client.get("status")["site"] != site.id:
            return None
        return [Override(**each) for roster in client.get("duty") for each in roster["overrides"]]
    except (NoDaemon, Refused, PermissionError):
        return None
    finally:
        client.close()


def _print(one: "Explained", zone: str) -> None:
    if one.messages:
        rows = [
            (
                local_time(each.sent, zone),
                f"{each.step}" + (f", again {each.again}" if each.again else ""),
                each.person,
                each.channel,
                f"route {each.route}, team {each.team}: " + (f"{each.roster}: " if each.roster else "") + each.why,
                "; ".join(each.effects),
            )
            for each in one.messages
        ]
        print_table(("when", "step", "who", "over", "why", "what else"), rows)
        print_line()
    for title, lines in (
        ("Not told", one.not_told),
        ("Routes", [f"{each.route} to {each.team} {each.why}" for each in one.routes]),
        ("When nobody acknowledges", one.if_nobody_answers),
        ("Note", one.notes),
    ):
        if lines:
            print_line(f"{title}:")
            for line in lines:
                print_line(f"  {clean(line)}")
    print_line()
