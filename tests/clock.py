"""A clock that stands still until a test moves it."""


class ManualClock:
    """UTC ms, as the tests say."""

    def __init__(self, start: int = 1_795_378_523_000) -> None:
        self.time = start

    def now(self) -> int:
        return self.time

    def advance(self, ms: int) -> None:
        self.time += ms
