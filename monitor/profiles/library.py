"""Finds, reads and checks device profiles: those that are shipped, and those beside the site file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from monitor.documents.explain import keys_of, unknown_key, validate
from monitor.documents.files import Files
from monitor.documents.finding import Finding, Findings
from monitor.documents.node import Node
from monitor.fields import Frozen, Texts
from monitor.ports import DriverType
from monitor.profiles.points import bind_events, bind_points
from monitor.profiles.variants import Variant, overlaid, read_variants
from monitor.schema import CLASSES, ID
from monitor.site import Point

__all__ = ["Bound", "Library", "Profile"]


class _Head(Frozen):
    """What a profile says of itself."""

    device_class: str = Field(alias="class")
    maker: str = ""
    model: str = ""
    source: Texts = ()
    also: Texts = ()
    notes: Texts = ()
    experimental: Texts = ()
    choose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A device model: its class, where its facts come from, and the blocks of the drivers it can be read with.

    `also`: other models with the very same registers or payloads. `notes`: what to know when it is installed.
    `experimental`: what is doubtful in it, and how to find out; empty where all facts have a source. `variants` by
    id; with `choose`, a device has to say which.
    """

    id: str
    device_class: str
    maker: str
    model: str
    source: tuple[str, ...]
    also: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    experimental: tuple[str, ...] = ()
    variants: Mapping[str, Variant] = field(default_factory=dict)
    choose: bool = False
    drivers: tuple[str, ...]
    file: Path
    node: Node = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A profile as one driver reads it."""

    protocol: Any
    points: Mapping[str, Point]
    events: tuple[Any, ...]


class Library:
    """Profiles by id, each read once and only when asked for. The first folder that has an id wins."""

    def __init__(
        self, folders: Sequence[Path], *, drivers: Mapping[str, DriverType], files: Files, findings: Findings
    ) -> None:
        self._drivers = drivers
        self._files = files
        self._findings = findings
        self._paths: dict[str, Path] = {}
        for folder in folders:
            for path in sorted(folder.glob("**/*.yaml")):
                self._paths.setdefault(path.stem, path)
        self._profiles: dict[str, Profile | None] = {}
        self._bound: dict[tuple[str, str, str], Bound | None] = {}

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that can be asked for."""
        return tuple(sorted(self._paths))

    @property
    def mistakes(self) -> tuple[Finding, ...]:
        """What was found wrong in the profiles that were asked for."""
        return self._findings.errors

    def get(self, profile: str) -> Profile | None:
        """Read a profile; None when it is unknown or wrong (the latter is told)."""
        if profile not in self._paths:
            return None
        if profile not in self._profiles:
            self._profiles[profile] = self._load(profile, self._paths[profile])
        return self._profiles[profile]

    def bind(self, profile: Profile, driver: str, variant: str = "") -> Bound | None:
        """Check what a profile says for one driver; None when it is wrong (and told) or says nothing for it.

        `variant` is empty, or the id of one of its variants.
        """
        key = (profile.id, driver, variant)
        if key not in self._bound:
            self._bound[key] = self._bind(profile, driver, variant)
        return self._bound[key]

    def _load(self, profile: str, path: Path) -> Profile | None:
        node = self._files.read(path)
        if node is None:
            return None
        if node.kind != "mapping":
            self._findings.error(node, "", "a profile begins with `class:`")
            return None
        if not ID.fullmatch(profile):
            self._findings.error(node, "", "the file's name is the id: lower-case letters, digits and `-`")
            return None
        return self._checked(profile, path, node)

    def _checked(self, profile: str, path: Path, node: Node) -> Profile | None:
        names = frozenset(keys_of(_Head))
        head = validate(_Head, node.only(names), "", self._findings)
        allowed = sorted(names | {"points", "events", "variants"} | set(self._drivers))
        for key in node.entries:
            if key not in allowed:
                unknown_key(node, key, "", self._findings, allowed=allowed)
        speaks = tuple(name for name in self._drivers if name in node.entries)
        if not speaks:
            message = "say with which protocol it is read"
            self._findings.error(node, "", message, allowed=", ".join(f"{name}:" for name in self._drivers))
        if head is None or not speaks:
            return None
        if head.device_class not in CLASSES:
            place = node.get("class") or node
            self._findings.error(place, "class", "no such class", allowed=", ".join(CLASSES))
            return None
        variants = read_variants(node, self._drivers, self._findings)
        if variants is None:
            return None
        if head.choose and not variants:
            self._findings.error(node.get("choose") or node, "choose", "there are no `variants` to choose from")
            return None
        return Profile(
            id=profile,
            device_class=head.device_class,
            maker=head.maker,
            model=head.model,
            source=head.source,
            also=head.also,
            notes=head.notes,
            experimental=head.experimental,
            variants=variants,
            choose=head.choose,
            drivers=speaks,
            file=path,
            node=node,
        )

    def _bind(self, profile: Profile, name: str, variant: str) -> Bound | None:
        node = overlaid(profile.node, profile.variants[variant]) if variant else profile.node
        block = node.get(name)
        if block is None:
            return None
        driver = self._drivers[name]
        if block.kind == "scalar" and block.scalar is None:
            block = Node("mapping", block.file, block.line, block.column)
        before = len(self._findings.errors)
        protocol = validate(driver.profile_model, block, name, self._findings)
        points, events = node.get("points"), node.get("events")
        bound = Bound(
            protocol=protocol,
            points={} if points is None else bind_points(points, "points", driver, self._findings),
            events=() if events is None else bind_events(events, "events", driver, self._findings),
        )
        return bound if len(self._findings.errors) == before else None
