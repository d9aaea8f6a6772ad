"""A page as its tags, rows and texts: what it is made of can be asked."""

from base64 import b64decode
from collections import Counter
from html.parser import HTMLParser

__all__ = ["HOSTILE", "Page"]

VOID = {"meta", "img", "br", "link"}
HOSTILE = "<script>alert('1')</script>{{ 7*7 }} {meter} \"&=$x$ _y_\x07"


class Page(HTMLParser):
    """Checks that every element is closed in its turn, and collects what the page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in {"th", "td"}:
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if {"td", "th"} & set(self.open) and "sup" not in self.open:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def pictures(self) -> list[bytes]:
        begin = "data:image/svg+xml;base64,"
        return [b64decode(value.removeprefix(begin)) for name, value in self.attributes if name == "src"]
