"""The pages of the documentation, and what is on them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Example", "anchors", "commands", "examples", "links", "pages", "section"]

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"<!-- check: (\w+) -->\n *\Z")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_COMMAND = re.compile(r"(?:^|[\s$`/])facility-monitor ([a-z][^`#\n|]*)", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A block of YAML: the page and line where it begins, and what its mark says it is (or nothing)."""

    page: Path
    line: int
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def pages() -> list[Path]:
    """README.md and every page of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def examples() -> Iterator[Example]:
    """Every block of YAML on every page."""
    for page in pages():
        text = page.read_text("utf-8")
        for block in _FENCE.finditer(text):
            if block["language"] in {"yaml", "yml"}:
                mark = _MARK.search(text, 0, block.start())
                line = text.count("\n", 0, block.start()) + 1
                yield Example(page, line, mark[1] if mark else "", block["text"])


def links(page: Path) -> Iterator[str]:
    """What a page links to, but for what is in code."""
    yield from _LINK.findall(_FENCE.sub("", page.read_text("utf-8")))


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as they are linked to."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(page.read_text("utf-8")))
    return {heading.replace(" ", "-") for heading in plain}


def commands(page: Path) -> list[str]:
    """What a page shows of the command `facility-monitor`, without the command itself."""
    return [found.strip() for found in _COMMAND.findall(page.read_text("utf-8"))]


def section(page: Path, heading: str) -> str:
    """The text under a heading, up to the next one of its level or above."""
    text = page.read_text("utf-8")
    level = heading.split(" ", maxsplit=1)[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"{page.name} has no `{heading}`"
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]
