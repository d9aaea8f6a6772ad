"""Conditions in CEL over names of the site: read once, bounded, and three-valued.

Only a part of the language is let in: names, numbers, texts, true and false, and the operators of `_OPERATORS`.
There are no functions, macros or collections, so that what an expression costs is bounded by its length. Every
number is a double. CEL itself treats the unknown as Kleene does: an absent name is an error, and `false && error`
is false.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeVar

from monitor.model import Value
from rules.truth import Truth

__all__ = ["Expr", "ExpressionError", "Token", "Values", "parse"]

T = TypeVar("T")

_LONGEST: Final = 1024
_MOST_TOKENS: Final = 300
_DEEPEST: Final = 20
_OPERATORS: Final = frozenset(
    {"_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_", "_&&_", "_||_", "!_", "-_", "_?_:_", "_+_", "_-_", "_*_", "_/_"}
)
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?)(?![\w.])
    |(?P<name>\w+(?:\.\w+)?)(?![\w.])|(?P<text>"[^"\\\n]*"|'[^'\\\n]*')
    |(?P<sign><=|>=|==|!=|&&|\|\||[-+*/<>!?:()])|(?P<end>$))""",
    re.VERBOSE | re.ASCII,
)
_HINTS: Final = {
    "and": "`&&`", "or": "`||`", "not": "`!`", "AND": "`&&`", "OR": "`||`", "NOT": "`!`", "=": "`==`", "&": "`&&`",
    "|": "`||`", "True": "`true`", "False": "`false`",
}  # fmt: skip
_PLACE: Final = re.compile(r"<input>:1:(\d+):")


class ExpressionError(ValueError):
    """The expression cannot be used; the message says what to write instead."""


class Token(NamedTuple):
    """One word of an expression: a number, a name, a text or a sign, and where it stands."""

    sort: str
    text: str
    start: int


class Expr:
    """An expression that was understood. `names` are those it uses, in order; `tokens` all its words."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        words = [each for each in tokens if each.sort == "name" and each.text not in {"true", "false"}]
        self.names = tuple(dict.fromkeys(each.text for each in words))
        # Names are numbered for CEL, which has reserved words and other rules for them.
        self.variables = {name: f"v{number}" for number, name in enumerate(self.names)}
        self._program = _guarded(lambda: _compiled(text, tokens, self.variables))
        functions = frozenset(self._program.functions())
        if not functions <= _OPERATORS or not set(self._program.variables()) <= set(self.variables.values()):
            raise ExpressionError(f"this cannot be used in an expression: {sorted(functions - _OPERATORS)}")
        self.divides = "_/_" in functions

    def outcome(self, values: "Values") -> Value:
        """Answer what it is for some values. Raises LookupError where something needed is not known."""
        try:
            return _guarded(lambda: self._program.execute(values.context))  # type: ignore[no-any-return] # CEL's
        except Exception as error:
            # With a name absent, an error is what CEL makes of the unknown; a quotient may be no number.
            if self.divides or len(values.known) < len(self.names):
                raise LookupError("not known") from error
            if isinstance(error, TypeError):
                known = ", ".join(f"{name}={str(value)[:40]}" for name, value in values.known.items())
                raise TypeError(f"values that do not fit: {known}") from error
            raise

    def truth(self, values: "Values") -> Truth:
        """Answer whether it holds; TypeError where it is neither true nor false, or its values do not fit."""
        try:
            found = self.outcome(values)
        except LookupError:
            return Truth.UNKNOWN
        if not isinstance(found, bool):
            raise TypeError(f"the expression is {found!r} and neither true nor false")
        return Truth.TRUE if found else Truth.FALSE


class Values:
    """The values of one expression at one source: what is not known is absent. Never shared between threads."""

    def __init__(self, expr: Expr) -> None:
        self._variables = expr.variables
        self.known: dict[str, Value] = {}
        self.context = _context()

    def set(self, name: str, value: Value | None) -> bool:
        """Take a value, None for unknown; answers whether that is another than before."""
        number = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        before = self.known.get(name)
        if number == before and type(number) is type(before):
            return False
        if number is not None:
            self.known[name] = number
            self.context.add_variable(self._variables[name], number)
            return True
        del self.known[name]
        self.context = _context()
        for known, its in self.known.items():
            self.context.add_variable(self._variables[known], its)
        return True


@lru_cache(maxsize=256)
def parse(text: str) -> Expr:
    """Understand an expression; ExpressionError says why not."""
    if len(text) > _LONGEST:
        raise ExpressionError(f"an expression has at most {_LONGEST} characters; this one has {len(text)}")
    tokens, depth, position = list[Token](), 0, 0
    while (match := _TOKEN.match(text, position)) and match.lastgroup != "end":
        sort, word = str(match.lastgroup), match[str(match.lastgroup)]
        tokens.append(Token(sort, word, match.start(sort)))
        depth += {"(": 1, ")": -1, "?": 1}.get(word, 0) if sort == "sign" else 0
        if depth > _DEEPEST or len(tokens) > _MOST_TOKENS:
            raise ExpressionError("the expression is too long or nested too deeply: make two rules of it")
        position = match.end()
    if match is None or not tokens:
        raise _not_understood(text, position)
    for one, following in pairwise(tokens):
        if one.text in _HINTS and (following.sort != "sign" or following.text == "("):
            raise ExpressionError(f"instead of `{one.text}` write {_HINTS[one.text]}")
        if one.sort == "number" and following.sort == "name" and following.text not in _HINTS:
            raise ExpressionError(
                f"write `{one.text}` without a unit: it is in that of the point, as its name says"
            )
        if one.sort == "name" and following.text == "(":
            raise ExpressionError(
                f"`{one.text}(` is no function: an expression has none, only + - * / and comparisons"
            )
    return Expr(text, tuple(tokens))


def _not_understood(text: str, position: int) -> ExpressionError:
    rest = text[position:].strip()
    word = next((each for each in _HINTS if re.match(re.escape(each) + r"(?!\w)", rest)), None)
    if word is not None:
        return ExpressionError(f"instead of `{word}` write {_HINTS[word]}")
    where = f"at `{rest[:20]}`" if rest else "at its end: something is missing"
    return ExpressionError(f"the expression is not understood {where}")


def _compiled(text: str, tokens: Sequence[Token], variables: Mapping[str, str]) -> Any:
    from cel import compile as compile_

    pieces, starts, length = list[str](), list[int](), 0
    for one in tokens:
        is_whole = one.sort == "number" and one.text.isdigit()
        pieces.append(f"{one.text}.0" if is_whole else variables.get(one.text, one.text))
        starts.append(length)
        length += len(pieces[-1]) + 1
    try:
        return compile_(" ".join(pieces))
    except ValueError as error:
        found = _PLACE.search(str(error))
        column = int(found[1]) - 1 if found else 0
        if column >= length - 1:
            raise _not_understood(text, len(text)) from error
        raise _not_understood(text, tokens[max(0, bisect_right(starts, column) - 1)].start) from error


def _context() -> Any:
    from cel import Context

    return Context()


def _guarded(work: Callable[[], T]) -> T:
    """Have CEL's library do something; where it panics, that is an error like others."""
    try:
        return work()
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of pyo3, which no module exports
            raise
        raise RuntimeError("the library of expressions has failed") from error
