"""What judges of the deltas of one counter have in common. Times are engine ms."""

from monitor.schema import delta_name
from monitor.site import Device
from rules.kind import EntryJudge, Verdict, patience
from rules.truth import Truth

__all__ = ["DeltaJudge"]


class DeltaJudge(EntryJudge):
    """Knows nothing any more once a delta was missed for too long: it is held back, or the meter is silent."""

    _is_lost = False

    def _follow(self, device: Device, counter: str) -> None:
        """Say whose deltas these are."""
        self._field = delta_name(counter)
        seconds = patience(device, self._field)
        self._patience = None if seconds is None else round(seconds * 1000)

    def _known(self) -> int | None:
        """Up to when deltas are known; None: there has been none."""
        raise NotImplementedError

    def due(self) -> int | None:
        """When the next delta will have been missed for too long."""
        known = self._known()
        return None if self._patience is None or known is None or self._is_lost else known + self._patience

    def tick(self, now: int) -> Verdict | None:
        """Say that nothing is known until the next one."""
        due = self.due()
        if due is None or now < due:
            return None
        self._is_lost = True
        return Verdict(Truth.UNKNOWN)
