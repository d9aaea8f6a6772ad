"""Variants of a device model: what differs from the profile's own, laid over it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from monitor.documents.explain import keys_of, unknown_key, validate
from monitor.documents.finding import Findings
from monitor.documents.node import Node, join
from monitor.fields import Frozen, Texts
from monitor.schema import ID

__all__ = ["Variant", "overlaid", "read_variants"]


class _Head(Frozen):
    """What a variant says of itself."""

    model: str
    experimental: Texts = ()
    without: Texts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A model that differs from its profile's. `without`: points that it has not, by name, with `*`."""

    id: str
    model: str
    experimental: tuple[str, ...]
    without: tuple[str, ...]
    node: Node = field(repr=False)


def read_variants(profile: Node, drivers: Collection[str], findings: Findings) -> Mapping[str, Variant] | None:
    """The variants of a profile by id; None after telling what is wrong with one of them."""
    node = profile.get("variants")
    if node is None:
        return {}
    if node.kind != "mapping":
        findings.error(node, "variants", "write variants as `id: {model: …}`, one below the other")
        return None
    before = len(findings.errors)
    names = frozenset(keys_of(_Head))
    allowed = sorted(names | {"points", "events"} | set(drivers))
    found = {}
    for ident, entry in node.entries.items():
        where = join("variants", str(ident)[:60])
        if not isinstance(ident, str) or not ID.fullmatch(ident):
            findings.error(entry.key, where, "the id of a variant is lower-case letters, digits and `-`")
            continue
        if entry.value.kind != "mapping":
            findings.error(entry.value, where, "say what differs, such as `{model: …, points: {…}}`")
            continue
        for key in entry.value.entries:
            if key not in allowed:
                unknown_key(entry.value, key, where, findings, allowed=allowed)
        head = validate(_Head, entry.value.only(names), where, findings)
        if head is not None:
            _check_without(profile, head.without, entry.value, where, findings)
            found[ident] = Variant(
                id=ident,
                model=head.model,
                experimental=head.experimental,
                without=head.without,
                node=entry.value,
            )
    return found if len(findings.errors) == before else None


def _check_without(profile: Node, without: Texts, node: Node, where: str, findings: Findings) -> None:
    points = profile.get("points")
    names = [str(name) for name in points.entries] if points is not None else []
    for number, pattern in enumerate(without):
        if not any(fnmatchcase(name, pattern) for name in names):
            message = f"the profile has no point `{pattern[:60]}`"
            findings.error(node.get("without") or node, join(where, "without", number), message)


def overlaid(profile: Node, variant: Variant) -> Node:
    """The profile as the variant has it.

    Points are replaced and added by name, the keys of a protocol's block one by one, `events` as a whole.
    """
    entries = dict(profile.entries)
    own = variant.node.entries
    for key, entry in own.items():
        if key in {"model", "experimental", "without"}:
            continue
        base = entries.get(key)
        if base is not None and base.value.kind == "mapping" and entry.value.kind == "mapping":
            value, mine = base.value, entry.value
            merged = Node("mapping", mine.file, mine.line, mine.column, entries={**value.entries, **mine.entries})
            entries[key] = type(entry)(entry.key, merged)
        else:
            entries[key] = entry
    points = entries.get("points")
    if points is not None and variant.without:
        added = variant.node.get("points")
        kept = {
            name: one
            for name, one in points.value.entries.items()
            if (added is not None and name in added.entries)
            or not any(fnmatchcase(str(name), pattern) for pattern in variant.without)
        }
        value = points.value
        entries["points"] = type(points)(
            points.key, Node("mapping", value.file, value.line, value.column, entries=kept)
        )
    return Node("mapping", profile.file, profile.line, profile.column, entries=entries)
