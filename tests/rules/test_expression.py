"""What expressions may say, how the unknown goes through them, and that none hangs or breaks the program."""

import itertools
import string
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.expression import ExpressionError, Values, parse
from rules.truth import Truth
from tests.examples import examples

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
_KNOWN: dict[Truth, bool | None] = {T: True, F: False, U: None}


def judged(text: str, **values: Any) -> Truth:
    expr = parse(text)
    known = Values(expr)
    for name, value in values.items():
        known.set(name, value)
    return expr.truth(known)


def kleene(sign: str, one: Truth, other: Truth) -> Truth:
    """Kleene's tables: and is the lesser of the two, or the greater; FALSE < UNKNOWN < TRUE."""
    order = [F, U, T]
    return (min if sign == "&&" else max)(one, other, key=order.index)


@pytest.mark.parametrize("sign", ["&&", "||"])
@pytest.mark.parametrize(("one", "other"), list(itertools.product([T, F, U], repeat=2)))
def test_the_unknown_goes_through_and_and_or_as_kleene_has_it(sign: str, one: Truth, other: Truth) -> None:
    assert judged(f"a {sign} b", a=_KNOWN[one], b=_KNOWN[other]) is kleene(sign, one, other)
    # The same where what is unknown is a comparison with something that is absent.
    values = {name: None if each is U else 1.0 for name, each in (("x", one), ("y", other))}
    text = f"x > {0 if one is T else 2} {sign} y > {0 if other is T else 2}"

    assert judged(text, **values) is kleene(sign, one, other)


@pytest.mark.parametrize(
    ("text", "values", "truth"),
    [
        ("!a", {}, U),
        ("!a", {"a": False}, T),
        ("a ? b : c", {"a": True, "b": True}, T),
        ("a ? b : c", {"a": False, "b": True}, U),
        ("a ? b : c", {"b": True, "c": True}, U),
        ("x + 1 > 5", {}, U),
        ("x + 1 > 5", {"x": 5}, T),
        ("x / y > 2", {"x": 5.0, "y": 2}, T),
        ("x / y > 2", {"x": 0, "y": 0}, U),
        ("x == 1", {"x": 1}, T),
        ("x == 1", {"x": True}, F),
        ("x == \"open\" || x == 'ajar'", {"x": "ajar"}, T),
        ("-x < -2 * 3", {"x": 7}, T),
        ("tank_2.level_m < .5e1", {"tank_2.level_m": 4}, T),
        ("3rd_floor.power_w>1", {"3rd_floor.power_w": 2}, T),
        ("in && let && package", {"in": True, "let": True, "package": True}, T),
        ("a // 2", {}, "at `/ 2`"),
    ],
)
def test_what_expressions_mean(text: str, values: dict[str, Any], truth: Truth | str) -> None:
    if isinstance(truth, str):
        with pytest.raises(ExpressionError, match=truth):
            parse(text)
    else:
        assert judged(text, **values) is truth


def test_a_value_that_is_unknown_again_is_no_longer_counted() -> None:
    expr = parse("a > 1 || b")
    values = Values(expr)

    assert values.set("a", 2)
    assert not values.set("a", 2.0)
    assert values.set("b", value=False)
    assert expr.truth(values) is T
    assert values.set("a", None)
    assert not values.set("a", None)
    assert expr.truth(values) is U
    assert values.known == {"b": False}


@pytest.mark.parametrize("text", ["x > 1", "x + y", "x && y", "!x", 'x < "a"'])
def test_values_that_do_not_fit_are_a_mistake(text: str) -> None:
    with pytest.raises(TypeError):
        judged(text, x=1.0 if "<" in text else "word", **({"y": 1.0} if "y" in text else {}))


