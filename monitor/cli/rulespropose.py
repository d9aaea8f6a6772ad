"""`rules propose`: changes of rules that would have avoided most of their alarms."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.export import folder_of_state, span_of
from monitor.cli.options import Json, Period, Since, SiteFile, StateFolder, Until, WarmUp, named
from monitor.cli.output import lasting, local_time, print_json, print_line, print_table
from monitor.cli.places import SITE_FILE
from monitor.cli.progress import Watched
from monitor.cli.rulesbacktest import load_changed
from monitor.errors import RequestRefused
from monitor.wording import Sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.trials.propose import Left, Proposal, Tried

__all__ = ["rules_propose"]

_DAY_MS = 86_400_000
_MOST_NAMED = 4
_KEYS = {"deadband": "a deadband", "off_delay": "an off_delay", "on_delay": "an on_delay"}


def rules_propose(  # noqa: PLR0917 - options of a command are many
    rules: Annotated[
        list[str] | None,
        typer.Argument(metavar="RULE…", help="These rules; else those with the most alarms.", show_default=False),
    ] = None,
    period: Period = None,
    since: Since = None,
    until: Until = None,
    most: Annotated[int, typer.Option(metavar="COUNT", min=1, help="How many rules, where none is named.")] = 5,
    warm_up: WarmUp = 0,
    site: SiteFile = SITE_FILE,
    state: StateFolder = None,
    tried: Annotated[bool, typer.Option("--tried", help="List everything that was tried.")] = False,
    as_json: Json = False,
) -> None:
    """Try longer delays and wider deadbands on what was recorded, and propose the smallest change that helps."""
    from monitor.trials.backtest import Wish
    from monitor.trials.propose import most_raised, propose

    loaded = load_changed(named(site), {})
    start, end = span_of(loaded, period, since, until)
    folder = folder_of_state(state, site)
    unknown = sorted(set(rules or ()) - set(loaded.rules))
    if unknown:
        raise RequestRefused(
            Sentence(
                "the site has no rule {unknown}: {known}",
                unknown=", ".join(unknown),
                known=", ".join(loaded.rules),
            )
        )
    names = list(dict.fromkeys(rules)) if rules else most_raised(folder, (start, end), loaded.rules, most)
    wish = Wish(folder=folder, start=start, end=end, warm_up=warm_up * _DAY_MS)
    found: Sequence[Proposal] = ()
    if names:
        with Watched(100, "percent of what was recorded") as bar:
            found = propose(load_changed, site, wish, names, lambda done, total: bar.reach(100 * done // total))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    zone = loaded.timezone.key or "UTC"
    print_line(f"{local_time(start, zone)} to {local_time(end, zone)}")
    if not found:
        print_line("no rule raised an alarm")
    for one in found:
        print_line()
        _tell(one, zone)
        if tried:
            _list(one)


def _tell(one: "Proposal", zone: str) -> None:
    print_line(f"{one.rule}: {_alarms(one.occurrences)}, {lasting(one.active / 1000)} in alarm")
    chosen = one.chosen
    if chosen is None:
        print_line(f"  no change is worth it: {one.why}")
        return
    avoided = f"would have avoided {chosen.avoided} of {_alarms(one.occurrences)}"
    print_line(f"  {_KEYS[chosen.key]} of {chosen.value} {avoided}; {_left(chosen.left, zone)}")
    print_line(
        f"  messages {one.messages} → {chosen.messages}, at night {one.night} → {chosen.night};"
        f" in alarm {lasting(one.active / 1000)} → {lasting(chosen.active / 1000)}"
    )


def _alarms(count: int) -> str:
    return f"{count} alarm{'' if count == 1 else 's'}"


def _left(left: "Sequence[Left]", zone: str) -> str:
    """Which are left, and how much later they are told."""
    if not left:
        return "none is left"
    times = [local_time(one.raised, zone)[:16] for one in left[:_MOST_NAMED]]
    if len(left) > _MOST_NAMED:
        times.append(f"{len(left) - _MOST_NAMED} more")
    named = times[0] if len(times) == 1 else f"{', '.join(times[:-1])} and {times[-1]}"
    later = lasting(max(one.later for one in left) / 1000) + " later"
    if len(left) == 1:
        return f"the one that is left is that of {named}, told {later}"
    later += "" if later == "0 s later" else " at most"
    return f"the {len(left)} that are left are those of {named}, told {later}"


def _list(one: "Proposal") -> None:
    def row(each: "Tried") -> tuple[str, ...]:
        return (
            f"  {each.key} {each.value}{' *' if each is one.chosen else ''}",
            str(each.occurrences),
            str(each.avoided),
            str(len(each.lost)),
            lasting(each.later / 1000),
            lasting(each.active / 1000),
            str(each.messages),
            str(each.night),
        )

    headings = ("  tried", "alarms", "avoided", "lost", "later", "in alarm", "messages", "at night")
    print_table(headings, map(row, one.tried))
