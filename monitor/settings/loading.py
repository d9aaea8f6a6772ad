"""Reads a site file, checks everything in it, and freezes it into a `monitor.site.Site`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import config
from monitor.documents.explain import unknown_key
from monitor.documents.files import Files, default_credentials, folder_of
from monitor.documents.finding import Finding, Findings, nearest
from monitor.documents.node import Node
from monitor.errors import SettingsError
from monitor.periods import zone_of
from monitor.ports import Budget, DriverContext, DriverType
from monitor.profiles import Library
from monitor.profiles.itself import with_itself
from monitor.ruletypes import RuleType
from monitor.settings.access import bind_access
from monitor.settings.binding import Binding
from monitor.settings.budgets import check_budgets
from monitor.settings.console import bind_console
from monitor.settings.devices import bind_connections, bind_devices
from monitor.settings.equipment import bind_equipment, bind_groups
from monitor.settings.hours import bind_calendars
from monitor.settings.maintenance import bind_maintenance
from monitor.settings.metershape import MeteringKeys
from monitor.settings.people import bind_notify, warn_of_silence
from monitor.settings.reports import bind_reports
from monitor.settings.residents import bind_residents, warn_of_unheard
from monitor.settings.rules import bind_rules
from monitor.settings.shape import JournalKeys, MonitorKeys, PerformanceKeys, SiteKeys
from monitor.settings.sinks import bind_sinks
from monitor.settings.speaking import warn_of_the_dead
from monitor.settings.supply import bind_supply
from monitor.settings.tariffs import bind_tariffs
from monitor.site import AlarmLimits, JournalSettings, MeteringSettings, MonitorSettings, Site

__all__ = ["Loaded", "SettingsInvalid", "load"]

_SECTIONS: Final = (
    "access",
    "calendars",
    "connections",
    "console",
    "devices",
    "equipment",
    "journal",
    "maintenance",
    "metering",
    "monitor",
    "notify",
    "performance",
    "reports",
    "residents",
    "rules",
    "sinks",
    "site",
    "supply",
    "tariffs",
)
SHIPPED: Final = Path(config.__path__[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A site, and what deserves a look. `refusals` are those warnings that keep `run` from starting."""

    site: Site
    warnings: tuple[Finding, ...] = ()
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    """What the time of each bus goes to, by connection; reckoned where loading is thorough."""

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """Absent secrets and files: `check` warns of them, `run` refuses with status 78."""
        return tuple(finding for finding in self.warnings if finding.refuses)

    @property
    def must_refuse(self) -> bool:
        """Whether `run` must not start."""
        return bool(self.refusals)

    def refuse(self) -> None:
        """Raise SettingsError, with all of them, where `run` must not start."""
        if self.must_refuse:
            raise SettingsError("\n".join(str(finding) for finding in self.refusals))


class SettingsInvalid(SettingsError):
    """The site file has mistakes: all of them are in `findings`; `warnings` and `budgets` are beside them."""

    def __init__(
        self,
        findings: tuple[Finding, ...],
        warnings: tuple[Finding, ...] = (),
        budgets: Mapping[str, Budget] | None = None,
    ) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings
        self.warnings = warnings
        self.budgets = budgets or {}


def load(  # noqa: PLR0913 - each names a source of what is checked
    path: Path,
    *,
    drivers: Mapping[str, DriverType],
    rules: Mapping[str, RuleType],
    environ: Mapping[str, str] = os.environ,
    credentials: Path | None = None,
    wrong_address: Callable[[str], str | None] | None = None,
    changes: Mapping[str, Mapping[str, str]] | None = None,
) -> Loaded:
    """Read and check a site file, or a folder of them; raises SettingsInvalid with every mistake there is.

    `drivers` and `rules` are the tables of what a site can use. `credentials` is systemd's folder of
    credentials (default: `$CREDENTIALS_DIRECTORY`): secrets are looked for there, then in `secrets/` beside
    the file. `wrong_address` says what is wrong with a person's address, if anything: given, the check is
    thorough: the time of each bus is reckoned, and each driver tried. Both load libraries that take a second.
    `changes`: of rules, by id and key, what is tried instead of what is written.
    """
    findings = Findings()
    folder = folder_of(path)
    given = credentials if credentials is not None else default_credentials(environ)
    files = Files(findings, folder=folder, environ=environ, credentials=given)
    library = Library([folder / "profiles", SHIPPED / "profiles"], drivers=drivers, files=files, findings=findings)
    binding = Binding(
        findings=findings,
        files=files,
        library=library,
        drivers=drivers,
        rules=rules,
        folder=folder,
        stock=SHIPPED / "rules",
        wrong_address=wrong_address or (lambda _: None),
        changes=changes or {},
    )
    root = files.read(path)
    if root is None and not findings.errors:
        findings.error(Node("scalar", str(path), 1, 1), "", "the file is empty", allowed=", ".join(_SECTIONS))
    site = None if root is None else _site(binding, root, path)
    budgets: dict[str, Budget] = {}
    if wrong_address and root is not None and site is not None:
        budgets = check_budgets(binding, root, site)
        if not findings.warnings_that_refuse:
            _try_drivers(binding, root, site)
    if findings.errors or site is None:
        raise SettingsInvalid(findings.errors, findings.warnings, budgets)
    return Loaded(site=site, warnings=findings.warnings, budgets=budgets)


