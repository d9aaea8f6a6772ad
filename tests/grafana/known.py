"""What Grafana's own types know of a dashboard."""

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins

with warnings.catch_warnings():
    # The types of the newer form of dashboards are preferred there; ours is the one that Grafana 10 knows too.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models.dashboard import Dashboard

__all__ = ["unknown"]

register_default_plugins()


def unknown(dashboard: Mapping[str, Any]) -> list[str]:
    """Places of keys and values that the types drop or change; of queries they keep whatever there is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        read = Dashboard.from_json(json.loads(json.dumps(dashboard)))
        kept = json.loads(JSONEncoder().encode(read))
    return list(_lost(dashboard, kept))


def _lost(given: Any, kept: Any, place: str = "") -> Iterator[str]:
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{place}/{key}"
            else:
                yield from _lost(value, kept[key], f"{place}/{key}")
    elif isinstance(given, list):
        if not isinstance(kept, list) or len(given) != len(kept):
            yield place
        else:
            for index, (one, two) in enumerate(zip(given, kept, strict=True)):
                yield from _lost(one, two, f"{place}[{index}]")
    elif given != kept:
        yield f"{place}: {given!r} is {kept!r}"
