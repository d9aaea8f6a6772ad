"""How commands call an alarm, and how they wait until what was asked of it is judged."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from monitor.cli.client import Client

__all__ = ["beginning", "newest", "occurrence_of", "until"]

_JUDGED_WITHIN: Final = 5.0
_PAUSE: Final = 0.05
T = TypeVar("T")


def occurrence_of(client: "Client", alarm: str) -> str:
    """The occurrence that people mean by it, by its beginning, or by RULE/DEVICE[/POINT]: then the newest."""
    if "/" not in alarm:
        return beginning(client, alarm)
    found = newest(client, alarm)
    if not found:
        from monitor.cli.client import Refused

        raise Refused(f"no alarm {alarm}\nlist them with `facility-monitor alarms`", 404)
    return str(found["occurrence"])


def beginning(client: "Client", alarm: str) -> str:
    """The one occurrence that begins so; as it stands when it calls none or more than one."""
    matching = [each["occurrence"] for each in client.get("alarms") if each["occurrence"].startswith(alarm)]
    return matching[0] if len(matching) == 1 else alarm


def newest(client: "Client", key: str) -> Mapping[str, Any]:
    """The alarm of RULE/DEVICE[/POINT] as it stands now; empty when no list shows it."""
    for each in client.get("alarms"):
        if f"{each['rule']}/{each['source_key']}" == key:
            return dict(each)
    return {}


def until(ask: Callable[[], T], is_done: Callable[[T], bool]) -> tuple[T, bool]:
    """What is answered once the engine has judged a command, and whether it has; after some seconds as it is."""
    deadline = time.monotonic() + _JUDGED_WITHIN
    while True:
        found = ask()
        judged = is_done(found)
        if judged or time.monotonic() > deadline:
            return found, judged
        time.sleep(_PAUSE)
