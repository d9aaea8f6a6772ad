"""When reports become due: each period once, none left out, whatever the clock and the power do."""

import random
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from monitor.errors import JournalError
from monitor.journal.state import State
from monitor.notify.reports import make_put
from monitor.periods import before
from monitor.reports.mailing import Mailing, next_period
from monitor.site import ReportSettings, Site
from monitor.staff import Notify, Person

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BERLIN = "Europe/Berlin"


def local(text: str, zone: str = BERLIN) -> int:
    """UTC ms of a local time."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def report(every: str = "month", wait: float = 86_400.0, name: str = "monthly") -> ReportSettings:
    return ReportSettings(id=name, name=name, kinds=("usage",), every=every, people=("ana",), wait=wait)


class Office:
    """A site with reports, a wall clock that can be set wrong, and a monitor that can be off."""

    def __init__(self, state: State, start: str, *reports: ReportSettings, zone: str = BERLIN) -> None:
        self.state = state
        self.zone = zone
        self.reports = reports or (report(),)
        self.channels = {"mail": "mailto://127.0.0.1/?to=ana@example.org"}
        self.true = local(start, zone)
        self.ahead = 0
        self.uptime = 0
        self.is_synchronised = True
        self.woken = 0
        self.mailing = self.start()

    def start(self) -> Mailing:
        """Start the monitor (again)."""
        ana = Person(id="ana", name="Ana", language="en", channels=self.channels)
        self.site = Site(
            id="maple-court",
            name="Maple Court",
            timezone=ZoneInfo(self.zone),
            notify=Notify(people={"ana": ana}),
            reports={one.id: one for one in self.reports},
        )
        self.mailing = Mailing(
            self.state,
            self.site,
            put=make_put(self.site),
            now=lambda: self.true + self.ahead,
            monotonic=lambda: self.uptime / 1000,
            is_synchronised=lambda: self.is_synchronised,
            woken=self._wake,
        )
        return self.mailing

    def _wake(self) -> None:
        self.woken += 1

    def run_on(self, ms: int) -> None:
        self.true += ms
        self.uptime += ms

    async def look(self) -> list[str]:
        return [due.period.name for due in await self.mailing.look()]

    async def look_at(self, text: str) -> list[str]:
        """Run on to a local time and look."""
        self.run_on(local(text, self.zone) - self.true)
        return await self.look()

    async def queued(self) -> list[str]:
        found = await self.state.query("SELECT occurrence FROM outbox ORDER BY id")
        return [row["occurrence"].split(":", 2)[2] for row in found]


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        ("Europe/Berlin", "2026-11-01T00:00:00"),  # a week after summer time ended
        ("America/New_York", "2026-11-01T00:00:00"),  # two hours before it ends
        ("Asia/Shanghai", "2026-11-01T00:00:00"),
    ],
)
async def test_the_first_report_is_that_of_the_month_of_the_first_start(state: State, zone: str, end: str) -> None:
    office = Office(state, "2026-10-20T12:00:00", report(wait=3600.0), zone=zone)
    assert await office.look() == []

    office.run_on(local(end, zone) + HOUR - office.true - 1)
    assert await office.look() == []
    office.run_on(1)
    assert await office.look() == ["2026-10"]
    assert await office.look() == []
    assert await office.queued() == ["2026-10"]
    assert office.woken == 1


@pytest.mark.fault("daylight saving ends", part="reports", outcome="Each day, week and month is sent once.")
@pytest.mark.fault("daylight saving begins", part="reports", outcome="Each day, week and month is sent once.")
@pytest.mark.parametrize(
    ("every", "start", "looks"),
    [
        ("day", "2026-10-24", {"10-25T00:59": [], "10-25T01:00": ["2026-10-24"], "10-26T01:00": ["2026-10-25"]}),
        ("day", "2026-03-28", {"03-29T01:00": ["2026-03-28"], "03-30T00:59": [], "03-30T01:00": ["2026-03-29"]}),
        ("week", "2026-10-21", {"10-26T00:59": [], "10-26T01:00": ["2026-W43"], "11-02T01:00": ["2026-W44"]}),
        ("week", "2026-01-01", {"01-05T01:00": ["2026-W01"], "01-12T01:00": ["2026-W02"]}),
        ("month", "2028-02-29", {"03-01T00:59": [], "03-01T01:00": ["2028-02"]}),
    ],
)
async def test_days_weeks_and_months_end_at_local_midnight(
    state: State, every: str, start: str, looks: dict[str, list[str]]
) -> None:
    office = Office(state, f"{start}T10:00", report(every, wait=3600.0))
    await office.look()

    assert {at: await office.look_at(f"{start[:4]}-{at}") for at in looks} == looks


@pytest.mark.fault(
    "power cut",
    part="reports",
    outcome="After months off, every report that is due comes, the oldest first, each once.",
)
async def test_after_three_months_off_three_reports_are_due_oldest_first(state: State) -> None:
    office = Office(state, "2026-08-10T12:00:00", report(), report("week", name="weekly"))
    await office.look()
    await office.look_at("2026-09-02T00:00:00")
    office.true = local("2026-12-03T09:00:00")
    office.start()

    weeks = [f"2026-W{number}" for number in range(36, 49)]
    assert await office.look() == ["2026-09", "2026-10", "2026-11", *weeks]
    office.start()
    assert await office.look() == []
    assert len(await office.queued()) == len(set(await office.queued()))


@pytest.mark.fault("clock stepped back", part="reports", outcome="No report is sent again, none is left out.")
async def test_a_clock_that_is_set_back_sends_nothing_again(state: State) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    await office.look()
    assert await office.look_at("2026-11-02T00:00:00") == ["2026-10"]

    office.ahead = -40 * DAY
    assert await office.look() == []
    office.run_on(HOUR)
    assert await office.look() == []
    office.start()
    assert await office.look() == []
    office.ahead = 0
    office.start()
    assert await office.look_at("2026-12-02T00:00:00") == ["2026-11"]


@pytest.mark.fault(
    "clock stepped forward", part="reports", outcome="Nothing is sent before its time, none is left out."
)
@pytest.mark.parametrize("confirmed", [False, True])
async def test_a_clock_that_is_set_to_2036_and_back_sends_nothing(state: State, *, confirmed: bool) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    await office.look()

    office.ahead = 10 * 365 * DAY
    office.is_synchronised = confirmed  # a container in which the kernel cannot be asked says so always
    for _ in range(9):
        assert await office.look() == []
        office.run_on(MINUTE)
    office.ahead = 0
    assert await office.look() == []
    office.is_synchronised = True
    assert await office.look_at("2026-11-02T00:00:00") == ["2026-10"]


@pytest.mark.fault(
    "clock not synchronised at boot",
    part="reports",
    outcome="Reports wait for it; nothing is sent that is not over, and nothing is left out.",
)
async def test_a_clock_in_2036_that_nothing_confirms_is_not_believed_for_days(state: State) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    await office.look()
    office.ahead, office.is_synchronised = 10 * 365 * DAY, False
    office.start()

    with capture_logs() as logs:
        for _ in range(72):
            assert await office.look() == []
            office.run_on(HOUR)

    assert [entry["event"] for entry in logs] == ["reports_wait_for_clock"]
    office.ahead, office.is_synchronised = 0, True
    await office.look()
    assert await office.look_at("2026-11-02T00:00:00") == ["2026-10"]


@pytest.mark.fault(
    "clock years wrong at boot",
    part="reports",
    outcome="Reports wait until the clock is right; 1970 begins nothing.",
)
@pytest.mark.parametrize("is_synchronised", [False, True])
async def test_a_start_in_1970_begins_nothing(state: State, *, is_synchronised: bool) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    office.ahead, office.is_synchronised = -office.true + HOUR, is_synchronised
    office.start()
    office.run_on(2 * DAY)

    assert await office.look() == []
    assert await state.query("SELECT * FROM reports") == []
    office.ahead, office.is_synchronised = 0, True
    await office.look()
    office.run_on(10 * MINUTE)
    assert await office.look() == []
    assert await office.look_at("2026-11-02T00:00:00") == ["2026-10"]


async def test_without_a_time_server_a_clock_that_runs_on_is_believed_after_a_day(state: State) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    office.is_synchronised = False
    await office.look()
    assert await office.look_at("2026-10-21T11:59:00") == []
    assert (await office.mailing.status())[0]["since"] is None
    assert await office.look_at("2026-10-21T12:00:00") == []
    assert (await office.mailing.status())[0]["next"] == "2026-10"

    assert await office.look_at("2026-11-02T00:00:00") == ["2026-10"]


async def test_a_beginning_that_nothing_confirmed_is_moved_when_the_clock_is_set(state: State) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    office.ahead, office.is_synchronised = -3 * 365 * DAY, False
    office.start()
    office.run_on(DAY)
    await office.look()
    office.ahead, office.is_synchronised = 0, True

    await office.look()
    office.run_on(10 * MINUTE)
    assert await office.look() == []
    assert await office.look_at("2026-11-02T00:00:00") == ["2026-10"]


async def test_how_reports_stand_is_told(state: State) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    assert await office.mailing.status() == [{"id": "monthly", "name": "monthly", "every": "month", "since": None}]
    began = office.true
    await office.look()
    await office.look_at("2026-11-02T00:00:00")

    assert await office.mailing.status() == [
        {
            "id": "monthly",
            "name": "monthly",
            "every": "month",
            "since": began,
            "done": "2026-10",
            "done_at": office.true,
            "next": "2026-11",
            "next_end": local("2026-12-01T00:00:00"),
            "next_due": local("2026-12-02T00:00:00"),
        }
    ]


@pytest.mark.parametrize(
    ("every", "following"), [("day", "2026-11-01"), ("week", "2026-W44"), ("month", "2026-11")]
)
async def test_a_report_that_comes_more_often_goes_on_with_the_next_day(
    state: State, every: str, following: str
) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    await office.look()
    await office.look_at("2026-11-02T00:00:00")
    office.reports = (report(every, wait=0.0),)

    (stands,) = await office.start().status()
    assert stands["next"] == following


async def test_another_time_zone_repeats_no_period(state: State) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    await office.look()
    assert await office.look_at("2026-11-02T00:00:00") == ["2026-10"]
    office.zone = "America/New_York"
    office.start()

    assert await office.look() == []
    assert await office.look_at("2026-12-02T00:00:00") == ["2026-11"]


async def test_a_report_that_was_taken_out_begins_anew(state: State) -> None:
    office = Office(state, "2026-03-20T12:00:00", report(), report("week", name="weekly"))
    await office.look()
    office.reports = (report("week", name="weekly"),)
    mailing = office.start()
    await state.transact(mailing._forget)
    office.run_on(200 * DAY)
    await office.look()
    office.reports = (report(), report("week", name="weekly"))
    office.start()

    assert await office.look() == []
    assert await office.look_at("2026-11-02T00:00:00") == ["2026-10", "2026-W41", "2026-W42", "2026-W43"]


async def test_what_was_due_between_the_copy_and_the_restore_says_that_it_may_have_arrived(state: State) -> None:
    office = Office(state, "2026-09-20T12:00:00")
    await office.look()
    assert await office.look_at("2026-10-02T00:00:00") == ["2026-09"]
    office.true = local("2026-11-02T09:00:00")
    await state.transact(
        lambda db: db.execute("INSERT INTO restores VALUES (?, ?, 70)", (office.true, office.true - DAY))
    )
    office.start()

    (october,) = await office.mailing.look()
    office.run_on(30 * DAY)
    (november,) = await office.mailing.look()

    assert (october.period.name, october.is_again) == ("2026-10", True)
    assert (november.period.name, november.is_again) == ("2026-11", False)


@pytest.mark.fault("disk full", part="reports", outcome="What is due waits, and is sent once when there is room.")
async def test_a_state_that_cannot_be_written_loses_nothing(state: State) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    await office.look()
    await state.transact(
        lambda db: db.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON reports BEGIN SELECT raise(ABORT, 'disk full'); END"
        )
    )

    with capture_logs() as logs:
        assert await office.look_at("2026-11-02T00:00:00") == []
        assert await office.look() == []
        assert await office.queued() == []  # the row went with the mark
        await state.transact(lambda db: db.execute("DROP TRIGGER full"))
        assert await office.look() == ["2026-10"]

    assert [entry["event"] for entry in logs] == ["reports_halted", "report_due", "reports_resumed"]


async def test_a_report_that_reaches_nobody_says_so(state: State) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    office.channels = {}
    office.start()
    await office.look()

    with capture_logs() as logs:
        assert await office.look_at("2026-11-02T00:00:00") == ["2026-10"]

    assert [entry["event"] for entry in logs] == ["report_due", "report_reaches_nobody"]


async def test_a_closed_state_ends_nothing(state: State) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    await state.close()

    assert await office.look() == []
    with pytest.raises(JournalError):
        await office.mailing.status()


async def test_without_reports_it_ends_at_once(state: State) -> None:
    office = Office(state, "2026-10-20T12:00:00")
    office.reports = ()

    await office.start().run()


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_the_clock_and_the_power_do_each_day_is_done_once(state: State, seed: int) -> None:
    dice = random.Random(seed)
    office = Office(state, "2026-10-20T12:00:00", report("day", wait=3600.0))
    await office.look()
    began = office.true
    done: list[str] = []
    for _ in range(200):
        match dice.randrange(6):
            case 0:  # off for a while
                office.true += dice.randrange(3 * DAY)
                office.ahead, office.is_synchronised = dice.choice([0, 0, -DAY, 4000 * DAY, -office.true]), False
                office.start()
            case 1:  # set wrong by hand
                office.ahead, office.is_synchronised = dice.randrange(-400, 4000) * DAY, False
            case 2 | 3:  # a time server is heard
                office.ahead, office.is_synchronised = 0, True
            case _:
                pass
        for _ in range(dice.randrange(30)):
            office.run_on(dice.choice([MINUTE, 5 * MINUTE, 30 * MINUTE]))
            found = await office.look()
            done += found
            assert not found or office.ahead == 0
    office.ahead, office.is_synchronised = 0, True
    office.start()
    done += await office.look()

    assert await office.queued() == done == list(_days(began, office.true))


def _days(start: int, end: int) -> Iterator[str]:
    """The names of the days from that of `start` to the last that was due an hour before `end`."""
    zone, at = ZoneInfo(BERLIN), start
    while (day := next_period("", at, "day", zone)).end + HOUR <= end:
        yield day.name
        at = day.end


@settings(deadline=None, max_examples=60)
@given(
    since=st.integers(1_600_000_000_000, 2_500_000_000_000),
    every=st.sampled_from(["day", "week", "month"]),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Africa/Cairo", "Pacific/Apia"]),
)
def test_periods_follow_each_other_without_a_gap(since: int, every: str, zone: str) -> None:
    where = ZoneInfo(zone)
    first = next_period("", since, every, where)
    chain = [first]
    for _ in range(15):
        chain.append(next_period(chain[-1].name, since, every, where))

    assert first.start <= since < first.end
    assert all(one.end == other.start and one.name != other.name for one, other in pairwise(chain))
    assert [one.name for one in chain] == [before(one.end, every, where).name for one in chain]
