"""An export from its wish to its last line. Each function answers how many lines or rows it has written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Final

from monitor.export.influx import InfluxSource, Point, line
from monitor.export.kept import Kept, Wish
from monitor.export.tables import COLUMNS, Row, Tables, point_rows, write_rows
from monitor.sinks.influxdb.encoder import Encoder
from monitor.site import Device, Site

__all__ = ["Reached", "lines_of_influx", "lines_of_kept", "rows_of_influx", "rows_of_kept"]

_MARK: Final = "\ufeff"
"""Without it a spreadsheet takes UTF-8 for something else."""

Reached = Callable[[int], None]
"""Is told up to which time (UTC ms) it has come."""


def lines_of_kept(kept: Kept, site: Site, wish: Wish, out: IO[bytes], reached: Reached) -> int:
    """Write line protocol exactly as the sink does. What tells of people is written only where that is a kind."""
    encoder, written = Encoder(site), 0
    for until, entries in kept.slices(wish):
        encoded = encoder.encode(entries, kept.stamps(encoder, entries))
        for texts in (encoded.main.texts, encoded.access.texts):
            if texts:
                out.write(b"\n".join(texts) + b"\n")
                written += len(texts)
        reached(until)
    return written


def rows_of_kept(  # noqa: PLR0913 - a wish, and how it is written
    kept: Kept, site: Site, wish: Wish, out: IO[bytes], reached: Reached, *, wide: Device | None, mark: bool
) -> int:
    """Write CSV of one kind; `wide`: of one device, a column for each point. `mark`: with a byte order mark."""
    [kind] = wish.kinds
    tables = Tables(site, kind, wide=wide)
    found = ((until, tables.rows(entries)) for until, entries in kept.slices(wish))
    return _write(tables.columns, found, out, reached, mark=mark)


def lines_of_influx(source: InfluxSource, wish: Wish, out: IO[bytes], reached: Reached) -> int:
    """Write line protocol of what InfluxDB has, field types and all."""
    written = 0
    for until, points in _chosen(source, wish):
        if points:
            out.write(b"\n".join(map(line, points)) + b"\n")
            written += len(points)
        reached(until)
    return written


def rows_of_influx(  # noqa: PLR0913 - a wish, and how it is written
    source: InfluxSource, site: Site, wish: Wish, out: IO[bytes], reached: Reached, *, mark: bool
) -> int:
    """Write CSV of what InfluxDB has, a row for each field."""
    found = ((until, point_rows(site, points)) for until, points in _chosen(source, wish))
    return _write(COLUMNS["readings"], found, out, reached, mark=mark)


def _chosen(source: InfluxSource, wish: Wish) -> Iterator[tuple[int, Sequence[Point]]]:
    for until, points in source.points(wish.start, wish.end):
        devices = wish.devices
        yield until, [each for each in points if devices is None or each.tags.get("device") in devices]


def _write(
    columns: Sequence[str],
    found: Iterable[tuple[int, Iterable[Row]]],
    out: IO[bytes],
    reached: Reached,
    *,
    mark: bool,
) -> int:
    written = 0
    [(header, _)] = write_rows(columns, [{column: column for column in columns}])
    out.write((_MARK * mark + header).encode())
    for until, rows in found:
        for text, count in write_rows(columns, rows):
            out.write(text.encode())
            written += count
        reached(until)
    return written
