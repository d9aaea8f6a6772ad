"""Who asks the API or the console, and what he may do: roles of people, scopes of tokens."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

__all__ = ["Caller", "NotAllowed", "NotSignedIn", "Role", "Scope", "Via", "caller_of", "known_caller"]


class Role(StrEnum):
    """What a person may do; each may all that those before may."""

    VIEWER = "viewer"
    """Sees how the site does; no person's movements."""
    OPERATOR = "operator"
    """Sees to alarms: acknowledges, shelves, assigns, closes; says that work was done; calls the roll."""
    SUPERVISOR = "supervisor"
    """Decides what is watched and told: out of service, maintenance, on-call, meters, doors and people."""
    ADMINISTRATOR = "administrator"
    """Keeps users, tokens and settings, and reads the audit trail."""

    def covers(self, other: "Role") -> bool:
        """Whether somebody of this role may what the other one may."""
        return _RANKS[self] >= _RANKS[other]


_RANKS: Final = {role: rank for rank, role in enumerate(Role)}


class Scope(StrEnum):
    """What a token may be used for; a token may nothing else."""

    READ = "read"
    """All that a viewer sees."""
    METRICS = "metrics"
    """The metrics and no more."""
    ALARMS = "alarms"
    """What operators do about alarms."""
    PLAN = "plan"
    """Maintenance, out of service, on-call, work that was done."""
    METERS = "meters"
    """What people say of meters."""
    ACCESS = "access"
    """Doors and people: who came and went."""
    ADMINISTER = "administer"
    """What administrators do."""


class Via(StrEnum):
    """How somebody asks."""

    SOCKET = "socket"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. `name` is what commands are kept under; `person`: his id among those who are notified, or nothing.

    `scopes` are those of a token. `csrf` is what forms of a session have to carry; `session` names it.
    """

    name: str
    role: Role
    via: Via
    person: str = ""
    language: str = ""
    scopes: frozenset[Scope] = frozenset()
    session: str = ""
    csrf: str = field(default="", repr=False)

    def may(self, role: Role, scope: Scope) -> bool:
        """Whether he may do what takes at least this role, or of a token this scope."""
        return scope in self.scopes if self.via is Via.TOKEN else self.role.covers(role)

    @property
    def sees_people(self) -> bool:
        """Whether he may see who came and went."""
        return self.may(Role.SUPERVISOR, Scope.ACCESS)


class NotSignedIn(Exception):
    """Nobody knows who asks."""


class NotAllowed(Exception):
    """He may not; `needs` says in words who may."""

    def __init__(self, needs: str) -> None:
        super().__init__(f"this needs {needs}")
        self.needs = needs


def known_caller(request: Any) -> Caller | None:
    """Who sent a request; None for somebody who has not said who he is."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller


def caller_of(request: Any) -> Caller:
    """Who sent a request; raises NotSignedIn."""
    caller = known_caller(request)
    if caller is None:
        raise NotSignedIn
    return caller
