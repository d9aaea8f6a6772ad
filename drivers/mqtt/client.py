"""The driver of one broker: from what its network thread collects to kept batches and acknowledgements.

Two tasks: one decodes messages while the other has the batches before it kept; then their messages are
acknowledged. Why this is exactly once: docs/adr/0004-mqtt-exactly-once.md.
"""

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import structlog

from drivers.mqtt.advice import REBIRTH, device_advice
from drivers.mqtt.devices import Decoder, Message
from drivers.mqtt.exchange import Ack, Arrived, Connected, Counts, Profile
from drivers.mqtt.ledger import Ledger
from drivers.mqtt.link import Link
from drivers.mqtt.order import in_event_time
from drivers.mqtt.settings import MqttConnection
from drivers.mqtt.tls import tls_context
from drivers.mqtt.topics import compose, crossing, subscriptions
from monitor.errors import JournalError, SettingsError
from monitor.model import Event, Value
from monitor.ports import Batch, DriverContext, Intake
from monitor.site import Connection, Device

__all__ = ["MqttDriver"]

_log = structlog.get_logger()

_DECODED_AT_ONCE: Final = 250
_KEPT_AT_ONCE: Final = 1000
_WAITING: Final = 8
_JOIN_S: Final = 0.7
_RETRY_S: Final = (0.5, 30.0)
_MOSQUITTO_IN_FLIGHT: Final = 20


@dataclass(slots=True)
class _Work:
    """Decoded messages: what is to be kept, and what may be acknowledged then."""

    batches: list[Batch] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    messages: int = 0


