"""Accounts, sessions, invitations and tokens: kept in the state, asked in memory."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from monitor.accounts.audit import Audit
from monitor.accounts.passwords import Passwords, weakness
from monitor.accounts.people import (
    Account,
    Invited,
    Session,
    fault_of_login,
    fault_of_name,
    hashed,
    new_secret,
)
from monitor.accounts.roles import Role
from monitor.accounts.tokens import NotThere, Tokens
from monitor.accounts.turns import one_by_one
from monitor.errors import JournalError, RequestRefused
from monitor.journal.state import State
from monitor.wording import Sentence

__all__ = ["INVITED_MS", "Accounts"]

INVITED_MS: Final = 24 * 3_600_000
_MINUTE: Final = 60.0
_MOST_ACCOUNTS: Final = 500
_MOST_SESSIONS: Final = 20
"""Of one person; the one that was used longest ago ends."""
_MOST_NETWORKS: Final = 10


class Accounts:
    """All of them. What changes is in the state before it is in memory. `now`: UTC ms; `idle`, `longest`: seconds.

    A request costs no look into the state; what was used when is written once a minute.
    """

    def __init__(
        self,
        state: State,
        now: Callable[[], int],
        *,
        idle: float,
        longest: float,
        passwords: Passwords | None = None,
    ) -> None:
        self._state = state
        self._now = now
        self._idle = round(idle * 1000)
        self._longest = round(longest * 1000)
        self.passwords = passwords or Passwords()
        self.audit = Audit(state, now)
        self.tokens = Tokens(state, now)
        self._accounts: dict[str, Account] = {}
        self._sessions: dict[str, Session] = {}
        self.changing = asyncio.Lock()
        """What is refused because of others, such as the last administrator, is judged one by one."""

    async def load(self) -> None:
        """Read all there is; before anybody asks."""
        accounts = await self._state.query("SELECT * FROM account")
        sessions = await self._state.query("SELECT * FROM session")
        self._accounts = {row["login"]: Account.of(row) for row in accounts}
        self._sessions = {row["id"]: Session(**dict(row), written_at=row["seen_at"]) for row in sessions}
        await self.tokens.load()

    async def run(self) -> None:
        """Each minute write what was used, and let go of what is over, until cancelled."""
        try:
            while True:
                await asyncio.sleep(_MINUTE)
                with suppress(JournalError):  # the state says so itself
                    await self.tend()
        finally:
            self.passwords.close()

    async def tend(self) -> None:
        """Write what was used, and let go of what is over."""
        now = self._now()
        over = [each.id for each in self._sessions.values() if not self._lives(each, now)]
        seen = [(each.seen_at, each.id) for each in self._sessions.values() if each.seen_at != each.written_at]

        def write(db: sqlite3.Connection) -> None:
            db.executemany("UPDATE session SET seen_at = ? WHERE id = ?", seen)
            db.executemany("DELETE FROM session WHERE id = ?", [(each,) for each in over])
            db.execute("DELETE FROM invitation WHERE expires_at <= ?", (now,))

        await self._state.transact(write)
        for at, ident in seen:
            if ident in self._sessions:
                self._sessions[ident].written_at = at
        for each in over:
            self._sessions.pop(each, None)
        await self.tokens.tend()
        await self.audit.tend()

    # People ----------------------------------------------------------------------------------------------

    def people(self) -> Sequence[Account]:
        """All accounts, by login."""
        return [self._accounts[login] for login in sorted(self._accounts)]

    def account(self, login: str) -> Account:
        """One of them. Raises NotThere."""
        if login not in self._accounts:
            raise NotThere(Sentence("there is no user {login}", login=login[:64]))
        return self._accounts[login]

    def find(self, login: str) -> Account | None:
        """One of them, or nobody."""
        return self._accounts.get(login)

    def knows(self, network: str) -> bool:
        """Whether anybody has signed in from a network before."""
        return any(network in each.networks for each in self._accounts.values())

    @property
    def has_users(self) -> bool:
        """Whether anybody has an account."""
        return bool(self._accounts)

    @one_by_one
    async def add(self, login: str, *, name: str = "", role: Role, person: str = "", by: str) -> Account:
        """Add somebody, without a password. Raises RequestRefused."""
        name = name or login
        fault = fault_of_login(login) or fault_of_name(name)
        if fault:
            raise RequestRefused(fault)
        if login in self._accounts:
            raise RequestRefused(Sentence("there is a user {login} already", login=login))
        self._refuse_same_name(login, name)
        if len(self._accounts) >= _MOST_ACCOUNTS:
            raise RequestRefused(Sentence("there are {count} users: more there cannot be", count=_MOST_ACCOUNTS))
        now = self._now()
        account = Account(
            login=login, name=name, role=role, person=person, created_at=now, created_by=by, changed_at=now
        )

        def insert(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO account (login, name, role, person, created_at, created_by, changed_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (login, name, role, person, now, by, now),
            )

        await self._state.transact(insert)
        self._accounts[login] = account
        return account

    def _refuse_same_name(self, login: str, name: str) -> None:
        taken = {
            word.casefold() for each in self.people() if each.login != login for word in (each.name, each.login)
        }
        if name.casefold() in taken:
            raise RequestRefused(
                Sentence("somebody is called {name} already: what they do could not be told apart", name=name)
            )

    @one_by_one
    async def change(
        self,
        login: str,
        *,
        role: Role | None = None,
        disabled: bool | None = None,
        person: str | None = None,
        language: str | None = None,
    ) -> Account:
        """Change what is said of somebody; another role, or none any more, ends his sessions.

        Raises NotThere and RequestRefused: the last administrator stays one.
        """
        old = self.account(login)
        new = replace(
            old,
            role=old.role if role is None else role,
            disabled=old.disabled if disabled is None else disabled,
            person=old.person if person is None else person,
            language=old.language if language is None else language,
        )
        if new.role is not Role.ADMINISTRATOR or new.disabled:
            self._refuse_last(old)
        ends = (new.role, new.disabled) != (old.role, old.disabled)
        await self._put(new, ends=ends)
        return new

    @one_by_one
    async def remove(self, login: str) -> None:
        """Take somebody out, with his sessions and links. Raises NotThere and RequestRefused."""
        self._refuse_last(self.account(login))
        await self._state.transact(lambda db: db.execute("DELETE FROM account WHERE login = ?", (login,)))
        self._accounts.pop(login, None)
        self._forget_sessions(login)

    def _refuse_last(self, account: Account) -> None:
        """He stays the administrator when there is no other one who can sign in."""
        if account.role is not Role.ADMINISTRATOR or account.disabled:
            return
        others = [each for each in self._accounts.values() if each.login != account.login]
        if not any(each.role is Role.ADMINISTRATOR and not each.disabled for each in others):
            raise RequestRefused(
                Sentence("{login} is the last administrator: make another one first", login=account.login)
            )

    async def _put(self, new: Account, *, ends: bool, spared: str = "") -> None:
        """Write an account; `ends`: his sessions are over but the one that is spared."""
        row = (new.role, new.password, new.person, new.language, self._now() if ends else new.changed_at)
        rest = (new.signed_in, new.disabled, json.dumps(new.networks), new.login)

        def update(db: sqlite3.Connection) -> None:
            db.execute(
                "UPDATE account SET role = ?, password = ?, person = ?, language = ?, changed_at = ?,"
                " signed_in = ?, disabled = ?, networks = ? WHERE login = ?",
                (*row, *rest),
            )
            if ends:
                db.execute("DELETE FROM session WHERE login = ? AND id <> ?", (new.login, spared))
                db.execute("DELETE FROM invitation WHERE login = ?", (new.login,))

        await self._state.transact(update)
        self._accounts[new.login] = new
        if ends:
            self._forget_sessions(new.login, spared)

    # Passwords -------------------------------------------------------------------------------------------

    async def check(self, login: str, password: str) -> Account | None:
        """The one whose login and password these are; whoever it is, it takes as long. Raises TooManyAsk."""
        account = self._accounts.get(login)
        known = account.password if account is not None and not account.disabled else ""
        agrees = await self.passwords.agrees(password, known)
        account = self._accounts.get(login)
        if not agrees or account is None or account.disabled or account.password != known:
            return None  # it may have been changed meanwhile
        if self.passwords.is_old(known):
            await self._renew(login, known, await self.passwords.hash(password))
        return self._accounts.get(login)

    @one_by_one
    async def _renew(self, login: str, known: str, made: str) -> None:
        """Keep another hash of the same password, unless he has another password by now."""
        account = self._accounts.get(login)
        if account is not None and account.password == known:
            await self._put(replace(account, password=made), ends=False)

    def weakness(self, login: str, password: str, words: Sequence[str] = ()) -> str:
        """Why this can be no password of somebody, a word of `passwords.weakness`; empty when it can."""
        account = self.account(login)
        return weakness(password, (login, account.name, account.person, *words))

    @one_by_one
    async def set_password(self, login: str, password: str) -> Account:
        """Give somebody a password: all his sessions and links are over."""
        made = await self.passwords.hash(password)
        account = replace(self.account(login), password=made)
        await self._put(account, ends=True)
        return account

    # Links -----------------------------------------------------------------------------------------------

    @one_by_one
    async def invite(self, login: str, *, by: str) -> tuple[str, Invited]:
        """A secret with which somebody chooses a password once, within a day; those before are over."""
        if self.account(login).disabled:
            raise RequestRefused(Sentence("{login} is disabled: enable him first", login=login))
        secret, now = new_secret(), self._now()
        invited = Invited(login=login, expires_at=now + INVITED_MS)

        def insert(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM invitation WHERE login = ?", (login,))
            row = (hashed(secret), login, now, invited.expires_at, by)
            db.execute(
                "INSERT INTO invitation (id, login, created_at, expires_at, by) VALUES (?, ?, ?, ?, ?)", row
            )

        await self._state.transact(insert)
        return secret, invited

    async def invited(self, secret: str) -> Invited | None:
        """Whom a secret invites; nobody when it is over, was used, or never was."""
        sql = "SELECT login, expires_at FROM invitation WHERE id = ? AND expires_at > ?"
        rows = await self._state.query(sql, (hashed(secret), self._now()))
        return Invited(login=rows[0]["login"], expires_at=rows[0]["expires_at"]) if rows else None

    @one_by_one
    async def accept(self, secret: str, password: str) -> Account | None:
        """Use a link up and set the password, both or neither; None when it is over or was used before."""
        made = await self.passwords.hash(password)
        now = self._now()

        def use(db: sqlite3.Connection) -> str:
            sql = "DELETE FROM invitation WHERE id = ? AND expires_at > ? RETURNING login"
            found = db.execute(sql, (hashed(secret), now)).fetchone()
            if found is None:
                return ""
            db.execute("DELETE FROM invitation WHERE login = ?", (found[0],))
            db.execute("DELETE FROM session WHERE login = ?", (found[0],))
            db.execute("UPDATE account SET password = ?, changed_at = ? WHERE login = ?", (made, now, found[0]))
            return str(found[0])

        login = await self._state.transact(use)
        if not login:
            return None
        self._accounts[login] = replace(self._accounts[login], password=made, changed_at=now)
        self._forget_sessions(login)
        return self._accounts[login]

    # Sessions --------------------------------------------------------------------------------------------

    @one_by_one
    async def begin(self, who: Account, *, address: str, network: str, browser: str) -> tuple[str, Session]:
        """Begin a session of somebody who has said his password: its secret, which nothing else knows.

        `who`: as he was when he said it. Raises RequestRefused: he has changed by now, or is gone.
        """
        login, secret, now = who.login, new_secret(), self._now()
        account = self.account(login)
        if (account.password, account.role, account.disabled) != (who.password, who.role, False):
            raise RequestRefused(
                Sentence("something about this account was changed at the same moment: sign in again")
            )
        session = Session(
            id=hashed(secret),
            login=login,
            begun_at=now,
            seen_at=now,
            expires_at=now + self._longest,
            address=address,
            browser="".join(letter for letter in browser if letter.isprintable())[:200],
            written_at=now,
        )
        own = sorted(self.sessions(login), key=lambda each: each.seen_at)
        over = [each.id for each in own[: max(0, len(own) - _MOST_SESSIONS + 1)]]
        others = [each for each in account.networks if each != network]
        networks = (*others[-_MOST_NETWORKS + 1 :], network)

        def insert(db: sqlite3.Connection) -> None:
            db.executemany("DELETE FROM session WHERE id = ?", [(each,) for each in over])
            db.execute(
                "INSERT INTO session (id, login, begun_at, seen_at, expires_at, address, browser)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (session.id, login, now, now, session.expires_at, address, session.browser),
            )
            db.execute(
                "UPDATE account SET signed_in = ?, networks = ? WHERE login = ?",
                (now, json.dumps(networks), login),
            )

        await self._state.transact(insert)
        self._accounts[login] = replace(self.account(login), signed_in=now, networks=networks)
        for each in over:
            self._sessions.pop(each, None)
        self._sessions[session.id] = session
        return secret, session

    def session(self, secret: str, *, is_used: bool = True) -> tuple[Session, Account] | None:
        """The session of a cookie and whose it is; None when it is over, or never was. It `is_used` now."""
        found = self._sessions.get(hashed(secret))
        now = self._now()
        if found is None or not self._lives(found, now):
            return None
        account = self._accounts.get(found.login)
        if account is None or account.disabled:
            return None
        if is_used:
            found.seen_at = max(found.seen_at, now)
        return found, account

    def sessions(self, login: str) -> Sequence[Session]:
        """Those of somebody that are not over, the newest first."""
        now = self._now()
        own = [each for each in self._sessions.values() if each.login == login and self._lives(each, now)]
        return sorted(own, key=lambda each: -each.begun_at)

    @one_by_one
    async def end(self, ident: str) -> None:
        """End one session."""
        await self._state.transact(lambda db: db.execute("DELETE FROM session WHERE id = ?", (ident,)))
        self._sessions.pop(ident, None)

    @one_by_one
    async def end_others(self, login: str, spared: str = "") -> int:
        """End the sessions of somebody but one; answers how many."""
        sql = "DELETE FROM session WHERE login = ? AND id <> ?"
        await self._state.transact(lambda db: db.execute(sql, (login, spared)))
        return self._forget_sessions(login, spared)

    def _lives(self, session: Session, now: int) -> bool:
        return now < session.expires_at and now - session.seen_at < self._idle

    def _forget_sessions(self, login: str, spared: str = "") -> int:
        over = [each.id for each in self._sessions.values() if each.login == login and each.id != spared]
        for ident in over:
            del self._sessions[ident]
        return len(over)
