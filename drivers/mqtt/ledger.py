"""Which acknowledged messages the broker can still send again: until then the journal remembers their ids. Pure.

An acknowledgement that was written to a socket may never have arrived. What proves that it did:
- A broker has at most `window` messages under way (MQTT 5: our Receive Maximum; 3.1.1: the 65535 message ids), and
  acknowledgements arrive in the order they were sent. So after n messages of one connection the first n - window
  acknowledgements of that connection have arrived.
- After a reconnect the broker sends again what it misses before it sends anything new: with the first message that
  is not marked as sent again, or with a session that is gone, all doubts of earlier connections are over.
"""

from collections import Counter, deque
from collections.abc import Iterable

__all__ = ["Ledger"]


class Ledger:
    """The ids of one broker's messages that are kept and acknowledged, but may still be sent again."""

    __slots__ = ("_acked", "_doubtful", "_epoch", "_live", "_proven", "_received", "_settled", "_window")

    def __init__(self, window: int) -> None:
        self._window = window
        self._epoch = 0
        self._received = 0
        self._proven = 0
        self._acked: deque[str] = deque()
        self._doubtful: deque[str] = deque()
        self._live: Counter[str] = Counter()
        self._settled: set[str] = set()

    def connected(self, epoch: int, *, session_present: bool) -> None:
        """A new connection: what was not proven on the one before is in doubt."""
        self._epoch = epoch
        self._doubtful.extend(self._acked)
        self._acked.clear()
        self._received = self._proven = 0
        if not session_present:
            self._believe()

    def received(self, epoch: int, identity: str, *, again: bool) -> None:
        """A message that wants an acknowledgement came in; `again`: it is marked as sent again."""
        if identity:
            self._live[identity] += 1
            self._settled.discard(identity)
        if epoch == self._epoch:
            self._received += 1
            if not again and self._doubtful:
                self._believe()

    def acked(self, epoch: int, identities: Iterable[str]) -> None:
        """Acknowledgements were handed to a connection, in this order; "" is a message that gave nothing."""
        (self._acked if epoch == self._epoch else self._doubtful).extend(identities)

    def settled(self) -> frozenset[str]:
        """Answer, once, the ids that the journal may forget."""
        proven = self._received - self._window
        while self._proven < proven and self._acked:
            self._proven += 1
            self._forget(self._acked.popleft())
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
