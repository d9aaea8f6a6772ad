"""The shipped profiles as tests go through them: one row for each variant and protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from drivers import DRIVERS
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.profiles import Library
from monitor.settings.loading import SHIPPED
from monitor.settings.tables import resolve

__all__ = ["Shipped", "library", "shipped"]

_TERMINALS = {
    ("digital-input", "modbus"): "{running: {register: discrete 0}, fault: {register: discrete 1}}",
    ("digital-input", "mqtt"): "{running: {json: $.run}, fault: {json: $.fault}}",
    ("advantech-adam-6050-mqtt", "mqtt"): "{running: {json: $.di1}, fault: {json: $.di2}}",
}
"""Points of the profiles that leave them to the device."""


@dataclass(frozen=True)
class Shipped:
    """A profile as one of its variants, over one protocol."""

    profile: str
    variant: str
    driver: str
    has_points: bool

    @property
    def ident(self) -> str:
        """An id for a device of it."""
        return "-".join(filter(None, (self.profile, self.variant, self.driver)))

    def __str__(self) -> str:
        return self.ident

    def entry(self, *, connection: str, place: str) -> str:
        """The device's entry in a site file."""
        variant = f", variant: {self.variant}" if self.variant else ""
        points = _TERMINALS.get((self.profile, self.driver))
        own = f", points: {points}" if points else ""
        return (
            f"{{id: {self.ident}, profile: {self.profile}{variant}, connection: {connection}, {place}, "
            f"every: {_EVERY[self.driver]}{own}}}"
        )


_EVERY = {"modbus": "200 ms", "mqtt": "5 s"}


@cache
def library() -> Library:
    """The shipped profiles, which are read once."""
    findings = Findings()
    files = Files(findings, folder=Path(), environ={}, credentials=None)
    return Library([SHIPPED / "profiles"], drivers=resolve(DRIVERS), files=files, findings=findings)


@cache
def shipped() -> Sequence[Shipped]:
    """Every variant of every shipped profile; one that has to be chosen from has no row of its own."""
    profiles = library()
    rows = []
    for ident in profiles.ids:
        profile = profiles.get(ident)
        assert profile is not None, profiles.mistakes
        names = [*profile.variants] if profile.choose else ["", *profile.variants]
        for driver in profile.drivers:
            for variant in names:
                bound = profiles.bind(profile, driver, variant)
                assert bound is not None, profiles.mistakes
                has_points = bool(bound.points) or (ident, driver) in _TERMINALS
                rows.append(Shipped(ident, variant, driver, has_points))
    return rows
