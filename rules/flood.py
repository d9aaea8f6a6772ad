"""A flood: more alarms than anybody can read one by one, so that those that can wait are gathered."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from monitor.model import Severity
from monitor.notices import NoticeKind
from rules.effects import Step
from rules.timeline import Timeline

__all__ = ["Flood"]

_SPAN: Final = 600_000
_BEGINS_ABOVE: Final = 10
_ENDS_BELOW: Final = 5
"""More raises than the one within the span (ms) are a flood, until fewer than the other (figures of ISA-18.2)."""
_GATHERED: Final = 300_000


class Flood:
    """Counts the raises of a site that people are told of. It stands among the watches in the engine's heap."""

    def __init__(self, index: int, time: Timeline) -> None:
        self.index = index
        self.armed: int | None = None
        self._time = time
        self._raises: deque[int] = deque(maxlen=_BEGINS_ABOVE + 1)
        self._began: int | None = None
        self.changed = False

    @property
    def is_on(self) -> bool:
        """Whether there is a flood now."""
        return self._began is not None

    def take(self, step: Step) -> Step:
        """Count a step, and answer it as it shall be told: in a flood, gathered with others unless it is critical.

        Late events are left out: they are gathered as the backlog that they are.
        """
        raised = step.transition
        if step.notice is not NoticeKind.RAISE or raised.late or step.gather:
            return step
        now = self._time.now
        if raised.cause == "raised":
            self.changed = True
            self._raises.append(now)
            if not self.is_on and len(self._raises) > _BEGINS_ABOVE and now - self._raises[0] < _SPAN:
                self._began = now
        if self._began is None or raised.severity == Severity.CRITICAL:
            return step
        number = (now - self._began) // _GATHERED
        begin = self._began + number * _GATHERED
        return replace(step, gather=f"flood:{self._time.wall(begin)}", wait=begin + _GATHERED - now)

    def due(self) -> int | None:
        """Say when the flood is over, if nothing more is raised."""
        return self._raises[-_ENDS_BELOW] + _SPAN if self.is_on else None

    def tick(self, now: int) -> None:
        """End the flood when it is over."""
        due = self.due()
        if due is not None and due <= now:
            self._began = None
            self.changed = True

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {"raises": list(self._raises), "began": self._began}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._raises.extend(memory["raises"])
        self._began = memory["began"]
