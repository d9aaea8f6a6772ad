"""paho's client with fewer system calls: it reads ahead, and writes acknowledgements together.

paho takes four reads to receive a message and one write to acknowledge it, and each of them hands the interpreter
to another thread. A ping of ours, behind acknowledgements, proves by its answer that they have arrived.
These are the places of paho's inside that we touch; it is pinned for that reason, and
tests/drivers/mqtt/test_wire.py says at once when they move.
"""

import struct
from collections.abc import Sequence
from typing import Final

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode

__all__ = ["Wire"]

_AHEAD: Final = 64 * 1024
_PUBACK: Final = 0x40


class Wire(paho.Client):
    """One connection to a broker. All calls come from one thread."""

    _ahead = b""
    _at = 0
    pongs = 0
    """Answers to pings so far."""

    @property
    def has_more(self) -> bool:
        """Whether something was read from the socket that no packet has been made of yet."""
        return self._at < len(self._ahead)

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._at >= len(self._ahead):
            self._ahead = super()._sock_recv(max(bufsize, _AHEAD))
            self._at = 0
        start = self._at
        data = self._ahead[start : start + bufsize]
        self._at = start + len(data)
        return data

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Acknowledge messages of QoS 1, in this order, in one piece."""
        if mids:
            packets = b"".join(struct.pack("!BBH", _PUBACK, 2, mid) for mid in mids)
            self._packet_queue(_PUBACK, packets, mids[-1], 1)

    def ping(self) -> None:
        """Ask for a sign of life; `pongs` counts the answers."""
        self._send_pingreq()

    def _handle_pingresp(self) -> MQTTErrorCode:
        self.pongs += 1
        return super()._handle_pingresp()
