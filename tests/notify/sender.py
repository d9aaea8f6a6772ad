"""A process that sends what is due, to be killed by a test: `python -m tests.notify.sender STATE ADDRESS`."""

import asyncio
import sys
from pathlib import Path

from monitor.journal.state import State
from monitor.notify.channels import Channels
from monitor.notify.outbox import Notifier, Standing
from tests.notify.house import NOW, person, site


async def send(path: Path, address: str) -> None:
    await Notifier(
        State.open(path),
        site(person("ana", hook=address)),
        channels=Channels(),
        now=lambda: NOW,
        standing=lambda _db, _occurrence: Standing(acknowledged=False, cleared=False),
    ).run()


if __name__ == "__main__":
    asyncio.run(send(Path(sys.argv[1]), sys.argv[2]))
