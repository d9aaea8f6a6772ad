"""What a counter showed before the journal, for a picture: read of the ledger, in some hundred steps.

For the process that draws; nothing here loads a large library.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from monitor.journal.past import begins
from monitor.metering.registers import past_registers, register_spans
from monitor.notify.curves import Curve, gaps_of
from monitor.periods import QUARTER

__all__ = ["with_the_ledger"]

_MOST: Final = 500


def with_the_ledger(
    curve: Curve, first: int | None, wish: Mapping[str, Any], *, journal: Path, ledger: Path
) -> tuple[Curve, int | None]:
    """Put what the ledger knows before what the journal has whole; `first`: since when there is something.

    A value stands at the end of its step. Times are UTC ms. Raises sqlite3.Error.
    """
    device, point, start, end = (wish[name] for name in ("device", "point", "start", "end"))
    with closing(_opened(journal)) as db:
        kept_since = begins(db)
    border = end if kept_since is None else min(end, kept_since)
    if border <= start:
        return curve, first
    with closing(_opened(ledger)) as db:
        since, _ = register_spans(db, device, [point]).get(point, (border, border))
        if since >= border:
            return curve, first
        step = max(QUARTER, -(-(border - start) // _MOST))
        found = past_registers(db, device, [point], period=(start, border), step=step).points[point]
    older = [(min(start + (number + 1) * step, border), bucket.last) for number, bucket in sorted(found.items())]
    newer = [one for one in curve.points if one[0] >= border]
    whole = Curve([*older, *newer], is_of_numbers=bool(older or newer), gaps=[*gaps_of(older), *curve.gaps])
    return whole, since if first is None else min(since, first)


def _opened(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
    db.row_factory = sqlite3.Row
    return db
