"""Tokens of programs: kept in the state, asked in memory."""

import asyncio
import json
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from monitor.accounts.people import TOKEN, Token, fault_of_name, hashed, new_secret
from monitor.accounts.roles import Scope
from monitor.accounts.turns import one_by_one
from monitor.errors import RequestRefused
from monitor.journal.state import State
from monitor.wording import Sentence

__all__ = ["NotThere", "Tokens"]

_MOST: Final = 200


class NotThere(RequestRefused):
    """There is no such user or token."""


class Tokens:
    """All of them. `now`: UTC ms."""

    def __init__(self, state: State, now: Callable[[], int]) -> None:
        self._state = state
        self._now = now
        self._tokens: dict[str, Token] = {}
        self.changing = asyncio.Lock()

    async def load(self) -> None:
        """Read all there are."""
        rows = [dict(row) for row in await self._state.query("SELECT * FROM api_token")]
        known = [row | {"scopes": frozenset(Scope(each) for each in json.loads(row["scopes"]))} for row in rows]
        self._tokens = {row["secret"]: Token(**row, written_at=row["used_at"]) for row in known}

    async def tend(self) -> None:
        """Write when they were used last."""
        used = [(each, each.used_at) for each in self._tokens.values() if each.used_at != each.written_at]
        if not used:
            return
        rows = [(at, token.id) for token, at in used]
        sql = "UPDATE api_token SET used_at = ? WHERE id = ?"
        await self._state.transact(lambda db: db.executemany(sql, rows))
        for token, at in used:
            token.written_at = at

    def all(self) -> Sequence[Token]:
        """All of them, by name."""
        return sorted(self._tokens.values(), key=lambda each: (each.name, each.id))

    def find(self, secret: str, *, is_used: bool = True) -> Token | None:
        """The token that a program sent; None when it is over, or never was. It `is_used` now."""
        found = self._tokens.get(hashed(secret)) if secret.startswith(TOKEN) else None
        now = self._now()
        if found is None or (found.expires_at is not None and now >= found.expires_at):
            return None
        if is_used:
            found.used_at = max(found.used_at or 0, now)
        return found

    @one_by_one
    async def add(
        self, name: str, scopes: Sequence[Scope], *, expires_at: int | None, by: str
    ) -> tuple[str, Token]:
        """Make a token: its secret, which is told this once. Raises RequestRefused."""
        now = self._now()
        fault = fault_of_name(name)
        if fault:
            raise RequestRefused(fault)
        if not scopes:
            raise RequestRefused(Sentence("a token needs a scope at least"))
        if any(each.name.casefold() == name.casefold() for each in self._tokens.values()):
            raise RequestRefused(Sentence("there is a token {name} already", name=name))
        if expires_at is not None and expires_at <= now:
            raise RequestRefused(Sentence("the token would be over already"))
        if len(self._tokens) >= _MOST:
            raise RequestRefused(
                Sentence("there are {count} tokens: remove one that is not used any more", count=_MOST)
            )
        secret = new_secret(TOKEN)
        token = Token(
            id=secrets.token_hex(4),
            name=name,
            secret=hashed(secret),
            scopes=frozenset(scopes),
            created_at=now,
            created_by=by,
            expires_at=expires_at,
        )
        row = (token.id, name, token.secret, json.dumps(sorted(token.scopes)), now, by, expires_at)

        def insert(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO api_token (id, name, secret, scopes, created_at, created_by, expires_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )

        await self._state.transact(insert)
        self._tokens[token.secret] = token
        return secret, token

    @one_by_one
    async def remove(self, ident: str) -> Token:
        """Take a token out, by its id or name. Raises NotThere."""
        found = next((each for each in self._tokens.values() if ident in {each.id, each.name}), None)
        if found is None:
            raise NotThere(Sentence("there is no token {name}", name=ident[:100]))
        await self._state.transact(lambda db: db.execute("DELETE FROM api_token WHERE id = ?", (found.id,)))
        self._tokens.pop(found.secret, None)
        return found
