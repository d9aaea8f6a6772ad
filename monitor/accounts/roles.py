"""What people and programs may do: roles of the ones, scopes of the others."""

from enum import StrEnum
from typing import Final

__all__ = ["Role", "Scope"]


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
