"""What fuzzing feeds to conditions: a text as somebody might write it, or never should."""

import contextlib

from rules.expression import ExpressionError, Values, parse
from rules.truth import Truth

__all__ = ["expressions", "seeds"]

_LONGEST = 1100
_SAID = (None, 1.5, True, "auto", -1e308, False, 0.0)


def expressions(data: bytes) -> None:
    """A condition is understood or refused in words, and true, false, unknown or a mistake of its values."""
    try:
        expr = parse(data[:_LONGEST].decode(errors="replace"))
    except ExpressionError:
        return
    values = Values(expr)
    for number, name in enumerate(expr.names):
        values.set(name, _SAID[(len(data) + number) % len(_SAID)])
    with contextlib.suppress(TypeError):
        assert expr.truth(values) in Truth


def seeds() -> list[bytes]:
    """Answer texts to begin with."""
    return [
        b"level_m < 0.5 && !running",
        b"3rd_pump.mode == 'auto' || (age_open >= 1.5e3 ? alarm_low : hour - 12 > -dow / 2)",
        b"a" + b"+a" * 149,
        b"((((((((((true))))))))))",
        b"!" * 299 + b"a",
        b"[1].all(x, x.matches('(a+)+$'))",
    ]
