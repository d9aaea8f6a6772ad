"""Looks at a page as a browser and a screen reader would: is it whole, is everything named, may it run here."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

__all__ = ["Element", "assert_sound", "faults_of", "form_fields", "notices", "tree_of"]

_VOID: Final = frozenset({"meta", "link", "input", "img", "br", "hr", "source", "wbr", "col"})
_PHRASES: Final = frozenset(("p", "h1", "h2", "h3", "h4", "span", "button", "label", "dt", "caption"))
_GROUPS: Final = frozenset(("p", "div", "ul", "ol", "dl", "table", "form", "section", "fieldset", "details"))
_BLOCKS: Final = _GROUPS | {"h1", "h2", "h3", "main"}
_ACTIVE: Final = frozenset({"a", "button", "input", "select", "textarea", "summary"})
_PARENTS: Final[Mapping[str, frozenset[str]]] = {
    "li": frozenset({"ul", "ol"}),
    "dt": frozenset({"dl", "div"}),
    "dd": frozenset({"dl", "div"}),
    "tr": frozenset({"thead", "tbody", "tfoot"}),
    "td": frozenset({"tr"}),
    "th": frozenset({"tr"}),
    "caption": frozenset({"table"}),
    "legend": frozenset({"fieldset"}),
    "summary": frozenset({"details"}),
    "option": frozenset({"select", "datalist", "optgroup"}),
}
_UNNAMED_INPUTS: Final = frozenset({"hidden", "submit"})


@dataclass(eq=False, slots=True)
class Element:
    """An element and what is in it."""

    name: str
    attributes: Mapping[str, str | None]
    parent: "Element | None"
    children: list["Element | str"] = field(default_factory=list)

    def all(self) -> Iterator["Element"]:
        """It and all elements in it, as they stand."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.all()

    def above(self) -> Iterator["Element"]:
        """What it is in, from the inside out."""
        if self.parent is not None:
            yield self.parent
            yield from self.parent.above()

    def get(self, name: str) -> str:
        """An attribute; empty without."""
        return self.attributes.get(name) or ""

    @property
    def text(self) -> str:
        """What it says, also where a picture stands."""
        if self.name == "img":
            return self.get("alt")
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(parts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {}, None)
        self.at = self.root
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.faults += [f"<{tag}> has {name} twice" for name, count in Counter(names).items() if count > 1]
        element = Element(tag, dict(attrs), self.at)
        self.at.children.append(element)
        if tag not in _VOID:
            self.at = element

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID or self.at.name != tag or self.at.parent is None:
            self.faults.append(f"</{tag}> at {self.getpos()} closes <{self.at.name}>")
            return
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


