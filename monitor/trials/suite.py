"""Reads tapes: files of cases, and the tests that stand with the rules of a site file."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from monitor.documents.explain import unknown_key, validate
from monitor.documents.files import Files, folder_of
from monitor.documents.finding import Finding, Findings, nearest
from monitor.documents.node import Entry, Node, join
from monitor.notices import Router
from monitor.periods import zone_of
from monitor.ports import DriverType
from monitor.ruletypes import RuleType
from monitor.schema import is_counter, point_unit
from monitor.settings.ruleset import bind_ruleset
from monitor.settings.supply import usual_supplies
from monitor.site import Counter, Device, Point, Rule, Site
from monitor.trials.case import Case, DeviceKeys
from monitor.trials.compare import differences, means
from monitor.trials.play import play
from monitor.trials.series import parse
from rules.index import alarm_key
from rules.surroundings import Surroundings, hangs_below

__all__ = ["Outcome", "Suite", "Tape", "read_suite", "suite_of"]

_HEAD: Final = frozenset({"timezone", "devices", "rules", "cases"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """One case with the rules and devices it is played by. `router`: who is told, where people are known.

    `edited`: the rules of each of its `rules_at`.
    """

    case: Case
    rules: tuple[Rule, ...]
    around: Surroundings
    file: str
    line: int
    router: Router | None = None
    edited: tuple[tuple[Rule, ...], ...] = ()

    def run(self) -> "Outcome":
        """Play it and compare. A case that expects nothing proves nothing, and says so."""
        if not (self.case.expect or self.case.expect_transitions is not None or self._tells):
            return Outcome(self, ("it expects nothing: write `expect`, `expect_transitions` or the like",))
        unknown = tuple(self._unknown())
        if unknown:
            return Outcome(self, unknown)
        played = play(self.case, self.rules, self.around, self.edited)
        return Outcome(self, tuple(differences(self.case, played, self.router)))

    def _unknown(self) -> Iterator[str]:
        """What is expected of alarms that no rule of the tape can raise: `clear` would always be right."""
        rules = [rule for each in (self.rules, *self.edited) for rule in each]
        known = [alarm_key(rule.id, source.key) for rule in rules for source in rule.sources]
        for name in dict.fromkeys(each.alarm for each in self.case.expect):
            if name and not any(means(name, key) for key in known):
                near = nearest(name, [*known, *(rule.id for rule in rules)])
                yield f"there is no alarm `{name}`" + (f"; did you mean `{near}`?" if near else "")

    @property
    def _tells(self) -> bool:
        return self.case.expect_notifications is not None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a tape: no differences, it passed."""

    tape: Tape
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The tapes of one file, and every mistake in it."""

    file: str
    tapes: tuple[Tape, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Reading:
    """The state of reading one file."""

    files: Files
    findings: Findings
    drivers: Mapping[str, DriverType]
    rules: Mapping[str, RuleType]
    site: Site | None
    router: Router | None


def read_suite(
    path: Path,
    *,
    drivers: Mapping[str, DriverType],
    rules: Mapping[str, RuleType],
    site: Site | None = None,
    router: Router | None = None,
) -> Suite:
    """Read a file of tapes. With a `site` its cases are played by that site's rules and devices.

    A file is a list of cases, or a mapping of `timezone`, `devices`, `rules` and `cases`. A case (or the file)
    that has `rules` of its own is played by these, and by the devices it names or that its series speak of.
    """
    findings = Findings()
    files = Files(findings, folder=folder_of(path), environ=os.environ, credentials=None)
    reading = _Reading(files=files, findings=findings, drivers=drivers, rules=rules, site=site, router=router)
    root = files.read(path)
    tapes = [] if root is None else list(_tapes(reading, root))
    if not tapes and not findings.errors:
        findings.error(root or Node("scalar", str(path), 1, 1), "", "the file has no cases")
    return Suite(file=str(path), tapes=tuple(tapes), findings=findings.errors)


def suite_of(site: Site, router: Router | None) -> Suite:
    """The tests that stand with the rules of a site, each played by that rule alone."""
    findings, tapes = Findings(), []
    file = str(site.files[0]) if site.files else ""
    around = Surroundings.of(site)
    for rule in site.rules.values():
        for number, test in enumerate(rule.params.tests):
            node = _node_of(test, file)
            path = join("rules", rule.id, "tests", number)
            case = validate(Case, node, path, findings)
            if case is not None and _edits_nothing(case, node, path, findings):
                own = replace_name(case, f"{rule.id}: {case.name}")
                tapes.append(Tape(case=own, rules=(rule,), around=around, file=file, line=1, router=router))
    return Suite(file=file, tapes=tuple(tapes), findings=findings.errors)


def replace_name(case: Case, name: str) -> Case:
    """The same case under another name."""
    return case.model_copy(update={"name": name})


def _tapes(reading: _Reading, root: Node) -> Iterator[Tape]:
    head = root if root.kind == "mapping" else Node("mapping", root.file, root.line, root.column)
    for key in head.entries:
        if key not in _HEAD:
            unknown_key(head, key, "", reading.findings, allowed=sorted(_HEAD))
    cases = root if root.kind == "list" else root.get("cases")
    if cases is None or cases.kind != "list":
        reading.findings.error(cases or root, "cases", "write a list of cases: each begins with `- name: …`")
        return
    _zone(reading, head)
    for number, node in enumerate(cases.items):
        path = join("cases", number) if root.kind == "mapping" else join("", number)
        case = validate(Case, node, path, reading.findings)
        if case is not None:
            tape = _tape(reading, case, (node, path), head)
            if tape is not None:
                yield tape


def _tape(reading: _Reading, case: Case, place: tuple[Node, str], head: Node) -> Tape | None:
    node, path = place
    own = [each for part in (head, node) for each in _items(part.get("rules"))]
    if not own:
        if reading.site is None:
            reading.findings.error(node, "rules", "the case has no rules: write some, or name a site file")
            return None
        if not _edits_nothing(case, node, path, reading.findings):
            return None
        site = reading.site
        return Tape(
            case=case,
            rules=tuple(site.rules.values()),
            around=Surroundings.of(site),
            file=node.file,
            line=node.line,
            router=reading.router,
        )
    devices = _devices(reading, case, head)
    before = len(reading.findings.errors)
    rules = _bound(reading, node, own, devices)
    edits = [_items(edit.get("rules")) for edit in _items(node.get("rules_at"))]
    edited = tuple(_bound(reading, node, items, devices) for items in edits)
    if len(reading.findings.errors) > before:
        return None
    zone = _zone(reading, node if case.timezone else head)
    around = Surroundings(devices=devices, zone=zone, above=hangs_below(devices, usual_supplies(devices)))
    return Tape(case=case, rules=rules, around=around, file=node.file, line=node.line, edited=edited)


def _bound(
    reading: _Reading, place: Node, items: Sequence[Node], devices: Mapping[str, Device]
) -> tuple[Rule, ...]:
    """Rules as written, bound to the devices of a tape."""
    root = Node("mapping", place.file, place.line, place.column)
    key = Node("scalar", place.file, place.line, place.column, scalar="rules")
    root.entries["rules"] = Entry(key, Node("list", place.file, place.line, place.column, items=[*items]))
    bound = bind_ruleset(
        root, devices, reading.findings, reading.files, drivers=reading.drivers, rules=reading.rules
    )
    return tuple(bound.values())


def _edits_nothing(case: Case, node: Node, path: str, findings: Findings) -> bool:
    """Only a case with rules of its own can say that they are others from some time on."""
    if case.rules_at:
        message = "only a case with `rules` of its own can have others from some time on"
        findings.error(node.get("rules_at") or node, join(path, "rules_at"), message)
    return not case.rules_at


def _items(node: Node | None) -> Sequence[Node]:
    return node.items if node is not None and node.kind == "list" else ()


def _zone(reading: _Reading, head: Node) -> ZoneInfo:
    name = head.text("timezone")
    if not name:
        return reading.site.timezone if reading.site is not None else ZoneInfo("UTC")
    zone = zone_of(name)
    if zone is None:
        place = head.get("timezone") or head
        hint = nearest(name, available_timezones())
        reading.findings.error(place, "timezone", f"there is no time zone `{name[:60]}`", hint=hint)
        return ZoneInfo("UTC")
    return zone


def _devices(reading: _Reading, case: Case, head: Node) -> dict[str, Device]:
    """The devices of the head and of the case, and those that are only spoken of."""
    keys: dict[str, DeviceKeys] = {}
    node = head.get("devices")
    if node is not None and node.kind == "mapping":
        for name, entry in node.entries.items():
            checked = validate(DeviceKeys, entry.value, join("devices", name), reading.findings)
            if checked is not None:
                keys[str(name)] = checked
    keys |= case.devices
    spoken: dict[str, list[str]] = {name: list(one.points) for name, one in keys.items()}
    for line in case.given:
        series = parse(line)
        spoken.setdefault(series.device, []).append("" if series.measurement else series.point)
    for name in (*(one.device for one in case.events), *(one.device for one in case.derived)):
        spoken.setdefault(name, [])
    return {name: _device(name, keys.get(name, DeviceKeys()), points) for name, points in spoken.items()}


def _device(name: str, keys: DeviceKeys, points: Sequence[str]) -> Device:
    pushes = keys.expected_every is not None
    return Device(
        id=name,
        name=name,
        connection=keys.connection,
        device_class=keys.device_class,
        building=keys.building,
        zone=keys.zone,
        role=keys.role,
        tenant=keys.tenant,
        door=keys.door,
        direction=keys.direction,
        scan={} if pushes else {"fast": keys.every},
        expected_every=keys.expected_every,
        points={point: _point(point) for point in points if point},
    )


def _point(name: str) -> Point:
    return Point(name=name, unit=point_unit(name), counter=Counter() if is_counter(name) else None)


def _node_of(value: object, file: str) -> Node:
    """What stands in a checked site file, as a document again; it has no places."""
    if isinstance(value, Mapping):
        node = Node("mapping", file, 1, 1)
        for key, each in value.items():
            node.entries[key] = Entry(Node("scalar", file, 1, 1, scalar=key), _node_of(each, file))
        return node
    if isinstance(value, list | tuple):
        return Node("list", file, 1, 1, items=[_node_of(each, file) for each in value])
    return Node("scalar", file, 1, 1, scalar=value)  # type: ignore[arg-type] # a scalar of a YAML file
