"""What people are told: English sentences with places for facts, which other languages translate whole."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final, TypeAlias, Union

__all__ = ["PLACE", "Fact", "Sentence", "Translate", "either", "fill", "joined", "say", "verbatim"]

PLACE: Final = re.compile(r"\{(\w+)\}")
"""Where a fact stands in a sentence."""

Fact: TypeAlias = Union[str, int, "Sentence"]
"""A name, an amount with its unit, a count; or what is itself translated."""

Translate: TypeAlias = Callable[[str], str]
"""English -> the language of who reads; what it does not know it answers as it is."""


def say(text: str) -> str:
    """Mark a text without facts for the catalogues (docs/catalogues), where no sentence is made of it."""
    return text


@dataclass(frozen=True, slots=True, init=False)
class Sentence:
    """A sentence and its facts: `Sentence("there is no alarm {alarm}", alarm=name)`.

    `str` is the finished English; `said` is the same in another language. The template is a literal, because
    catalogues are made of the source (`make messages`), and its places are the names of its facts:
    tests/monitor/test_wording.py holds every call to both.
    """

    template: str
    facts: dict[str, Fact]

    def __init__(self, template: str, /, **facts: Fact) -> None:
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "facts", facts)

    def __str__(self) -> str:
        return self.said(str)

    def said(self, translate: Translate) -> str:
        """The finished sentence; facts that are sentences are translated, too, all others stand as they are."""
        facts = {
            name: fact.said(translate) if isinstance(fact, Sentence) else str(fact)
            for name, fact in self.facts.items()
        }
        return fill(translate(self.template), facts)


def fill(text: str, facts: Mapping[str, str]) -> str:
    """Put facts into the places of a text; a place that has none stays as it is written."""
    return PLACE.sub(lambda place: facts.get(place[1], place[0]), text)


def verbatim(text: str) -> Sentence:
    """Words of others, such as a library's or a server's: they are the same in every language."""
    return Sentence("{text}", text=text)


def either(told: Sentence, near: str) -> Sentence:
    """A sentence, and what was meant perhaps (empty: nobody knows)."""
    return Sentence("{told}; did you mean {near}?", told=told, near=near) if near else told


def joined(sentences: Iterable[Sentence], *, lines: bool = False) -> Sentence:
    """Several of them (one at least) as one, in their order; or as `lines`, one below the other."""
    return reduce(
        lambda one, other: (
            Sentence("{one}\n{other}", one=one, other=other)
            if lines
            else Sentence("{one}; {other}", one=one, other=other)
        ),
        sentences,
    )