class MqttDriver:
    """One broker and the devices that speak through it (monitor.ports.PushedDriver)."""

    def __init__(self, connection: Connection, devices: Sequence[Device], context: DriverContext) -> None:
        options = connection.options
        if not isinstance(options, MqttConnection):
            raise SettingsError(f"connection {connection.id}: it has no `mqtt:` block")
        if options.tls:
            _check_tls(connection.id, options)
        self._decoder = Decoder(devices, context.pseudonymise, qos=options.qos)
        self._topics = {device.id: compose(device.address.topic, None, device.id) for device in devices}
        self._keyed = context.pseudonymise
        self._profile = Profile(
            connection=connection.id,
            options=options,
            client_id=options.client_id or f"facility-monitor-{context.site}-{connection.id}",
            status_topic=f"facility-monitor/{context.site}/status",
            filters=subscriptions(self._decoder.wanted),
            now=context.now,
        )
        self._link: Link | None = None
        self._signalled = False
        self._counts = dict.fromkeys(("unmapped", "undecodable", "failed", "retained_events_dropped", "kept"), 0)
        self._refused = False
        self._log = _log.bind(connection=connection.id)

    async def run(self, intake: Intake) -> None:
        """Connect, reconnect, and hand over what arrives, until cancelled."""
        loop = asyncio.get_running_loop()
        arrivals = asyncio.Event()

        def wake() -> None:
            if not self._signalled and not loop.is_closed():
                self._signalled = True
                loop.call_soon_threadsafe(arrivals.set)

        for one, other in crossing(self._profile.filters):
            self._log.warning(
                "topics_cross", one=one, other=other, check="messages that match both may come twice"
            )
        link = self._link = Link(self._profile, wake)
        ledger = Ledger()
        waiting: asyncio.Queue[_Work] = asyncio.Queue(_WAITING)
        self._signalled = False
        link.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                name = self._profile.connection
                tasks.create_task(self._decode(link, ledger, arrivals, waiting), name=f"mqtt-{name}-decode")
                tasks.create_task(self._keep(link, ledger, intake, waiting), name=f"mqtt-{name}-keep")
        finally:
            link.stop()
            await asyncio.to_thread(link.join, _JOIN_S)

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`; `backlog_warning` when as much had waited as brokers commonly keep at most."""
        link = self._link
        seen = Counts() if link is None else link.counts
        return {
            "connected": seen.connected,
            "subscribed": seen.connected and not seen.asked,
            "connections": seen.connections,
            "messages": seen.messages,
            "redelivered": seen.redelivered,
            "dropped": seen.dropped,
            "refused_topics": seen.refused_topics,
            "waiting": 0 if link is None else link.buffered,
            "backlog": seen.backlog,
            "backlog_warning": _is_round_limit(seen.backlog, self._profile.options.receive_maximum),
            **self._counts,
            "sparkplug_gaps": self._decoder.gaps,
            "failed": seen.failed + self._counts["failed"],
        }

    def advice(self, device: str, *, heard: bool) -> str:
        """What to look at when a device says nothing or too little."""
        connected = self._link is not None and self._link.counts.connected
        if connected and self._decoder.waits_for_birth(device):
            return REBIRTH
        return device_advice(self._topics[device], connected=connected, heard=heard)

    async def _decode(
        self, link: Link, ledger: Ledger, arrivals: asyncio.Event, waiting: asyncio.Queue[_Work]
    ) -> None:
        while True:
            arrivals.clear()
            self._signalled = False
            while items := link.take(_DECODED_AT_ONCE):
                await waiting.put(self._work(items, ledger))
                await asyncio.sleep(0)  # others get their turn between two portions of a flood
            await arrivals.wait()

    def _work(self, items: Sequence[Message | Connected | Arrived], ledger: Ledger) -> _Work:
        work = _Work()
        for item in items:
            if isinstance(item, Connected):
                ledger.connected(item.epoch, session_present=item.session_present)
                continue
            if isinstance(item, Arrived):
                ledger.arrived(item.epoch, item.acks)
                continue
            work.messages += 1
            batch = self._batch(item)
            if batch is not None:
                work.batches.append(batch)
            if item.qos:
                identity = batch.id if batch is not None else ""
                ledger.received(item.epoch, identity, again=item.dup)
                work.acks.append(Ack(item.epoch, item.mid, item.qos))
                work.identities.append(identity)
        return work

    def _batch(self, message: Message) -> Batch | None:
        """What is to be kept of a message. A fault of ours costs this message alone, and is counted."""
        counts = self._counts
        try:
            decoded = self._decoder.decode(message)
        except Exception as error:  # noqa: BLE001 - one message must not stop the others
            counts["failed"] += 1
            self._log.warning("message_failed", error=type(error).__name__)  # a topic may name a card
            return None
        counts["undecodable"] += decoded.broken
        counts["retained_events_dropped"] += decoded.dropped_events
        if not decoded.entries:
            counts["unmapped"] += 1
            return None
        if not message.qos:
            return Batch(entries=decoded.entries)
        digest = blake2b(message.topic.encode(), digest_size=8)
        digest.update(message.payload or b"")
        told = digest.hexdigest()
        if any(isinstance(entry, Event) for entry in decoded.entries):
            told = self._keyed(told)  # all cards could be tried against a digest that has no key
        identity = f"{self._profile.connection}/{message.mid}/{told}"
        return Batch(entries=decoded.entries, id=identity, redelivered=message.dup)

    async def _keep(self, link: Link, ledger: Ledger, intake: Intake, waiting: asyncio.Queue[_Work]) -> None:
        while True:
            works = [await waiting.get()]
            # What has come in already belongs to the same portion: a backlog is put in order as far as it waits.
            while (link.buffered or not waiting.empty()) and sum(work.messages for work in works) < _KEPT_AT_ONCE:
                works.append(await waiting.get())
            batches = in_event_time([batch for work in works for batch in work.batches])
            settled = ledger.settled()
            if batches or settled:
                await self._kept(intake, batches, settled)
                self._counts["kept"] += len(batches)
            for work in works:
                link.acknowledge(work.acks)
                for ack, identity in zip(work.acks, work.identities, strict=True):
                    ledger.acked(ack.epoch, (identity,))

    async def _kept(self, intake: Intake, batches: Sequence[Batch], settled: Collection[str]) -> None:
        """Have batches kept, however long the journal refuses: nothing is acknowledged meanwhile."""
        pause, longest = _RETRY_S
        while True:
            try:
                await intake(batches, settled=settled)
            except JournalError as error:
                if not self._refused:
                    self._refused = True
                    self._log.warning(
                        "journal_refuses", error=str(error), check="disk space of the state directory"
                    )
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                pause = min(longest, pause * 2)
            else:
                if self._refused:
                    self._refused = False
                    self._log.info("journal_takes_again")
                return


def _check_tls(connection: str, options: MqttConnection) -> None:
    try:
        tls_context(options)
    except OSError as error:
        raise SettingsError(f"connection {connection}: cannot read its certificates: {error}") from error


def _is_round_limit(backlog: int, window: int) -> bool:
    """Whether a backlog looks as though a queue had been full: 1000, 10000 …, with what was in flight."""
    rounds = (100, 1000, 10_000, 100_000)
    return any(backlog in {limit, limit + _MOSQUITTO_IN_FLIGHT, limit + window} for limit in rounds)
