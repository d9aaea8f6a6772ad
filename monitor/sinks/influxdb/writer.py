"""The sink itself: entries in, requests to InfluxDB out, in two threads of its own: one encodes, one waits."""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from monitor.errors import JournalError, SinkRejected, SinkUnavailable
from monitor.journal.state import State
from monitor.model import Entry, Position, Reading, Recorded, Value
from monitor.sinks.filter import make_filter
from monitor.sinks.influxdb.encoder import Encoder
from monitor.sinks.influxdb.lines import Encoded, Line, Lines, Stamp, Wanted
from monitor.sinks.influxdb.stamps import Stamps
from monitor.sinks.influxdb.thread import BlockingThread
from monitor.sinks.rejection import SETUP, AllRejected, BucketMissing, EntriesRejected, SinkMisconfigured
from monitor.site import InfluxSettings, Site

if TYPE_CHECKING:
    from monitor.sinks.influxdb.client import InfluxClient

__all__ = ["InfluxSink"]

_Rejected = dict[Position, tuple[str, bytes]]
_SERIES = re.compile(rb"(?:[^ \\]|\\.)*")
_REQUESTS_KEPT = 100
_LINGERS_S = 300.0
"""For as long as a server, or a proxy before it, may have a request that nobody waits for any more."""

_log = structlog.get_logger()


