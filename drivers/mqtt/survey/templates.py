"""Home Assistant's value templates, as far as they only name a place in the payload. Pure.

`{{ value_json.a.b }}`, `{{ value_json['a'][0] | float }}` and `{{ value }}` are places. All else is a program.
"""

import re
from typing import Final

from drivers.mqtt import jsonpath

__all__ = ["place"]

_WHOLE = re.compile(r"\{\{-?\s*(?P<what>value_json|value)(?P<path>[^|{}]*?)\s*(?P<filters>(\|[^|{}]*)*?)-?\}\}")
_FILTER = re.compile(r"\s*(float|int|round|is_defined|string|trim|default|d)\s*(\(\s*[-\w.,'\"= ]*\))?\s*")
_LONGEST: Final = 300


def place(template: str | None) -> dict[str, str | bool] | None:
    """Where a template looks, as a point has it (`json:` or `text:`); None when it does more than look."""
    if template is None or not template.strip():
        return {"text": True}
    text = template.strip()
    found = _WHOLE.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    if not all(_FILTER.fullmatch(each) for each in found["filters"].split("|")[1:]):
        return None
    path = found["path"].strip()
    if found["what"] == "value":
        return {"text": True} if not path else None
    try:
        jsonpath.parse(f"${path}")
    except ValueError:
        return None
    return {"json": f"${path}"}
