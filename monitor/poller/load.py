"""How much of a bus's time is used, minute by minute; times are monotonic seconds."""

__all__ = ["Load"]

_SPAN = 60.0
_SOON = 1.0


class Load:
    """Adds up what the workers of a bus spend."""

    def __init__(self, workers: int, now: float) -> None:
        self._workers = workers
        self._since = now
        self._spent = 0.0
        self._last: float | None = None

    def add(self, spent: float, now: float) -> None:
        """Note that a worker was busy for `spent` seconds until now."""
        self._spent += spent
        if now - self._since >= _SPAN:
            self._last = self._share(now)
            self._since, self._spent = now, 0.0

    def share(self, now: float) -> float:
        """The used share (0 to 1) of the last whole minute; of the time since the start in the first one."""
        if now - self._since >= _SPAN:
            self.add(0.0, now)
        if self._last is not None:
            return self._last
        return self._share(now) if now - self._since >= _SOON else 0.0

    def _share(self, now: float) -> float:
        return min(1.0, self._spent / self._workers / (now - self._since))