class InfluxSink:
    """Writes batches to InfluxDB, as `monitor.ports.Sink` describes it. One `write` at a time.

    A batch that is written twice is there once: the same series and milliseconds. `compress`: None is gzip for
    servers that are not on this machine. What the filter leaves out counts as written.
    """

    def __init__(
        self, settings: InfluxSettings, site: Site, state: State, *, compress: bool | None = None
    ) -> None:
        self.name = settings.id
        self.takes = make_filter(settings.filter)
        """Says whether an entry is to be written; None: all are."""
        self._settings = settings
        self._stamps = Stamps(state, settings.id, site.influxdbs)
        self._encoder = Encoder(site)
        self._devices = site.devices
        self._compress = compress
        self._client: InfluxClient | None = None
        self._thread = BlockingThread(settings.id)
        self._encoding = BlockingThread(f"{settings.id}-encoder")
        self._prepared: deque[tuple[Sequence[Recorded], Encoded]] = deque(maxlen=2)
        """The batch that is written next, and the one after it."""
        self._left_out = 0
        self._tried: set[str] = set()
        """Buckets that were to be made in this outage."""
        self.lines = 0
        """Lines that the server has taken; what is sent again counts again."""
        self._closed = False
        self._took: deque[float] = deque(maxlen=_REQUESTS_KEPT)
        self._left_open: float | None = None
        """When (monotonic) a request was given up that the server may still work off."""

    async def write(self, batch: Sequence[Recorded], *, stamps: Mapping[Position, Stamp] | None = None) -> None:
        """Write the batch, or raise SinkUnavailable (call again) or EntriesRejected (the others are written).

        Raises SinkRejected when nothing is written because something cannot be encoded, and JournalError when
        the state cannot be written; call again. `stamps`: those of the past; without, they are settled and kept.
        """
        prepared = next((each for each in self._prepared if each[0] is batch), None)
        if prepared is None:
            encoded = await self._encode(batch, stamps)
        else:
            self._prepared.remove(prepared)
            encoded = prepared[1]
        rejected: _Rejected = {}
        for bucket, lines in (
            (self._settings.bucket, encoded.main),
            (self._settings.access_bucket, encoded.access),
        ):
            if lines.texts:
                rejected |= await self._thread.do(partial(self._send, bucket, lines))
        if rejected:
            raise EntriesRejected(
                {position: reason for position, (reason, _) in rejected.items()},
                {position: line for position, (_, line) in rejected.items()},
            )

    async def prepare(self, batch: Sequence[Recorded]) -> bool:
        """Encode what will be written next, while something else is under way; what fails is told by `write`.

        For `write` it has to be the very same list. Answers whether its milliseconds are settled: before they are,
        those of what follows must not be.
        """
        try:
            encoded = await self._encode(batch)
        except JournalError:
            return False
        except SinkRejected:
            return True
        self._prepared.append((batch, encoded))
        return True

    async def _encode(self, batch: Sequence[Recorded], past: Mapping[Position, Stamp] | None = None) -> Encoded:
        try:
            if self.takes is not None:
                taken = [each for each in batch if self.takes(each.entry)]
                self._left_out += len(batch) - len(taken)
                batch = taken
            stamps = await self._stamps.settle(self._encoder.wanted(batch)) if past is None else past
            return await self._encoding.do(lambda: self._encoder.encode(batch, stamps))
        except JournalError:
            raise
        except Exception as error:  # one entry of a kind nobody thought of must not stop all that follow
            raise SinkRejected(f"cannot be encoded: {type(error).__name__}: {error}") from error

    async def begun(self, steps: Sequence[tuple[Wanted, int]]) -> None:
        """Give alarms that last their end later, whose first steps (at these ms) are of the past. JournalError."""
        await self._stamps.begun(steps)

    def unwritable(self, entry: Entry) -> str:
        """Why nothing of an entry would be written; empty when something would."""
        if isinstance(entry, Reading) and entry.device not in self._devices:
            return f"the site file has no device {entry.device} any more"
        if self.takes is not None and not self.takes(entry):
            return f"`only` or `kinds` of {self.name} leave it out"
        return ""

    def lingers(self) -> float:
        """Seconds for which something that was given up may still come to be written."""
        left_open = self._left_open
        return 0.0 if left_open is None else max(0.0, left_open + _LINGERS_S - monotonic())

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`: which API is spoken, lines taken, how long 95 of 100 requests took at most (ms)."""
        api = "" if self._client is None else self._client.api or ""
        took = sorted(self._took.copy())
        slow = took[len(took) * 95 // 100] if took else 0.0
        return {
            "api": api,
            "lines": self.lines,
            "left_out": self._left_out,
            "unknown_devices": self._encoder.unknown,
            "write_ms_p95": round(slow * 1000, 1),
        }

    async def close(self) -> None:
        """Close the connection after what is under way; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._thread.end(self._shut)
            self._encoding.end(lambda: None)

    def _shut(self) -> None:
        if self._client is not None:
            self._client.close()

    def _open(self) -> "InfluxClient":
        """In the thread: the client's library takes a third of a second to import, which nobody shall wait for."""
        if self._client is None:
            from monitor.sinks.influxdb.client import InfluxClient

            self._client = InfluxClient(self._settings, compress=self._compress)
        return self._client

    def _send(self, bucket: str, lines: Lines) -> _Rejected:
        """In the thread: write all lines that the server takes; answer the entries of the others, with reasons."""
        client = self._open()
        try:
            try:
                rejected = self._write(bucket, lines, in_order=False)
            except BucketMissing as missing:
                self._create(client, bucket, missing)
                rejected = self._write(bucket, lines, in_order=False)
        except SinkMisconfigured:
            client.forget()
            raise
        self._tried.discard(bucket)
        return rejected

    def _create(self, client: "InfluxClient", bucket: str, missing: BucketMissing) -> None:
        """Make the bucket that is missing, once in each outage; raises SinkMisconfigured where that is refused."""
        from monitor.sinks.influxdb.buckets import Buckets, in_words

        setup = f"create the bucket (an administrator says `{SETUP}`), or mend `bucket`, `org` or `url`"
        if bucket in self._tried:
            raise SinkMisconfigured(str(missing), what_to_do=setup) from missing
        retention = self._settings.buckets[bucket]
        client.forget()  # the server may be another one since
        try:
            Buckets(client, self._settings.org).create(bucket, retention)
        except SinkMisconfigured as refused:
            self._tried.add(bucket)
            raise SinkMisconfigured(f"{missing}; it may not be made: {refused}", what_to_do=setup) from refused
        self._tried.add(bucket)
        _log.info("influx_bucket_created", sink=self.name, bucket=bucket, kept=in_words(retention))

    def _write(self, bucket: str, lines: Lines, *, in_order: bool) -> _Rejected:
        client = self._open()
        count = len(lines.texts)
        began = monotonic()
        try:
            client.write(bucket, b"\n".join(lines.texts), lines=count)
        except AllRejected as error:
            return {position: (str(error), text) for text, position in lines.pairs()}
        except SinkRejected as error:
            if count == 1:
                return {lines.positions[0]: (str(error), lines.texts[0])}
            pairs = lines.pairs()
            if not in_order:  # what is wrong is often wrong with a whole series: let its lines lie together
                pairs = sorted(pairs, key=_series)  # and in their order: of one instant the last one stays
            half = count // 2
            return self._write(bucket, Lines.of(pairs[:half]), in_order=True) | self._write(
                bucket, Lines.of(pairs[half:]), in_order=True
            )
        except SinkUnavailable as error:
            if error.maybe_taken:
                self._left_open = monotonic()
            raise
        self._took.append(monotonic() - began)
        self.lines += count
        return {}


def _series(line: Line) -> bytes:
    found = _SERIES.match(line[0])
    return found[0] if found is not None else b""
