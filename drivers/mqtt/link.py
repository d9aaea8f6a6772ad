"""The network thread of one broker: connects, collects messages, writes acknowledgements, connects again.

Every attempt has a paho client of its own, so that nothing of an old connection can reach a new one: an
acknowledgement is written by the client of the connection that its message came over, or not at all.
The thread is driven through paho's public loop_read, loop_write and loop_misc.
"""

import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from drivers.mqtt.advice import VAGUE, advice
from drivers.mqtt.devices import Message
from drivers.mqtt.exchange import Ack, Arrived, Connected, Counts, Profile
from drivers.mqtt.payload import MAX_PAYLOAD
from drivers.mqtt.tls import tls_context
from drivers.mqtt.wire import Wire

__all__ = ["Link"]

_log = structlog.get_logger()

_MAX_PACKET: Final = 4 * 1024 * 1024
_MAX_MESSAGES: Final = 10_000
_MAX_BYTES: Final = 32 * 1024 * 1024
_PATIENCE_S: Final = 5.0
_READS: Final = 250
_CONNACK_S: Final = 10.0
_FILTERS_PER_PACKET: Final = 8
_BACKOFF_S: Final = (1.0, 60.0)
_FAREWELL_S: Final = 0.5
_A_WHILE_S: Final = 5.0
_PROOF_S: Final = 5.0
_FLOOD: Final = 10
_REFUSED: Final = 128


