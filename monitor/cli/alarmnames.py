"""How commands call an alarm, and how they wait until what was asked of it is judged."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from monitor.cli.output import clean

if TYPE_CHECKING:
    from monitor.cli.client import Client

__all__ = ["ask", "beginning", "newest", "not_judged", "occurrence_of", "until"]

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


def ask(  # noqa: PLR0917 - of whom, of which alarm, for what, where its answer shows, and when it is done
    client: "Client",
    alarm: str,
    what: str,
    body: Mapping[str, Any],
    look: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    is_done: Callable[[Mapping[str, Any]], bool],
) -> Mapping[str, Any]:
    """Ask for something about an alarm; answers the command, whether it was judged (`judged`), and the alarm.

    `look` answers the alarm as it stands, given the command.
    """
    kept = client.post("alarms", alarm, what, body=body)
    found, judged = until(lambda: look(kept), is_done)
    return {**kept, "judged": judged, "alarm": found}


def not_judged(kept: Mapping[str, Any]) -> str:
    """What people read of a command that the daemon keeps, and has not judged in time."""
    return f"kept in the name of {clean(kept['by'])}; not judged yet"
