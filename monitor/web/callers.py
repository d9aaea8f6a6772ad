"""Who asks the API or the console, and what he may do: roles of people, scopes of tokens."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from monitor.accounts.roles import Role, Scope
from monitor.site import Device
from monitor.wording import Sentence

__all__ = ["Caller", "NotAllowed", "NotSignedIn", "Role", "Scope", "Via", "caller_of", "known_caller"]


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

    def may(self, role: Role, scope: Scope | None) -> bool:
        """Whether he may do what takes at least this role, or of a token this scope; None: any token may."""
        if self.via is Via.TOKEN:
            return scope is None or scope in self.scopes
        return self.role.covers(role)

    @property
    def sees_people(self) -> bool:
        """Whether he may see who came and went."""
        return self.may(Role.SUPERVISOR, Scope.ACCESS)

    def sees_readings_of(self, device: Device) -> bool:
        """Whether he may see what a device says: a reader of cards says when somebody stands before it."""
        return self.sees_people or device.device_class != "access"


class NotSignedIn(Exception):
    """Nobody knows who asks."""


class NotAllowed(Exception):
    """He may not; `sentence` says who may."""

    def __init__(self, needs: Sentence) -> None:
        self.sentence = Sentence("this needs {needs}", needs=needs)
        super().__init__(self.sentence)


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