def _has_sections(root: Node, findings: Findings) -> bool:
    """Whether it can be a site file; sections that there are not are told."""
    if root.kind != "mapping":
        findings.error(root, "", "a site file has sections", allowed=", ".join(_SECTIONS))
        return False
    for key in root.entries:
        if key not in _SECTIONS:
            unknown_key(root, key, "", findings, allowed=list(_SECTIONS))
    return True


def _site(binding: Binding, root: Node, path: Path) -> Site | None:
    findings = binding.findings
    if not _has_sections(root, findings):
        return None
    keys, zone = _head(binding, root, path)
    bind_connections(binding, root)
    devices = bind_devices(binding, root)
    supplies = bind_supply(binding, root, devices)
    bind_calendars(binding, root)
    residents = bind_residents(binding, root, devices, "en" if keys is None else keys.language)
    places = () if residents is None else tuple(residents.places.values())
    rules = bind_rules(binding, root, supplies, places)
    written = _rule_ids(root) | set(rules)
    binding.places.extend(places)
    notify = bind_notify(binding, root, sorted(written), "en" if keys is None else keys.language, zone)
    maintenance = bind_maintenance(binding, root, devices, written, zone)
    journal = binding.check(JournalKeys, _section(root, "journal"), "journal")
    access = bind_access(binding, root, devices)
    equipment = bind_equipment(binding, root, devices, zone)
    groups = bind_groups(binding, root, equipment)
    monitor = _monitor(binding, root)
    sinks = bind_sinks(binding, root, access)
    metering = binding.check(MeteringKeys, _section(root, "metering"), "metering") or MeteringKeys()
    tariffs = bind_tariffs(binding, root, devices)
    limits = _section(root, "performance")
    performance = binding.check(PerformanceKeys, limits, "performance") or PerformanceKeys()
    reports = bind_reports(binding, root, devices, notify.people)
    console = bind_console(binding, root)
    if findings.errors or keys is None or zone is None or journal is None or access is None:
        return None
    warn_of_silence(binding, root, notify, rules, with_itself(devices), zone)
    warn_of_the_dead(binding, root, devices)
    warn_of_unheard(binding, root, residents, rules)
    return Site(
        id=keys.id,
        name=keys.name or keys.id,
        timezone=zone,
        language=keys.language,
        connections=binding.connections,
        devices=devices,
        rules=rules,
        notify=notify,
        influxdbs=sinks.influxdbs,
        mqtt_sinks=sinks.mqtt_sinks,
        journal=JournalSettings(**journal.model_dump()),
        access=access,
        equipment=equipment,
        groups=groups,
        supplies=supplies,
        maintenance=maintenance,
        monitor=monitor,
        metering=MeteringSettings(keep=metering.keep),
        tariffs=tariffs,
        reports=reports,
        console=console,
        performance=AlarmLimits(**performance.model_dump()),
        residents=residents,
        files=tuple(binding.files.read_files),
    )


def _try_drivers(binding: Binding, root: Node, site: Site) -> None:
    """Let each driver say what it cannot work with: a point in a forbidden range, a certificate, a topic."""
    context = DriverContext(now=lambda: 0, pseudonymise=str, site=site.id)
    for node, path in binding.section(root, "connections"):
        connection = site.connections[node.text("id")]
        devices = [device for device in site.devices.values() if device.connection == connection.id]
        try:
            binding.drivers[connection.driver].create(connection, devices, context)
        except SettingsError as error:
            binding.findings.error(node, path, str(error))


def _rule_ids(root: Node) -> set[str]:
    """Ids of rules as written, whether right or not: a route to a rule with a mistake is no second mistake."""
    node = root.get("rules")
    return set() if node is None else {item.text("id") for item in node.items} - {""}


def _head(binding: Binding, root: Node, path: Path) -> tuple[SiteKeys | None, ZoneInfo | None]:
    node = root.get("site")
    if node is None:
        place = Node("mapping", root.file or str(path), 1, 1)
        binding.findings.error(place, "site", "`site` is missing: write `site: {id: …, timezone: …}`")
        return None, None
    keys = binding.check(SiteKeys, node, "site")
    name = node.text("timezone")
    if not name:
        return keys, None
    zone = zone_of(name)
    if zone is None:
        place = node.get("timezone") or node
        near = nearest(name, available_timezones())
        message = f"there is no time zone `{name[:60]}`"
        binding.findings.error(place, "site.timezone", message, allowed="names such as Europe/Berlin", hint=near)
        return keys, None
    return keys, zone


def _section(root: Node, name: str) -> Node:
    """A section that may be left out."""
    node = root.get(name)
    if node is None or (node.kind == "scalar" and node.scalar is None):
        return Node("mapping", root.file, root.line, root.column)
    return node


def _monitor(binding: Binding, root: Node) -> MonitorSettings:
    keys = binding.check(MonitorKeys, _section(root, "monitor"), "monitor")
    if keys is None:
        return MonitorSettings()
    return MonitorSettings(
        metrics=None if keys.metrics is None else keys.metrics.listen,
        deadman="" if keys.deadman is None else keys.deadman.url,
        deadman_every=60.0 if keys.deadman is None else keys.deadman.every,
    )
