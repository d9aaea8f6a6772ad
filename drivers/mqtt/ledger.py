"""Which acknowledged messages the broker can still send again: until then the journal remembers their ids. Pure.

An acknowledgement that was written to a socket may never have arrived. What proves that it did:
- A broker reads a connection in order. So the answer to a ping that was sent behind n acknowledgements says that
  those n have arrived.
- After a reconnect the broker sends again what it misses before it sends anything new: with the first message that
  is not marked as sent again, or with a session that is gone, all doubts of earlier connections are over.
"""

from collections import Counter, deque
from collections.abc import Iterable

__all__ = ["Ledger"]


class Ledger:
    """The ids of one broker's messages that are kept and acknowledged, but may still be sent again."""

    __slots__ = ("_acked", "_arrived", "_doubtful", "_epoch", "_live", "_settled")

    def __init__(self) -> None:
        self._epoch = 0
        self._arrived = 0
        self._acked: deque[str] = deque()
        self._doubtful: deque[str] = deque()
        self._live: Counter[str] = Counter()
        self._settled: set[str] = set()

    def connected(self, epoch: int, *, session_present: bool) -> None:
        """A new connection: what was not proven on the one before is in doubt."""
        self._epoch = epoch
        self._doubtful.extend(self._acked)
        self._acked.clear()
        self._arrived = 0
        if not session_present:
            self._believe()

    def received(self, epoch: int, identity: str, *, again: bool) -> None:
        """A message that wants an acknowledgement came in; `again`: it is marked as sent again."""
        if identity:
            self._live[identity] += 1
            self._settled.discard(identity)
        if epoch == self._epoch and not again and self._doubtful:
            self._believe()

    def acked(self, epoch: int, identities: Iterable[str]) -> None:
        """Acknowledgements were handed to a connection, in this order; "" is a message that gave nothing."""
        (self._acked if epoch == self._epoch else self._doubtful).extend(identities)

    def arrived(self, epoch: int, count: int) -> None:
        """The first `count` acknowledgements that were handed to a connection have arrived."""
        while epoch == self._epoch and self._arrived < count and self._acked:
            self._arrived += 1
            self._forget(self._acked.popleft())

    def settled(self) -> frozenset[str]:
        """Answer, once, the ids that the journal may forget."""
        answer = frozenset(self._settled)
        self._settled.clear()
        return answer

    def _believe(self) -> None:
        while self._doubtful:
            self._forget(self._doubtful.popleft())

    def _forget(self, identity: str) -> None:
        if not identity:
            return
        self._live[identity] -= 1
        if self._live[identity] <= 0:
            del self._live[identity]
            self._settled.add(identity)
