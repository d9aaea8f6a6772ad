"""What is known of accounts, sessions and tokens, and the secrets that stand for them."""

import hashlib
import json
import re
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from monitor.accounts.roles import Role, Scope
from monitor.wording import Sentence

__all__ = [
    "TOKEN",
    "Account",
    "Invited",
    "Session",
    "Token",
    "fault_of_login",
    "fault_of_name",
    "hashed",
    "new_secret",
]

TOKEN: Final = "fm_"  # noqa: S105 - what each token begins with
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LONGEST_NAME: Final = 100


def new_secret(prefix: str = "") -> str:
    """A secret of 256 random bits, in letters that addresses, cookies and headers carry as they are."""
    return prefix + secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """What is kept of a secret. It has 256 random bits: there is nothing to guess, and SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fault_of_login(login: str) -> Sentence | None:
    """Why this cannot be a login; None when it can."""
    if _LOGIN.fullmatch(login):
        return None
    return Sentence(
        "a login is up to 64 lower-case letters, digits, `.`, `_` and `-`, and begins with a letter or a digit"
    )


def fault_of_name(name: str) -> Sentence | None:
    """Why nobody can be called so; None when somebody can."""
    if 0 < len(name) <= _LONGEST_NAME and name.isprintable() and name == name.strip():
        return None
    return Sentence("a name is up to 100 letters without line breaks and other signs that cannot be printed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may sign in. `networks`: those he has signed in from, the newest last. Times are UTC ms."""

    login: str
    name: str
    role: Role
    password: str = field(default="", repr=False)
    person: str = ""
    language: str = ""
    created_at: int
    created_by: str
    changed_at: int
    signed_in: int | None = None
    disabled: bool = False
    networks: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: sqlite3.Row) -> "Account":
        """A row of the table."""
        read = {"role": Role(row["role"]), "disabled": bool(row["disabled"])}
        return cls(**dict(row) | read | {"networks": tuple(json.loads(row["networks"]))})

    def as_json(self) -> Mapping[str, Any]:
        """All that may be told of him."""
        return {
            "login": self.login,
            "name": self.name,
            "role": self.role,
            "person": self.person,
            "language": self.language,
            "created_at": self.created_at,
            "created_by": self.created_by,
            "signed_in": self.signed_in,
            "disabled": self.disabled,
            "has_password": bool(self.password),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Whom a one-time link is for, and until when (UTC ms)."""

    login: str
    expires_at: int


@dataclass(slots=True, kw_only=True)
class Session:
    """Somebody who has signed in on a browser. `seen_at` changes with each request. Times are UTC ms."""

    id: str = field(repr=False)
    login: str
    begun_at: int
    seen_at: int
    expires_at: int
    address: str
    browser: str = ""
    written_at: int = 0
    """What the table has as `seen_at`."""


@dataclass(slots=True, kw_only=True)
class Token:
    """What a program asks the API with. `secret` is the hash of what it sends. Times are UTC ms."""

    id: str
    name: str
    secret: str = field(repr=False)
    scopes: frozenset[Scope]
    created_at: int
    created_by: str
    expires_at: int | None = None
    used_at: int | None = None
    written_at: int | None = None

    def as_json(self) -> Mapping[str, Any]:
        """All that may be told of it."""
        return {
            "id": self.id,
            "name": self.name,
            "scopes": sorted(self.scopes),
            "created_at": self.created_at,
            "created_by": self.created_by,
            "expires_at": self.expires_at,
            "used_at": self.used_at,
        }
