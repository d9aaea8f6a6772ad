"""`rules backtest`: what rules would have done with what was recorded."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.export import Source, chosen_influx, folder_of_state, span_of
from monitor.cli.options import Json, OneInflux, Period, Since, SiteFile, StateFolder, Until, WarmUp, named
from monitor.cli.output import clean, lasting, local_time, print_json, print_line, print_table
from monitor.cli.places import SITE_FILE
from monitor.cli.progress import INTERRUPTED, Watched
from monitor.errors import RequestRefused
from monitor.wording import Sentence

if TYPE_CHECKING:
    from monitor.site import Site
    from monitor.trials.backtest import Result, Variant

__all__ = ["load_changed", "rules_backtest"]

_DAY_MS = 86_400_000
_FORMS = {".svg": "svg", ".png": "png"}

_Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="RULE.KEY=VALUE",
        help="Try this beside what is written; may be repeated.",
        show_default=False,
    ),
]
_Changed = Annotated[
    Path | None,
    typer.Option("--changed", metavar="FILE", help="Try the rules of this site file.", show_default=False),
]
_Sweep = Annotated[
    str | None,
    typer.Option(
        metavar="RULE.KEY=VALUES",
        help="Try a rule at several values: `0 s, 1 min, 5 min` or `200..210 V step 2`.",
        show_default=False,
    ),
]
_Picture = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw the sweep, as .svg or .png.", show_default=False)
]


def rules_backtest(  # noqa: PLR0917 - options of a command are many
    rules: Annotated[
        list[str] | None,
        typer.Argument(metavar="RULE…", help="Only these rules; else all.", show_default=False),
    ] = None,
    period: Period = None,
    since: Since = None,
    until: Until = None,
    change: _Changes = None,
    changed: _Changed = None,
    sweep: _Sweep = None,
    picture: _Picture = None,
    warm_up: WarmUp = 0,
    source: Annotated[
        Source, typer.Option(help="The box itself, or InfluxDB for what is older.")
    ] = Source.JOURNAL,
    sink: OneInflux = "",
    site: SiteFile = SITE_FILE,
    state: StateFolder = None,
    occurrences: Annotated[bool, typer.Option("--occurrences", help="List every alarm.")] = False,
    as_json: Json = False,
) -> None:
    """Judge again what was recorded, by the rules as they are and as they might be, beside a running daemon."""
    from monitor.trials.backtest import Wish, backtest

    if picture is not None and (sweep is None or picture.suffix not in _FORMS):
        raise typer.BadParameter(
            "it draws a --sweep, into a file that ends with .svg or .png", param_hint="--picture"
        )
    loaded = load_changed(named(site), {})
    start, end = span_of(loaded, period, since, until)
    chosen, variants, values = _variants(loaded, site, rules, change, changed, sweep)
    wish = Wish(
        folder=folder_of_state(state, site),
        start=start,
        end=end,
        warm_up=warm_up * _DAY_MS,
        rules=chosen,
        influx=chosen_influx(loaded, sink) if source is Source.INFLUXDB else None,
    )
    began = time.monotonic()
    try:
        with Watched(100, "percent of what was recorded") as bar:
            results = backtest(load_changed, variants, wish, lambda done, total: bar.reach(100 * done // total))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: nothing was changed, and nothing is told of a part\n")
        raise typer.Exit(INTERRUPTED) from None
    took = time.monotonic() - began
    _tell(results, loaded, took, values, source=source, as_json=as_json, occurrences=occurrences)
    if picture is not None:
        from monitor.trials.sweep import draw

        picture.write_bytes(draw(str(sweep).partition("=")[0], values, results, form=_FORMS[picture.suffix]))


def load_changed(file: Path, changes: Mapping[str, Mapping[str, str]]) -> "Site":
    """Load a site file with what is tried in its rules."""
    from monitor.app import load_site

    return load_site(file, os.environ, changes=changes).site


def _variants(  # noqa: PLR0917 - the ways in which something else can be tried
    loaded: "Site",
    site: Path,
    rules: list[str] | None,
    change: list[str] | None,
    changed: Path | None,
    sweep: str | None,
) -> "tuple[frozenset[str] | None, list[Variant], list[str]]":
    from monitor.trials.backtest import Variant
    from monitor.trials.sweep import values_of

    unknown = sorted(set(rules or ()) - set(loaded.rules))
    if unknown and changed is None:
        raise RequestRefused(
            Sentence(
                "the site has no rule {unknown}: {known}",
                unknown=", ".join(unknown),
                known=", ".join(loaded.rules),
            )
        )
    chosen = frozenset(rules) if rules else None
    if sweep is not None:
        if change or changed is not None:
            raise typer.BadParameter("a sweep goes alone", param_hint="--sweep")
        rule, key, text = _split(sweep, "--sweep")
        try:
            values = values_of(text)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--sweep") from None
        return (
            frozenset({rule}),
            [Variant(name=value, file=site, changes={rule: {key: value}}) for value in values],
            values,
        )
    variants = [Variant(name="now", file=site)]
    tried: dict[str, dict[str, str]] = {}
    for one in change or ():
        rule, key, value = _split(one, "--set")
        tried.setdefault(rule, {})[key] = value
    if tried or changed is not None:
        variants.append(Variant(name="changed", file=changed or site, changes=tried))
    if chosen is None and tried and changed is None:
        chosen = frozenset(tried)
    return chosen, variants, []


def _split(text: str, option: str) -> tuple[str, str, str]:
    name, equals, value = text.partition("=")
    rule, dot, key = name.strip().partition(".")
    if not (equals and dot and key):
        raise typer.BadParameter("write RULE.KEY=VALUE, such as `undervoltage.on_delay=5 min`", param_hint=option)
    return rule, key, value.strip()


# Telling -------------------------------------------------------------------------------------------------


def _tell(
    results: "Sequence[Result]",
    site: "Site",
    took: float,
    values: "Sequence[str]",
    *,
    source: Source,
    as_json: bool,
    occurrences: bool,
) -> None:
    if as_json:
        print_json([_json(one) for one in results])
        return
    zone = site.timezone.key or "UTC"
    start, end = results[0].span
    print_line(
        f"{local_time(start, zone)} to {local_time(end, zone)}: {results[0].entries} entries in {took:.1f} s"
    )
    for told in _doubts(results[0], site, source):
        print_line(told)
    if values:
        rows = [[value, *_row(_sum(result))] for value, result in zip(values, results, strict=True)]
        print_table(("value", *_HEADINGS), rows)
        return
    now, *others = results
    changed = {one.rule: one for one in others[0].figures} if others else {}
    rows = []
    for one in now.figures:
        other = changed.get(one.rule)
        if one.occurrences or (other is not None and other.occurrences):
            rows.append([one.rule, *(_row(one) if not others else _both(one, other))])
    for name in (name for name in changed if name not in {one.rule for one in now.figures}):
        rows.append([name, *_row(changed[name])])
    print_table(("rule", *_HEADINGS), rows)
    quiet = sum(not one.occurrences for one in now.figures)
    print_line(f"{quiet} of {len(now.figures)} rules raised nothing")
    for result in results:
        for rule, error in result.failures:
            print_line(f"{result.variant.name}: the rule {rule} failed: {clean(error)}")
    if occurrences:
        _list(results, zone)


def _doubts(result: "Result", site: "Site", source: Source) -> Iterator[str]:
    """What makes the figures less than they seem."""
    zone, (start, _) = site.timezone.key or "UTC", result.span
    if source is Source.INFLUXDB:
        yield from _of_influx(result, site)
        return
    if result.begins is None:
        yield "nothing is recorded yet: the journal is empty"
    elif not result.entries:
        at = local_time(result.begins, zone)
        yield f"nothing that these rules hear was recorded then; the journal begins {at}"
    elif result.begins > start:
        yield f"the journal begins {local_time(result.begins, zone)}: what is older is not in these figures"
    if result.damaged:
        yield f"{result.damaged} entries are damaged and were left out"


def _of_influx(result: "Result", site: "Site") -> Iterator[str]:
    from monitor.trials.influx import LEFT_OUT

    left = sorted(rule.id for rule in site.rules.values() if rule.kind in LEFT_OUT)
    yield "InfluxDB has no failed polls, no commands and no times of recording" + (
        f": left out {'is' if len(left) == 1 else 'are'} {', '.join(left)}" if left else ""
    )
    if result.without_access:
        yield "the token may not read the bucket of access: nobody has gone through a door in these figures"
    if not result.entries:
        yield "InfluxDB has nothing of this period that these rules hear"
    if result.damaged:
        yield f"{result.damaged} points are not as this monitor writes them, and were left out"


_HEADINGS = ("alarms", "a week", "in alarm", "longest", "messages", "at night")


def _row(one: Any) -> list[str]:
    return [
        str(one.occurrences),
        f"{one.per_week:.1f}",
        lasting(one.active / 1000),
        lasting(one.longest / 1000),
        str(one.messages),
        str(one.night),
    ]


def _both(one: Any, other: Any) -> list[str]:
    if other is None:
        return [f"{cell} → none" for cell in _row(one)]
    return [
        before if before == after else f"{before} → {after}"
        for before, after in zip(_row(one), _row(other), strict=True)
    ]


def _sum(result: "Result") -> Any:
    (one,) = result.figures
    return one


def _list(results: "Sequence[Result]", zone: str) -> None:
    for result in results:
        print_line()
        rows = [
            (
                local_time(one.raised, zone),
                "" if one.cleared is None or one.is_event else lasting((one.cleared - one.raised) / 1000),
                one.severity,
                one.rule,
                one.source_key,
            )
            for one in result.occurrences
        ]
        print_table((f"raised ({result.variant.name})", "lasted", "severity", "rule", "source"), rows)


def _json(result: "Result") -> dict[str, Any]:
    return {
        "variant": result.variant.name,
        "changes": result.variant.changes,
        "from": result.span[0],
        "to": result.span[1],
        "entries": result.entries,
        "rules": [asdict(one) for one in result.figures],
        "occurrences": [asdict(one) for one in result.occurrences],
        "messages": [asdict(one) for one in result.told],
        "failures": [list(one) for one in result.failures],
    }
