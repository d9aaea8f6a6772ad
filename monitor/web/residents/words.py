"""What reports and their ends are called, in the languages of the pages."""

from collections.abc import Mapping
from typing import Final

from monitor.notify.languages import words_of
from monitor.places import TOO_MANY, Report, Residents
from monitor.web.residents.known import Standing
from monitor.wording import say

__all__ = ["called", "named", "outcome"]


_NAMES: Final[Mapping[str, str]] = {
    "person-stuck": say("Somebody is stuck in the lift"),
    "fire": say("Fire or smoke"),
    "smell-of-gas": say("It smells of gas"),
    "water": say("Water where there should be none"),
    "no-power": say("There is no electricity"),
    "no-water": say("There is no water"),
    "no-heating": say("The heating or the hot water is cold"),
    "lift-stuck": say("The lift does not run"),
    "door": say("A door does not open or close"),
    "light": say("A light is broken"),
    "noise": say("An unusual noise"),
    "other": say("Something else"),
    TOO_MANY: say("More is reported than people are told of"),
}
_REPAIRED: Final = say("It was repaired.")
_LOOKED: Final = say("Somebody has looked at it; nothing more has to be done.")
_SUPPLIER: Final = say("It was the supplier's: the grid, the water, the gas or the network.")
_OUTCOMES: Final[Mapping[str, str]] = {
    "fixed": _REPAIRED,
    "replaced": _REPAIRED,
    "adjusted": _REPAIRED,
    "connection": _REPAIRED,
    "vandalism": _REPAIRED,
    "supplier": _SUPPLIER,
    "weather": say("It came of the weather."),
    "planned_work": say("It came of planned work."),
}


def called(report: Report, language: str) -> str:
    """What a report is called: in the site's own words, or in everybody's."""
    if report.is_own:
        return report.texts.get(language) or next(iter(report.texts.values()))
    name = _NAMES.get(report.id)
    return report.id if name is None else str(words_of(language).ugettext(name))


def named(one: Standing, settings: Residents | None, language: str) -> str:
    """What a report that was made is called, also where its place has it no more."""
    place = settings.places.get(one.place) if settings else None
    known = {each.id: each for each in place.reports} if place else {}
    return called(known.get(one.kind, Report(id=one.kind)), language)


def outcome(cause: str, language: str) -> str:
    """What a resident is told of the cause with which a case was closed: never whose fault it was."""
    return str(words_of(language).ugettext(_OUTCOMES.get(cause, _LOOKED)))
