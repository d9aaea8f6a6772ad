"""paho's client with fewer system calls: it reads ahead, and writes acknowledgements together.

paho takes four reads to receive a message and one write to acknowledge it, and each of them hands the interpreter
to another thread. A ping of ours, behind acknowledgements, proves by its answer that they have arrived.
These are the places of paho's inside that we touch; it is pinned for that reason, and
tests/drivers/mqtt/test_wire.py says at once when they move.
"""

import socket
import ssl
import struct
from collections.abc import Sequence
from typing import Final

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode

__all__ = ["Wire"]

_AHEAD: Final = 64 * 1024
_PUBACK: Final = 0x40
_LARGEST: Final = 1024 * 1024


class Wire(paho.Client):
    """One connection to a broker. All calls come from one thread."""

    _ahead = b""
    _at = 0
    pongs = 0
    """Answers to pings so far."""
    failure = ""
    """What the system or TLS said when reading failed: paho itself keeps that to itself."""

    @property
    def has_more(self) -> bool:
        """Whether something was read from the socket that no packet has been made of yet."""
        return self._at < len(self._ahead)

    def _sock_recv(self, bufsize: int) -> bytes:
        if len(self._in_packet["packet"]) > _LARGEST:
            return self._leave_out(bufsize)
        if self._at >= len(self._ahead):
            self._fill()
        start = self._at
        data = self._ahead[start : start + bufsize]
        self._at = start + len(data)
        return data

    def _fill(self) -> None:
        try:
            self._ahead = super()._sock_recv(_AHEAD)
        except BlockingIOError:
            raise
        except OSError as error:
            self.failure = str(error)
            raise
        self._at = 0

    def _leave_out(self, left: int) -> bytes:
        """Read on in a packet that is too large, and keep one byte of what comes: it is acknowledged all the same.

        MQTT 5 lets us say what we would take. A broker that speaks 3.1.1 may send 256 MB, and again and again if
        we hung up.
        """
        if self._at >= len(self._ahead):
            self._fill()
        came = min(left, len(self._ahead) - self._at)
        self._at += came
        if not came:
            return b""
        self._in_packet["to_process"] -= came - 1
        return self._ahead[self._at - 1 : self._at]

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Acknowledge messages of QoS 1, in this order, in one piece."""
        if mids:
            packets = b"".join(struct.pack("!BBH", _PUBACK, 2, mid) for mid in mids)
            self._packet_queue(_PUBACK, packets, mids[-1], 1)

    def ping(self) -> None:
        """Ask for a sign of life; `pongs` counts the answers."""
        self._send_pingreq()

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """Greet the broker over TLS; a connection on which that fails is closed at once."""
        if self._ssl_context is None:
            raise ValueError("TLS without a context")
        wrapped = self._ssl_context.wrap_socket(
            tcp_sock, server_hostname=self._host, do_handshake_on_connect=False
        )
        try:
            wrapped.settimeout(self._connect_timeout)
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped

    def _handle_pingresp(self) -> MQTTErrorCode:
        self.pongs += 1
        return super()._handle_pingresp()