class Link:
    """The thread of one broker. `wake` is called from it when there is something to take."""

    def __init__(self, profile: Profile, wake: Callable[[], None]) -> None:
        self.counts = Counts()
        self._profile = profile
        self._wake = wake
        self._buffer: deque[Message | Connected | Arrived] = deque()
        self._bytes_in = 0
        self._bytes_out = 0
        self._acks: deque[Ack] = deque()
        self._written = self._asked = self._proven = self._pongs = 0
        self._asked_at = 0.0
        self._epoch = 0
        self._reason = ""
        self._connected_at = 0.0
        self._stopping = threading.Event()
        self._full_since: float | None = None
        self._tick_messages = 0
        self._in_backlog = self._readable = False
        self._announced = False
        self._told: set[str] = set()
        self._nudged, self._nudge = socket.socketpair()
        self._nudged.setblocking(False)
        self._nudge.setblocking(False)
        self._log = _log.bind(connection=profile.connection, broker=profile.options.url)
        self._thread = threading.Thread(target=self._serve, name=f"mqtt-{profile.connection}", daemon=True)

    # What the event loop calls ---------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to say goodbye and end; `join` waits for it."""
        self._stopping.set()
        self._prod()

    def join(self, seconds: float) -> None:
        """Wait for the end of the thread. One that is stuck in a connect is left: it ends when that returns."""
        self._thread.join(seconds)

    def take(self, limit: int) -> list[Message | Connected | Arrived]:
        """Answer what has come in, oldest first."""
        taken: list[Message | Connected | Arrived] = []
        with suppress(IndexError):
            while len(taken) < limit:
                item = self._buffer.popleft()
                taken.append(item)
                if type(item) is Message and item.payload is not None:
                    self._bytes_out += len(item.payload)
        return taken

    def acknowledge(self, acks: Sequence[Ack]) -> None:
        """Have acknowledgements written, in this order; those of earlier connections are not."""
        if acks:
            self._acks.extend(acks)
            self._prod()

    @property
    def buffered(self) -> int:
        """Messages that nobody has taken yet."""
        return len(self._buffer)

    # The thread ------------------------------------------------------------------------------------------

    def _prod(self) -> None:
        with suppress(OSError):
            self._nudge.send(b"\0")

    def _serve(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            self._reason = ""
            try:
                self._connect_and_serve()
            except (OSError, ValueError) as error:
                self._reason = self._reason or str(error)
            except Exception as error:  # noqa: BLE001 - a broker's malformed packet must not end the thread
                self._reason = f"unreadable answer ({type(error).__name__})"
            stood = self._stood_long()
            attempt = 1 if stood else attempt + 1
            self._lost(advice(self._reason, briefly=self.counts.connected and not stood))
            low, high = _BACKOFF_S
            pause = min(high, low * 2 ** min(attempt - 1, 10))
            self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        self._nudge.close()
        self._nudged.close()

    def _stood_long(self) -> bool:
        """Whether the connection stood for a while: one that ends at once (two with one name) is not hurried."""
        return self.counts.connected and time.monotonic() - self._connected_at >= _A_WHILE_S

    def _lost(self, check: str) -> None:
        """Say once that the broker is gone and what to look at, and again when something else is wrong."""
        was, self.counts.connected = self.counts.connected, False
        if was:
            self.counts.lost_at = time.monotonic()
        first = was or not self._announced
        if was:
            self._told.clear()
        if not self._stopping.is_set() and (first or check not in self._told | VAGUE):
            self._announced = True
            self._told.add(check)
            self._log.warning("broker_lost", reason=self._reason or "the connection ended", check=check)

    def _connect_and_serve(self) -> None:
        self._epoch += 1
        self._written = self._asked = self._proven = self._pongs = 0
        client = self._new_client()
        options = self._profile.options
        try:
            if options.protocol == "5":
                wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                wishes.SessionExpiryInterval = int(options.session_expiry)
                wishes.ReceiveMaximum = options.receive_maximum
                wishes.MaximumPacketSize = _MAX_PACKET
                keepalive = int(options.keepalive)
                client.connect_async(options.host, options.port, keepalive, clean_start=False, properties=wishes)
            else:
                client.connect_async(options.host, options.port, int(options.keepalive))
            client.reconnect()
            self._converse(client)
        finally:
            self._reason = self._reason or client.failure
            if (left := client.socket()) is not None:
                left.close()

    def _new_client(self) -> Wire:
        options = self._profile.options
        newest = options.protocol == "5"
        client = Wire(
            CallbackAPIVersion.VERSION2,
            client_id=self._profile.client_id,
            clean_session=None if newest else False,
            protocol=MQTTProtocolVersion.MQTTv5 if newest else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if options.username is not None:
            client.username_pw_set(options.username, options.password)
        if options.tls:
            client.tls_set_context(tls_context(options))
        client.will_set(self._profile.status_topic, "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_socket_register_write = _write_later
        return client

    def _converse(self, client: Wire) -> None:
        """Read and write until the connection ends or the link is stopped."""
        begun = tick = time.monotonic()
        while (sock := client.socket()) is not None:
            if self._stopping.is_set():
                self._say_goodbye(client)
                return
            self._wait(client, sock, reading=not self._full())
            if not self._read(client):
                return
            self._write_acks(client)
            self._prove_acks(client)
            if client.want_write() and client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if (now := time.monotonic()) - tick >= 1.0:
                tick = now
                self._count_backlog()
                if not self.counts.connected and now - begun > _CONNACK_S:
                    self._reason = "no answer to the connect"
                    return
                if client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    self._reason = self._reason or "the broker no longer answers"
                    return

    def _wait(self, client: Wire, sock: Any, *, reading: bool) -> None:
        """Sleep until there is something to read, write or acknowledge; a second at most."""
        self._readable = reading and (client.has_more or getattr(sock, "pending", int)() > 0)
        poller = select.poll()
        mask = (select.POLLIN if reading else 0) | (select.POLLOUT if client.want_write() else 0)
        if mask:
            poller.register(sock, mask)
        poller.register(self._nudged, select.POLLIN)
        ready = dict(poller.poll(0 if self._readable or self._acks else (1000 if reading else 50)))
        if self._nudged.fileno() in ready:
            with suppress(BlockingIOError):
                self._nudged.recv(4096)
        self._readable = self._readable or (reading and bool(ready.get(sock.fileno(), 0) & ~select.POLLOUT))

    def _read(self, client: Wire) -> bool:
        """Take what is there, a bounded number of packets; False when the connection has ended."""
        reads = _READS if self._readable else 0
        while reads > 0:
            reads -= 1
            if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
            if not client.has_more:
                break
        if self._buffer:
            self._wake()
        return True

    def _write_acks(self, client: Wire) -> None:
        mids: list[int] = []
        with suppress(IndexError):
            while True:
                ack = self._acks.popleft()
                if ack.epoch != self._epoch:
                    continue
                self._written += 1
                if ack.qos == 1:
                    mids.append(ack.mid)
                else:
                    client.ack(ack.mid, ack.qos)
        client.acknowledge(mids)

    def _prove_acks(self, client: Wire) -> None:
        """Now and then learn which acknowledgements have arrived: those written before a ping that is answered."""
        if self._asked > self._proven:
            if client.pongs > self._pongs:
                self._proven = self._asked
                self._buffer.append(Arrived(self._epoch, self._proven))
                self._wake()
        elif self._written > self._proven and time.monotonic() - self._asked_at >= _PROOF_S:
            self._asked, self._asked_at, self._pongs = self._written, time.monotonic(), client.pongs
            client.ping()

    def _full(self) -> bool:
        """Whether to leave what comes in with the network for now: the journal is behind."""
        if len(self._buffer) < _MAX_MESSAGES and self._bytes_in - self._bytes_out < _MAX_BYTES:
            self._full_since = None
            return False
        if self._full_since is None:
            self._full_since = time.monotonic()
        return time.monotonic() - self._full_since < _PATIENCE_S

    def _say_goodbye(self, client: Wire) -> None:
        """Write what may be acknowledged, the status, and the disconnect; half a second at most."""
        self._write_acks(client)
        if self.counts.connected:
            client.publish(self._profile.status_topic, "offline", qos=0, retain=True)
            client.disconnect()
        deadline = time.monotonic() + _FAREWELL_S
        while client.want_write() and (sock := client.socket()) is not None and time.monotonic() < deadline:
            select.select([], [sock], [], 0.1)
            if client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return

    # paho's callbacks, all in the thread -----------------------------------------------------------------

    def _on_connect(self, client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._reason = f"the broker refused the connection: {reason}"
            return
        counts = self.counts
        again = counts.connections > 0
        self._connected_at = time.monotonic()
        counts.connections += 1
        counts.asked = counts.backlog = 0
        self._tick_messages = counts.messages
        self._in_backlog = bool(flags.session_present)
        self._buffer.append(Connected(self._epoch, bool(flags.session_present)))
        if self._announced:
            away = round(time.monotonic() - counts.lost_at, 1)
            self._log.info("broker_back", away_s=away, session_present=bool(flags.session_present))
        self._announced = True
        self._subscribe(client, known=again and bool(flags.session_present))
        counts.connected = True
        client.publish(self._profile.status_topic, "online", qos=1, retain=True)

    def _subscribe(self, client: paho.Client, *, known: bool) -> None:
        """Subscribe to all filters. `known`: the session has them, and their retained messages have come."""
        newest = self._profile.options.protocol == "5"
        if known and not newest:
            return  # 3.1.1 would send all retained messages again, as if they were news
        retained = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB if known else SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
        wanted = [(topic, min(qos, 1)) for topic, qos in self._profile.filters.items()]
        self.counts.asked = len(range(0, len(wanted), _FILTERS_PER_PACKET))
        for start in range(0, len(wanted), _FILTERS_PER_PACKET):
            part = wanted[start : start + _FILTERS_PER_PACKET]
            if newest:
                client.subscribe(
                    [(topic, SubscribeOptions(qos=qos, retainHandling=retained)) for topic, qos in part]
                )
            else:
                client.subscribe(part)

    def _on_subscribe(self, _client: paho.Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        self.counts.asked -= 1
        refused = [str(reason) for reason in reasons if reason.value >= _REFUSED]
        if refused:
            self.counts.refused_topics += len(refused)
            self._log.error(
                "topics_refused", count=len(refused), reason=refused[0], check="the broker's access list"
            )

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._reason = self._reason or ("" if str(reason) == "Unspecified error" else str(reason))

    def _on_message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        """Keep a message for the loop. Whatever goes wrong here costs this message, never the thread."""
        counts = self.counts
        counts.messages += 1
        try:
            payload = message.payload
            size = len(payload)
            if message.dup:
                counts.redelivered += 1
            if message.qos == 0 and self._full_since is not None and len(self._buffer) >= _MAX_MESSAGES:
                counts.dropped += 1
                return
            if size <= MAX_PAYLOAD:
                self._bytes_in += size
            self._buffer.append(
                Message(
                    self._epoch,
                    message.mid,
                    message.qos,
                    message.dup,
                    message.retain,
                    message.topic,
                    bytes(payload) if size <= MAX_PAYLOAD else None,
                    self._profile.now(),
                )
            )
        except Exception as error:  # noqa: BLE001 - see above
            counts.failed += 1
            self._log.warning("message_failed", error=type(error).__name__)
            if message.qos:
                client.ack(message.mid, message.qos)

    def _count_backlog(self) -> None:
        """Once a second: how much waited for us is known when the flood after a connect has ended."""
        came = self.counts.messages - self._tick_messages
        self._tick_messages = self.counts.messages
        if self._in_backlog:
            self.counts.backlog += came
            self._in_backlog = came >= _FLOOD


def _write_later(_client: paho.Client, _data: Any, _socket: Any) -> None:
    """Tell paho that somebody else writes: without this it would write in whatever thread queues a packet."""
