"""Everything that is kept of a person, as it is shown: each kind of entry by its own names."""

import json
from dataclasses import replace
from math import inf
from pathlib import Path

from monitor.access.person import PersonFile
from monitor.journal.codec import KINDS
from monitor.model import Command
from monitor.ports import Batch
from monitor.web.exportshapes import ExportOut
from tests.access.erased import ANA, BEN, card
from tests.clock import ManualClock
from tests.journal.entries import derive, reading, transition
from tests.journal.ledgers import opened
from tests.web.shaped import shaped


async def test_every_kind_of_entry_is_shown_by_its_own_names(tmp_path: Path, clock: ManualClock) -> None:
    entries = [
        reading("front-reader", luid=ANA, present=True, bits=2**70),
        card(ANA, 1),
        card(BEN, 2),
        replace(derive(), attributes={"who": ANA}),
        replace(transition(), source_key=f"front-reader/{ANA}", value=inf, suppression=("shelved",)),
        Command(id="c", time=1000, by="ben", kind="comment", target="o1", arguments={"text": ANA, "for_s": 1.5}),
    ]
    async with opened(tmp_path / "ledger.db", clock) as files:
        await files.journal.append([Batch(entries=entries)])
        found = await PersonFile(files).export(ANA)
    shown = shaped(ExportOut, json.loads(json.dumps(found, allow_nan=False))).journal

    assert [each.kind for each in shown] == list(KINDS)
    assert [each.entry for each in shown] == [
        replace(entry, value=None) if entry is entries[4] else entry
        for entry in entries
        if entry is not entries[2]
    ]
