"""What Grafana puts in place of its variables before it sends InfluxQL."""

import re
from collections.abc import Mapping

__all__ = ["substitute"]


def substitute(query: str, start: int, end: int, chosen: Mapping[str, str], interval: str = "1m") -> str:
    """Answer the query as Grafana sends it; `chosen` are values of the variables (`.*` for All)."""
    query = query.replace("$timeFilter", f"time >= {start}ms and time <= {end}ms")
    query = query.replace("$__interval", interval)
    for name, value in chosen.items():
        shown = value if value == ".*" else re.escape(value)
        query = (
            query.replace(f"${{{name}:regex}}", shown)
            .replace(f"${{{name}:raw}}", value)
            .replace(f"${{{name}}}", value)
            .replace(f"${name}", shown)
        )
    left = re.sub(r"/\^.*?\$/", "", query)
    assert "$" not in left, f"nobody replaces the variable in {left}"
    return query
