"""The candidates of all shipped profiles."""

from functools import cache

from drivers.modbus.survey.candidates import Candidate, candidates_of
from tests.devices.library import library

__all__ = ["shipped"]


@cache
def shipped() -> tuple[Candidate, ...]:
    return tuple(candidates_of(library()))