def tree_of(html: str) -> Element:
    """Read a page; AssertionError for one whose elements are not closed as they were opened."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.faults == []
    assert reader.at is reader.root, f"<{reader.at.name}> is not closed"
    return reader.root


def form_fields(html: str, action: str) -> dict[str, str]:
    """What the form that is sent to this address carries as it stands, as a browser would send it."""
    (form,) = [each for each in tree_of(html).all() if each.name == "form" and each.get("action") == action]
    said: dict[str, str] = {}
    for each in form.all():
        kind = each.get("type")
        is_left_out = kind in {"checkbox", "radio"} and "checked" not in each.attributes
        if each.name == "input" and each.get("name") and not is_left_out:
            said[each.get("name")] = each.get("value")
        elif each.name == "textarea":
            said[each.get("name")] = "".join(map(str, each.children)).removeprefix("\n")
        elif each.name == "select":
            options = [option for option in each.all() if option.name == "option"]
            chosen = [option for option in options if "selected" in option.attributes] or options[:1]
            said[each.get("name")] = chosen[0].get("value") if chosen else ""
    return said


def notices(html: str) -> list[str]:
    """What a page tells at once, without the links behind that."""
    return [
        " ".join(
            "".join(
                each if isinstance(each, str) else each.text for each in told.children if not _is_link(each)
            ).split()
        )
        for told in tree_of(html).all()
        if told.get("role") == "alert"
    ]


def _is_link(child: Element | str) -> bool:
    return isinstance(child, Element) and child.name == "a"


def assert_sound(html: str) -> None:
    """Fail for everything that is wrong with a page."""
    assert html.lstrip().startswith("<!DOCTYPE html>")
    assert faults_of(tree_of(html)) == []


def faults_of(page: Element) -> list[str]:
    """What is wrong with it, in words."""
    known = list(page.all())
    looks = (_frame, _ids, _nesting, _headings, _names, _tables, _forms, _policy)
    return [fault for look in looks for fault in look(known)]


def _frame(known: Sequence[Element]) -> Iterator[str]:
    (html,) = [each for each in known if each.name == "html"]
    if not html.get("lang"):
        yield "the page does not say its language"
    for name in ("main", "title", "h1"):
        if (count := sum(each.name == name for each in known)) != 1:
            yield f"there are {count} <{name}>"
    yield from ("the title is empty" for each in known if each.name == "title" and not each.text.strip(" ·"))


def _ids(known: Sequence[Element]) -> Iterator[str]:
    counts = Counter(each.get("id") for each in known if "id" in each.attributes)
    yield from (
        f"id {ident!r} is there {count} times" for ident, count in counts.items() if count > 1 or not ident
    )
    for each in known:
        for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls", "list"):
            yield from (f"{name}={one} leads nowhere" for one in each.get(name).split() if one not in counts)
        target = each.get("href")
        if target.startswith("#") and target[1:] not in counts:
            yield f"{target} leads nowhere"


def _nesting(known: Sequence[Element]) -> Iterator[str]:
    for each in known:
        outside = [one.name for one in each.above()]
        if each.name in _BLOCKS and (inside := _PHRASES.intersection(outside)):
            yield f"<{each.name}> stands in {sorted(inside)}: {each.text[:40]}"
        if each.name in _ACTIVE and {"a", "button", "summary"}.intersection(outside):
            yield f"<{each.name}> stands in something to press"
        if each.name == "form" and "form" in outside:
            yield "a form stands in a form"
        if each.name in _PARENTS and outside[0] not in _PARENTS[each.name]:
            yield f"<{each.name}> stands in <{outside[0]}>"
        if each.name in {"ul", "ol"}:
            others = [one.name for one in each.children if isinstance(one, Element) and one.name != "li"]
            yield from (f"<{name}> stands in a list" for name in others)


def _headings(known: Sequence[Element]) -> Iterator[str]:
    """Those of what the page is about: no level is left out."""
    (main,) = [each for each in known if each.name == "main"]
    before = 0
    for each in main.all():
        if len(each.name) == 2 and each.name[0] == "h" and each.name[1].isdigit():
            level = int(each.name[1])
            if level > before + 1:
                yield f"<{each.name}> {each.text!r} comes after <h{before}>"
            if not each.text:
                yield f"an empty <{each.name}>"
            before = level


def _names(known: Sequence[Element]) -> Iterator[str]:
    labels = {each.get("for") for each in known if each.name == "label" and each.text}
    for each in known:
        is_named = bool(each.text or each.get("aria-label") or each.get("aria-labelledby"))
        if each.name in {"a", "button", "summary"} and not is_named:
            yield f"<{each.name} {dict(each.attributes)}> says nothing"
        if each.name == "img" and not each.get("alt"):
            yield f"a picture without words: {each.get('src')}"
        if each.name == "nav" and not is_named:
            yield "a <nav> without a name"
        is_field = each.name in {"select", "textarea"} or (
            each.name == "input" and each.get("type") not in _UNNAMED_INPUTS
        )
        if is_field and not (each.get("id") in labels or each.get("aria-label") or each.get("aria-labelledby")):
            yield f"field {each.get('name')} has no label"
        if each.name == "time" and not each.get("datetime"):
            yield "a <time> without its time"


def _tables(known: Sequence[Element]) -> Iterator[str]:
    for each in known:
        if each.name == "table":
            inside = list(each.all())
            if not any(one.name == "caption" and one.text for one in inside):
                yield "a table without a caption"
            rows = [
                [one for one in row.children if isinstance(one, Element)] for row in inside if row.name == "tr"
            ]
            widths = {sum(int(cell.get("colspan") or 1) for cell in row) for row in rows}
            if len(widths) > 1:
                yield f"a table with rows of {sorted(widths)} cells"
        if each.name == "th" and each.get("scope") not in {"col", "row"}:
            yield f"<th> {each.text!r} has no scope"


def _forms(known: Sequence[Element]) -> Iterator[str]:
    for each in known:
        if each.name == "form" and each.get("method").lower() == "post":
            inside = list(each.all())
            if not any(one.get("name") == "csrf" and one.get("value") for one in inside):
                yield f"the form to {each.get('action')} does not carry csrf"
            if not any(one.name == "button" and one.get("type") in {"", "submit"} for one in inside):
                yield f"the form to {each.get('action')} has no button"
        if each.name == "fieldset" and not any(one.name == "legend" and one.text for one in each.all()):
            yield "a fieldset without a legend"


def _policy(known: Sequence[Element]) -> Iterator[str]:
    """What the policy of the console's pages forbids, and what its script would not find."""
    for each in known:
        if "data-live" in each.attributes and not each.get("id"):
            yield f"a part that is live has no id: {each.get('data-live')}"
        yield from (
            f"<{each.name} {name}>" for name in each.attributes if name == "style" or name.startswith("on")
        )
        if each.name == "style" or (each.name == "script" and (each.text or not each.get("src"))):
            yield f"<{each.name}> in the page"
        for name in ("href", "src", "action"):
            if ":" in each.get(name).split("/")[0]:
                yield f"{name}={each.get(name)} leads out"
