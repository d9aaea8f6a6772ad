"""Accounts, sessions, links and tokens over a real state: what is kept, what is refused, what ends what."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from monitor.accounts.book import Accounts
from monitor.accounts.passwords import Passwords, weakness
from monitor.accounts.roles import Role, Scope
from monitor.errors import JournalError, RequestRefused, TooManyAsk
from monitor.journal.state import State
from tests.clock import ManualClock

GOOD = "seven quiet meters hum"


def _made(state: State, clock: ManualClock, *, rounds: int = 1) -> Accounts:
    quick = Passwords(memory_kib=8, rounds=rounds)
    return Accounts(state, clock.now, idle=3600.0, longest=86400.0, passwords=quick)


@pytest.fixture
async def accounts(state: State, clock: ManualClock) -> AsyncIterator[Accounts]:
    made = _made(state, clock)
    await made.load()
    yield made
    made.passwords.close()


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "short"),
        ("  eleven ch  ", "short"),
        ("x" * 300, "long"),
        ("Password-1234", "usual"),
        ("aaaaaaaaaaaaaaaa", "usual"),
        ("abababababababab", "usual"),
        ("Maple Court 2026", "name"),
        ("ana.miller ana.miller", "name"),
        (GOOD, ""),
        ("zwölf Übergänge im Süden", ""),
        ("七个安静的电表在嗡嗡作响", ""),
    ],
)
def test_what_is_refused_as_a_password(password: str, why: str) -> None:
    assert weakness(password, ("ana.miller", "Maple Court", "")) == why


async def test_how_a_keyboard_writes_a_letter_does_not_matter(accounts: Accounts) -> None:
    await accounts.add("ana", role=Role.VIEWER, by="")
    await accounts.set_password("ana", "caf\u00e9 caf\u00e9 caf\u00e9")

    assert await accounts.check("ana", " cafe\u0301 cafe\u0301 cafe\u0301 ") is not None
    assert await accounts.check("ana", "cafe cafe cafe") is None


async def test_everything_is_there_after_a_restart(accounts: Accounts, state: State, clock: ManualClock) -> None:
    await accounts.add("ana", name="Ana", role=Role.OPERATOR, by="root")
    await accounts.set_password("ana", GOOD)
    secret, _ = await accounts.begin(
        accounts.account("ana"), address="192.0.2.1", network="192.0.2.1", browser="b\x00\n"
    )
    token, _ = await accounts.tokens.add("grafana", [Scope.READ], expires_at=None, by="root")
    link, _ = await accounts.invite("ana", by="root")
    clock.time += 60_000
    accounts.session(secret)
    accounts.tokens.find(token)
    await accounts.tend()
    again = _made(state, clock)
    await again.load()
    found = again.session(secret)

    assert again.people() == accounts.people()
    assert found is not None
    assert found[0].seen_at == clock.now()
    assert found[0].browser == "b"
    assert found[1].networks == ("192.0.2.1",)
    assert again.tokens.all() == accounts.tokens.all()
    assert await again.invited(link) is not None
    assert await again.check("ana", GOOD) is not None
    again.passwords.close()


async def test_a_request_writes_nothing(accounts: Accounts, state: State, clock: ManualClock) -> None:
    await accounts.add("ana", role=Role.VIEWER, by="")
    secret, _ = await accounts.begin(accounts.account("ana"), address="", network="", browser="")
    before = (await state.query("SELECT total_changes()"))[0][0]
    for _ in range(100):
        clock.time += 1000
        assert accounts.session(secret)

    assert (await state.query("SELECT total_changes()"))[0][0] == before


async def test_a_hash_with_other_parameters_is_renewed(
    accounts: Accounts, state: State, clock: ManualClock
) -> None:
    await accounts.add("ana", role=Role.VIEWER, by="")
    old = (await accounts.set_password("ana", GOOD)).password
    stronger = _made(state, clock, rounds=2)
    await stronger.load()
    await stronger.check("ana", "wrong wrong wrong")
    unchanged = stronger.account("ana").password
    await stronger.check("ana", GOOD)

    assert unchanged == old
    assert "t=2" in stronger.account("ana").password
    assert await stronger.check("ana", GOOD) is not None
    stronger.passwords.close()


async def test_two_administrators_cannot_put_each_other_out_at_once(accounts: Accounts) -> None:
    for login in ("ana", "ben"):
        await accounts.add(login, role=Role.ADMINISTRATOR, by="")
    told = await asyncio.gather(
        accounts.change("ana", role=Role.VIEWER), accounts.remove("ben"), return_exceptions=True
    )

    assert [type(each) for each in told if isinstance(each, Exception)] == [RequestRefused]
    assert [each.role for each in accounts.people() if each.role is Role.ADMINISTRATOR] == [Role.ADMINISTRATOR]


async def test_a_link_is_used_once_also_by_two_at_once(accounts: Accounts, clock: ManualClock) -> None:
    await accounts.add("ana", role=Role.VIEWER, by="")
    older, _ = await accounts.invite("ana", by="")
    link, _ = await accounts.invite("ana", by="")
    both = await asyncio.gather(accounts.accept(link, GOOD), accounts.accept(link, "another " + GOOD))
    late, _ = await accounts.invite("ana", by="")
    clock.time += 24 * 3_600_000

    assert sum(each is not None for each in both) == 1
    assert await accounts.invited(older) is None
    assert await accounts.accept(link, GOOD) is None
    assert await accounts.accept(late, GOOD) is None


async def test_who_signs_in_with_the_old_password_while_it_is_changed_stays_outside(accounts: Accounts) -> None:
    await accounts.add("ana", role=Role.OPERATOR, by="")
    await accounts.set_password("ana", GOOD)
    thief = await accounts.check("ana", GOOD)
    assert thief is not None
    told = await asyncio.gather(
        accounts.set_password("ana", "another " + GOOD),
        accounts.begin(thief, address="", network="", browser=""),
        return_exceptions=True,
    )
    disabled = await accounts.change("ana", disabled=True)
    with pytest.raises(RequestRefused):
        await accounts.begin(disabled, address="", network="", browser="")

    assert [type(each) for each in told[1:]] == [RequestRefused]
    assert accounts.sessions("ana") == []


async def test_a_session_that_begins_while_the_others_end_is_there_or_not_also_after_a_restart(
    accounts: Accounts, state: State, clock: ManualClock
) -> None:
    ana = await accounts.add("ana", role=Role.VIEWER, by="")
    for _ in range(5):
        begun, _ended = await asyncio.gather(
            accounts.begin(ana, address="", network="", browser=""), accounts.end_others("ana")
        )
        again = _made(state, clock)
        await again.load()

        assert (again.session(begun[0]) is None) is (accounts.session(begun[0]) is None)
        again.passwords.close()


async def test_two_tokens_of_one_name_are_not_made_by_two_at_once(accounts: Accounts) -> None:
    told = await asyncio.gather(
        *(accounts.tokens.add("backup", [Scope.READ], expires_at=None, by="") for _ in range(2)),
        return_exceptions=True,
    )

    assert [type(each) for each in told if isinstance(each, Exception)] == [RequestRefused]


async def test_what_the_disk_does_not_take_has_not_happened(accounts: Accounts, state: State) -> None:
    await accounts.add("ana", role=Role.ADMINISTRATOR, by="")
    await accounts.set_password("ana", GOOD)
    await state.alone(lambda db: db.execute("PRAGMA query_only = ON"))
    for work in (
        accounts.add("ben", role=Role.VIEWER, by=""),
        accounts.change("ana", language="zh"),
        accounts.begin(accounts.account("ana"), address="", network="", browser=""),
        accounts.tokens.add("t", [Scope.READ], expires_at=None, by=""),
    ):
        with pytest.raises(JournalError):
            await work
    await state.alone(lambda db: db.execute("PRAGMA query_only = OFF"))

    assert [each.login for each in accounts.people()] == ["ana"]
    assert accounts.account("ana").language == ""
    assert accounts.sessions("ana") == []
    assert accounts.tokens.all() == []


async def test_one_person_has_so_many_sessions_and_the_oldest_ends(accounts: Accounts, clock: ManualClock) -> None:
    await accounts.add("ana", role=Role.VIEWER, by="")
    secrets = []
    for _ in range(25):
        clock.time += 1000
        secret, _ = await accounts.begin(accounts.account("ana"), address="", network="", browser="")
        secrets.append(secret)

    assert [accounts.session(each) is not None for each in secrets] == [False] * 5 + [True] * 20


async def test_too_many_who_sign_in_at_once_are_refused() -> None:
    passwords = Passwords(memory_kib=8, rounds=1)
    told = await asyncio.gather(*(passwords.agrees("x", "") for _ in range(50)), return_exceptions=True)
    passwords.close()

    assert told.count(False) == 12
    assert sum(isinstance(each, TooManyAsk) for each in told) == 38
