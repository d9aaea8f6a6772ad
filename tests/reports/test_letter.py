"""The mail that brings a report: built when it is sent, readable by itself, in the language of whoever gets it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from monitor.errors import JournalError, ReportUnavailable
from monitor.journal.state import State
from monitor.notify.channels import Channels
from monitor.notify.composing import Composer
from monitor.notify.outbox import Notifier, Standing
from monitor.notify.reports import make_put
from monitor.reports.books import Books
from monitor.reports.letter import Letters
from monitor.reports.mailing import Mailing
from monitor.site import ReportSettings, Site
from monitor.staff import Notify
from tests.clock import ManualClock
from tests.notify.notifying import mailed, running, settle
from tests.notify.test_reports import parts
from tests.reports.books import Book, house, moment
from tests.servers.smtp import MailServer

BODY = {
    "report": "monthly",
    "name": "Monthly <report>",
    "kinds": ["usage", "balance"],
    "period": "2026-10",
    "devices": None,
    "again": False,
}


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


class Broken(Book):
    """A book whose ledger cannot be read, as often as `failures` says."""

    failures = 1

    async def consumption(self, *args, **options):
        if self.failures:
            self.failures -= 1
            raise JournalError("the ledger cannot be read: disk I/O error")
        return await super().consumption(*args, **options)


def letters(site: Site, book: Book | None = None, *, current: Callable[[], bool] = lambda: True) -> Letters:
    now = moment("2026-11-02T00:00")
    return Letters(site, Books(usage=book or Book(site)), now=lambda: now, is_current=current, patience=1.0)


async def test_a_letter_says_the_totals_what_is_estimated_and_what_is_attached() -> None:
    message = await letters(house())(BODY, "en")

    assert message.title == "Maple Court: Monthly <report>, 2026-10"
    assert "2026-10-01 to 2026-10-31" in message.text
    assert "- Electricity: 2\u202f982.1 kWh (a year before: 3\u202f229.7 kWh; −7.7 %)" in message.text  # noqa: RUF001
    assert "9.0 kWh are estimated" in message.text
    assert "attached" not in message.text  # what carries no HTML carries no attachments
    assert "Monthly &lt;report&gt;" in message.html
    assert "is attached: maple-court-2026-10.html, maple-court-2026-10-usage.csv" in message.html
    page, usage, _balance = message.attachments
    assert (page.name, page.media_type) == ("maple-court-2026-10.html", "text/html")
    assert "Flat 2" in page.content.decode()
    assert usage.content.decode("utf-8-sig").startswith("period,class,device")


async def test_a_letter_about_some_meters_is_about_no_others() -> None:
    message = await letters(house())({**BODY, "devices": ["flat-1", "no-longer-there"], "again": True}, "en")

    assert "This report may have reached you before." in message.text
    assert "This report may have reached you before." in message.html
    assert "Flat 2" not in message.attachments[0].content.decode()


async def test_it_waits_a_while_for_what_is_still_metered() -> None:
    asked = iter([False, False, True])

    message = await letters(house(), current=lambda: next(asked))({**BODY, "kinds": []}, "en")

    assert message.title.endswith("2026-10")


async def test_the_text_for_messengers_is_short_and_ends_with_a_whole_line() -> None:
    site = house()
    devices = {name: replace(one, name=f"{one.name} {'long ' * 100}") for name, one in site.devices.items()}
    message = await letters(replace(site, devices=devices))({**BODY, "kinds": ["cost"]}, "en")

    assert len(message.text) <= 1902
    assert message.text.endswith("\n…")
    assert "long long" in message.html


async def test_an_unknown_language_is_english() -> None:
    assert "to 2026-10-31" in (await letters(house())({**BODY, "kinds": []}, "fr")).text


async def test_it_is_not_built_from_half_of_the_data_or_a_ledger_that_cannot_be_read() -> None:
    site = house()

    with pytest.raises(ReportUnavailable, match="not all been metered"):
        await letters(site, current=lambda: False)(BODY, "en")
    with pytest.raises(ReportUnavailable, match="disk I/O error"):
        await letters(site, Broken(site))(BODY, "en")


@pytest.mark.fault(
    "I/O error", part="reports", outcome="A report whose data cannot be read is built later, and mailed once."
)
async def test_from_the_end_of_the_month_to_two_mails_in_two_languages(tmp_path: Path, mail: MailServer) -> None:
    people = mailed(mail, "ana"), mailed(mail, "ben", "zh")
    report = ReportSettings(
        id="monthly", name="", kinds=("usage",), every="month", people=("ana", "ben"), wait=86_400.0
    )
    site = replace(house(), notify=Notify(people={one.id: one for one in people}), reports={"monthly": report})
    clock = ManualClock(moment("2026-10-20T12:00"))
    state = State.open(tmp_path / "state.db")
    notifier = Notifier(
        state,
        site,
        channels=Channels(),
        now=clock.now,
        standing=lambda _db, _occurrence: Standing(acknowledged=False, cleared=False),
        composer=Composer(site, render_report=letters(site, Broken(site))),
        monotonic=lambda: clock.now() / 1000,
    )
    mailing = Mailing(
        state,
        site,
        put=make_put(site),
        now=clock.now,
        monotonic=lambda: clock.now() / 1000,
        is_synchronised=lambda: True,
        woken=notifier.wake,
    )
    await mailing.look()
    clock.time = moment("2026-11-02T00:00")

    async with running(notifier):
        assert len(await mailing.look()) == 1
        await settle(notifier, "sent", "failed")
        assert await mailing.look() == []
        clock.advance(60_000)
        await settle(notifier, "sent")
    await state.close()

    read = {str(message["To"]).partition("@")[0]: message for message in mail.messages}
    assert len(mail.messages) == 2
    assert str(read["ana"]["Subject"]) == "Maple Court: Consumption, 2026-10"
    assert str(read["ben"]["Subject"]) == "Maple Court：用量报告，2026-10"  # noqa: RUF001
    _is_whole(read["ana"], 'lang="en"', "Electricity: 2\u202f982.1 kWh")
    _is_whole(read["ben"], 'lang="zh-Hans"', "电：2\u202f982.1 kWh")  # noqa: RUF001


def _is_whole(message: EmailMessage, language: str, total: str) -> None:
    found = parts(message)
    page = found["maple-court-2026-10.html"]
    assert language in found["text/html"]
    assert total in found["text/html"]
    assert " ".join(total.split()) in " ".join(found["text/plain"].split())
    assert language in page
    assert page.rstrip().endswith("</html>")
    assert 'src="http' not in page
    assert "maple-court-2026-10-usage.csv" in found
