"""A process that mails what is due, to be killed: `python -m tests.reports.mailer STATE ADDRESS ADDRESS NOW`.

It says `ready` once all is loaded; its clock stands still at NOW (UTC ms). The second person reads Chinese.
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from monitor.journal.state import State
from monitor.notify.channels import Channels
from monitor.notify.channels.services import check
from monitor.notify.composing import Composer
from monitor.notify.outbox import Notifier, Standing
from monitor.notify.reports import make_put
from monitor.ports import Attachment, Message
from monitor.reports.mailing import Mailing
from monitor.site import ReportSettings, Site
from monitor.staff import Notify, Person, Rate


def site(first: str, second: str) -> Site:
    """A site with a daily report for two people."""
    people = {
        "ana": Person(id="ana", name="Ana", language="en", channels={"mail": first}),
        "ben": Person(id="ben", name="Ben", language="zh", channels={"mail": second}),
    }
    daily = ReportSettings(
        id="daily", name="Daily", kinds=("usage",), every="day", people=("ana", "ben"), wait=0.0
    )
    return Site(
        id="maple-court",
        name="Maple Court",
        timezone=ZoneInfo("Europe/Berlin"),
        notify=Notify(people=people, rate=Rate(burst=10_000)),  # its clock stands still
        reports={"daily": daily},
    )


async def render(body: Mapping[str, Any], language: str) -> Message:
    """A report that says which it is."""
    page = Attachment(name="report.html", media_type="text/html", content=b"<p>page</p>" * 1000)
    subject = f"{body['period']} {language} again={body['again']}"
    return Message(title=subject, text="t", severity="low", html="<p>t</p>", attachments=(page,))


async def mail(state: State, settings: Site, now: int, *, begin: bool = False) -> None:
    """Mail until all that is due is sent; `begin`: only begin."""
    notifier = Notifier(
        state,
        settings,
        channels=Channels(),
        now=lambda: now,
        standing=lambda _db, _occurrence: Standing(acknowledged=False, cleared=False),
        composer=Composer(settings, render_report=render),
        monotonic=lambda: now / 1000,
    )
    mailing = Mailing(
        state,
        settings,
        put=make_put(settings),
        now=lambda: now,
        monotonic=lambda: now / 1000,
        is_synchronised=lambda: True,
        woken=notifier.wake,
    )
    await mailing.look()
    if begin:
        return
    task = asyncio.create_task(notifier.run())
    while await state.query("SELECT 1 FROM outbox WHERE state IN ('queued', 'sending', 'failed') LIMIT 1"):
        notifier.wake()
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])


async def _main(path: Path, first: str, second: str, now: int) -> None:
    check(first)  # loads the library
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    state = State.open(path)
    await mail(state, site(first, second), now)
    await state.close()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
