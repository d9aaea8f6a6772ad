"""Kind `resident_report`: somebody reported something at a place; each time is an alarm of this place.

Reports of what is known already are only counted, and raise nothing (`monitor/web/residents/desk.py`).
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from monitor.fields import Texts
from monitor.model import Event as EventEntry
from monitor.places import EVENT_REPORT, OWN, STOCK_REPORTS, TOO_MANY, WHOLE_SITE, Place, Report
from monitor.ruletypes import Premises
from monitor.schema import MONITOR_DEVICE
from monitor.settings.model import RuleModel
from monitor.settings.patterns import fits
from monitor.site import Rule, Source
from rules.kind import InUnitOfPoints
from rules.surroundings import Surroundings

__all__ = ["RESIDENT_REPORT", "ResidentReport", "ResidentReportJudge", "ResidentReportRule"]

_SEPARATOR: Final = "."
"""Between a place and a report of the site's own words: each of these is an alarm of its own."""


class ResidentReportRule(RuleModel):
    """Settings of a rule of kind `resident_report`: which reports, and at which places (`*` for any letters)."""

    kind: Literal["resident_report"]
    reports: Annotated[Texts, Field(min_length=1)]
    places: Annotated[Texts, Field(min_length=1)] = ("*",)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.latched or self.on_delay or self.off_delay:
            raise ValueError("a report has no `latched:`, `on_delay:` or `off_delay:`: it is told at once")
        return self

    def wants(self, place: str, report: Report) -> bool:
        """Whether a report at a place is meant; `own` means all that the site has words of its own for."""
        meant = fits(report.id, self.reports) or (report.is_own and OWN in self.reports)
        return meant and fits(place, self.places)


class ResidentReportJudge:
    """Matches what is news at one place."""

    kinds = (EVENT_REPORT,)

    def __init__(self, params: ResidentReportRule, place: str, report: str) -> None:
        self.severities: tuple[str, ...] = (params.severity,)
        self._params = params
        self._place = place
        self._report = report

    def matches(self, event: EventEntry) -> bool:
        """Whether it is about this place and of one of these kinds, and not known already."""
        said = event.attributes
        if said.get("place") != self._place or said.get("news") is not True:
            return False
        word = str(said.get("report", ""))
        return word == self._report if self._report else word in STOCK_REPORTS and fits(word, self._params.reports)


class ResidentReport(InUnitOfPoints):
    """The kind `resident_report`."""

    kind = "resident_report"
    model = ResidentReportRule
    hears = "events"

    def point_patterns(self, params: ResidentReportRule) -> None:
        """It is about no points."""
        del params

    def sources(self, params: ResidentReportRule, premises: Premises) -> Sequence[Source]:
        """One alarm for each place, and one for each report there that the site has words of its own for."""
        found = []
        if premises.places and TOO_MANY in params.reports:
            found.append(Source(device=MONITOR_DEVICE, point=WHOLE_SITE))
        for place in premises.places:
            wanted = [each for each in place.reports if params.wants(place.id, each)]
            if any(not each.is_own for each in wanted):
                found.append(_source(place))
            found += [_source(place, each) for each in wanted if each.is_own]
        return found

    def build(self, rule: Rule, source: Source, around: Surroundings) -> ResidentReportJudge:
        """Make the judge of one place."""
        del around
        if source == Source(device=MONITOR_DEVICE, point=WHOLE_SITE):
            return ResidentReportJudge(rule.params, WHOLE_SITE, TOO_MANY)
        place, _, report = (source.point or "").partition(_SEPARATOR)
        return ResidentReportJudge(rule.params, place, report)


def _source(place: Place, report: Report | None = None) -> Source:
    texts = {} if report is None else report.texts
    said = next(iter(texts.values()), "")
    return Source(
        device=place.device or MONITOR_DEVICE,
        point=place.id if report is None else f"{place.id}{_SEPARATOR}{report.id}",
        name=f"{place.name}: {said}" if said else place.name,
        building=place.building,
        zone=place.zone,
    )


RESIDENT_REPORT = ResidentReport()
