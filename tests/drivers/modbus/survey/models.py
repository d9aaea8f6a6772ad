"""The candidates of all shipped profiles."""

from functools import cache

from drivers import DRIVERS
from drivers.modbus.survey.candidates import Candidate, candidates_of
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.profiles import Library
from monitor.settings.loading import SHIPPED
from monitor.settings.tables import resolve

__all__ = ["shipped"]


@cache
def shipped() -> tuple[Candidate, ...]:
    findings = Findings()
    files = Files(findings, folder=SHIPPED, environ={}, credentials=None)
    library = Library([SHIPPED / "profiles"], drivers=resolve(DRIVERS), files=files, findings=findings)
    return tuple(candidates_of(library))