def test_what_is_absent_excuses_what_does_not_fit() -> None:
    assert judged("x > 1 && y", x="word") is U


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "something is missing"),
        ("a &&", "something is missing"),
        ("(a", "something is missing"),
        ("a b", "not understood at `b`"),
        ("a > 5)", r"not understood at `\)`"),
        ("a and b", "instead of `and` write `&&`"),
        ("a OR b", r"instead of `OR` write `\|\|`"),
        ("not a", "instead of `not` write `!`"),
        ("not (a)", "instead of `not` write `!`"),
        ("a = 5", "instead of `=` write `==`"),
        ("a > 5 V", "write `5` without a unit"),
        ("size(a)", r"`size\(` is no function"),
        ("has (a.b)", r"`has\(` is no function"),
        ("matches(a)", "is no function"),
        ("a.contains('x')", "not understood|no function"),
        ("[1, 2].all(x, x > 0)", r"not understood at `\[1, 2\]"),
        ("a.exists(x, x)", "not understood|no function"),
        ("{1: 2}", "not understood at `{1: 2}`"),
        ("a[0]", r"not understood at `\[0\]`"),
        ("a.b.c > 1", "not understood at `a.b.c > 1`"),
        ("a > 1e999", "not understood at `1e999`"),
        ("a == 'x\\u0041'", "not understood"),
        ("a % 2", "not understood at `% 2`"),
        ("ä > 1", "not understood at `ä > 1`"),
        ("a > 1 " + "&& a > 1 " * 200, "at most 1024 characters"),
        ("a" + "+a" * 300, "too long or nested too deeply"),
        ("(" * 21 + "a" + ")" * 21, "nested too deeply"),
        ("a?a:" * 25 + "a", "nested too deeply"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse(text)


_BITS = st.sampled_from(
    [*"()!-+*/<>?:=&|.,[]{}'\"\\ \n\0", "&&", "||", "==", "a", "b.c", "1", "1e9", "0x", "true", "in", "🙂",
     "\U0001d7da", ".map(", ".all(x,", "matches(", "has(", "dyn(", "null", "1u", "9" * 40, "b'", 'r"', "//", "`"]
)  # fmt: skip
_HOSTILE = st.one_of(
    st.text(max_size=1100),
    st.text(string.printable, max_size=200),
    st.lists(_BITS, max_size=400).map("".join),
    st.tuples(_BITS, st.integers(1, 1030), st.text("ab()1", max_size=20)).map(
        lambda each: each[0] * each[1] + each[2]
    ),
)


@settings(max_examples=examples(250), deadline=2000)
@given(
    text=_HOSTILE,
    values=st.lists(st.sampled_from([None, True, False, 0.0, -1.5, 1e308, "x", "🙂", 2**70]), max_size=8),
)
@example(text="-" * 250 + "a", values=[1.0])
@example(text="!" * 250 + "a", values=[True])
@example(text="a" + "/a" * 140, values=[1e-300])
@example(text="a" + "<a" * 140, values=[1.0])
def test_no_text_hangs_or_breaks_what_reads_it(text: str, values: list[Any]) -> None:
    try:
        expr = parse(text)
    except ExpressionError:
        return
    known = Values(expr)
    for name, value in zip(expr.names, itertools.cycle(values or [None]), strict=False):
        known.set(name, value)

    try:
        assert expr.truth(known) in Truth
    except TypeError:
        assert len(known.known) == len(expr.names)


@given(number=st.integers(-(2**63), 2**63))
def test_whole_numbers_are_doubles_wherever_they_come_from(number: int) -> None:
    assert judged(f"x == {abs(number)}", x=abs(number)) is T
    assert judged("x / 2 * 2.0 == x", x=number) is T


def test_a_panic_of_the_library_is_an_error_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        """As the library's binding raises it: no Exception."""

    class Panicking:
        def execute(self, context: object) -> bool:
            raise PanicException(context)

    expr = parse("panics_here > 1")
    values = Values(expr)
    values.set("panics_here", 1.0)
    monkeypatch.setattr(expr, "_program", Panicking())

    with pytest.raises(RuntimeError, match="has failed"):
        expr.truth(values)
