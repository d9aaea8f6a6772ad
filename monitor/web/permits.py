"""Who may do what: one table of all routes. A route that is not in it cannot be served.

Each entry says the least role of a person and the scope of a token.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from monitor.web.callers import NotAllowed, NotSignedIn, Role, Scope, Via, known_caller
from monitor.web.trail import note_of
from monitor.wording import Sentence

__all__ = ["OPEN", "PEOPLE", "PERMITS", "Permit", "guard"]


_ROLES: Final = {
    Role.VIEWER: Sentence("viewer"),
    Role.OPERATOR: Sentence("operator"),
    Role.SUPERVISOR: Sentence("supervisor"),
    Role.ADMINISTRATOR: Sentence("administrator"),
}


@dataclass(frozen=True, slots=True)
class Permit:
    """The least role of a person, and the scope of a token; None: any token's."""

    role: Role
    scope: Scope | None

    @property
    def needs(self) -> Sentence:
        """Who may, in words."""
        person = Sentence("the role {role} at least", role=_ROLES[self.role])
        if self.scope is None:
            return person
        return Sentence("{person}, or a token with the scope {scope}", person=person, scope=self.scope)


OPEN: Final = None
"""What whoever can connect may ask."""

_SEE: Final = Permit(Role.VIEWER, Scope.READ)
_MEASURE: Final = Permit(Role.VIEWER, Scope.METRICS)
_ACT: Final = Permit(Role.OPERATOR, Scope.ALARMS)
_WORK: Final = Permit(Role.OPERATOR, Scope.PLAN)
_READ_METERS: Final = Permit(Role.OPERATOR, Scope.METERS)
_PLAN: Final = Permit(Role.SUPERVISOR, Scope.PLAN)
_METER: Final = Permit(Role.SUPERVISOR, Scope.METERS)
_CALL_THE_ROLL: Final = Permit(Role.OPERATOR, Scope.ACCESS)
PEOPLE: Final = Permit(Role.SUPERVISOR, Scope.ACCESS)
"""Who came and went: what `Caller.sees_people` asks."""
_KNOWN: Final = Permit(Role.VIEWER, None)
_ADMINISTER: Final = Permit(Role.ADMINISTRATOR, Scope.ADMINISTER)
_RUN: Final = Permit(Role.SUPERVISOR, Scope.ADMINISTER)

_API: Final[Mapping[str, Mapping[str, Permit]]] = {
    "/openapi.json": {"GET": _SEE},
    "/status": {"GET": _SEE},
    "/metrics": {"GET": _MEASURE},
    "/devices": {"GET": _SEE},
    "/devices/{device}": {"GET": _SEE},
    "/devices/{device}/history": {"GET": _SEE},
    "/devices/{device}/readings": {"GET": _SEE},
    "/devices/{device}/readings/stream": {"GET": _SEE},
    "/events": {"GET": _SEE},
    "/live": {"GET": _SEE},
    "/search": {"GET": _SEE},
    "/reload": {"POST": _RUN},
    "/alarms": {"GET": _SEE},
    "/alarms/performance": {"GET": _SEE},
    "/alarms/{occurrence}": {"GET": _SEE},
    "/alarms/{occurrence}/notifications": {"GET": _SEE},
    "/alarms/{occurrence}/acknowledge": {"POST": _ACT},
    "/alarms/{occurrence}/assign": {"POST": _ACT},
    "/alarms/{occurrence}/comment": {"POST": _ACT},
    "/alarms/{occurrence}/close": {"POST": _ACT},
    "/alarms/{occurrence}/reopen": {"POST": _ACT},
    "/alarms/{target:path}/shelve": {"POST": _ACT},
    "/alarms/{target:path}/unshelve": {"POST": _ACT},
    "/alarms/{target:path}/out-of-service": {"POST": _PLAN},
    "/alarms/{target:path}/return": {"POST": _PLAN},
    "/cases": {"GET": _SEE},
    "/rules": {"GET": _SEE},
    "/rules/{rule}": {"GET": _SEE},
    "/notifications": {"GET": _SEE},
    "/notify/explain": {"GET": _SEE},
    "/maintenance": {"GET": _SEE, "POST": _PLAN},
    "/maintenance/{name}": {"GET": _SEE},
    "/maintenance/{name}/end": {"POST": _PLAN},
    "/duty": {"GET": _SEE},
    "/duty/{roster}/override": {"POST": _PLAN},
    "/duty/overrides/{ident}/end": {"POST": _PLAN},
    "/channels": {"GET": _SEE},
    "/channels/test": {"POST": _PLAN},
    "/connections": {"GET": _SEE},
    "/connections/{connection}/registers": {"POST": _METER},
    "/dead-letters": {"GET": PEOPLE},
    "/dead-letters/retry": {"POST": _RUN},
    "/dead-letters/drop": {"POST": _RUN},
    "/influx/check": {"POST": _RUN},
    "/influx/backfill": {"GET": _SEE, "POST": _RUN},
    "/influx/backfill/stop": {"POST": _RUN},
    "/reports/{kind}": {"GET": _SEE},
    "/meters": {"GET": _SEE},
    "/meters/{device}": {"GET": _SEE},
    "/meters/{device}/usage": {"GET": _SEE},
    "/meters/recompute": {"POST": _METER},
    "/meters/enter": {"POST": _METER},
    "/meters/{device}/enter": {"POST": _READ_METERS},
    "/meters/{device}/replace": {"POST": _METER},
    "/meters/{device}/correct": {"POST": _METER},
    "/access/doors": {"GET": _SEE},
    "/access/zones": {"GET": _SEE},
    "/access/rollcall": {"GET": _CALL_THE_ROLL},
    "/access/events": {"GET": PEOPLE},
    "/access/names": {"GET": PEOPLE, "POST": PEOPLE},
    "/access/names/import": {"POST": PEOPLE},
    "/access/names/remove": {"POST": PEOPLE},
    "/access/find": {"POST": PEOPLE},
    "/access/export": {"POST": PEOPLE},
    "/access/erase": {"POST": PEOPLE},
    "/access/erasures": {"GET": PEOPLE},
    "/equipment": {"GET": _SEE},
    "/equipment/groups": {"GET": _SEE},
    "/equipment/services": {"GET": _SEE},
    "/equipment/batteries": {"GET": _SEE},
    "/equipment/{device}": {"GET": _SEE},
    "/equipment/{device}/service": {"POST": _WORK},
    "/supply": {"GET": _SEE},
    "/whoami": {"GET": _KNOWN},
    "/users": {"GET": _ADMINISTER, "POST": _ADMINISTER},
    "/users/{login}": {"POST": _ADMINISTER},
    "/users/{login}/remove": {"POST": _ADMINISTER},
    "/users/{login}/link": {"POST": _ADMINISTER},
    "/tokens": {"GET": _ADMINISTER, "POST": _ADMINISTER},
    "/tokens/{ident}/remove": {"POST": _ADMINISTER},
    "/audit": {"GET": _ADMINISTER},
    "/labels": {"GET": _SEE},
    "/residents/places": {"GET": _SEE},
    "/residents/places/{place}/close": {"POST": _PLAN},
    "/residents/places/{place}/open": {"POST": _PLAN},
    "/residents/places/{place}/renew": {"POST": _PLAN},
}
_CONSOLE: Final[Mapping[str, Mapping[str, Permit | None]]] = {
    "/": {"GET": _SEE},
    "/alarms": {"GET": _SEE},
    "/alarms/{occurrence}": {"GET": _SEE},
    "/alarms/{occurrence}/acknowledge": {"POST": _ACT},
    "/alarms/{occurrence}/shelve": {"POST": _ACT},
    "/alarms/{occurrence}/unshelve": {"POST": _ACT},
    "/alarms/{occurrence}/out-of-service": {"POST": _PLAN},
    "/alarms/{occurrence}/return": {"POST": _PLAN},
    "/alarms/{occurrence}/assign": {"POST": _ACT},
    "/alarms/{occurrence}/comment": {"POST": _ACT},
    "/alarms/{occurrence}/close": {"POST": _ACT},
    "/alarms/{occurrence}/reopen": {"POST": _ACT},
    "/shelves": {"GET": _SEE},
    "/maintenance": {"GET": _SEE},
    "/maintenance/plan": {"POST": _PLAN},
    "/maintenance/{name}/end": {"POST": _PLAN},
    "/notifications": {"GET": _SEE},
    "/channels": {"GET": _SEE},
    "/channels/test": {"POST": _PLAN},
    "/on-call": {"GET": _SEE},
    "/on-call/stand-in": {"POST": _PLAN},
    "/on-call/{ident}/end": {"POST": _PLAN},
    "/static/{name}": {"GET": OPEN},
    "/login": {"GET": OPEN, "POST": OPEN},
    "/logout": {"POST": OPEN},
    "/welcome/{token}": {"GET": OPEN, "POST": OPEN},
    "/account": {"GET": _KNOWN},
    "/account/password": {"POST": _KNOWN},
    "/account/language": {"POST": _KNOWN},
    "/account/sessions": {"POST": _KNOWN},
    "/users": {"GET": _ADMINISTER, "POST": _ADMINISTER},
    "/users/{login}/{action}": {"POST": _ADMINISTER},
    "/tokens": {"GET": _ADMINISTER, "POST": _ADMINISTER},
    "/tokens/{ident}/remove": {"POST": _ADMINISTER},
    "/audit": {"GET": _ADMINISTER},
    "/plant": {"GET": _SEE},
    "/devices/{device}": {"GET": _SEE},
    "/devices/{device}/trend.svg": {"GET": _SEE},
    "/doors": {"GET": _SEE},
    "/rollcall": {"GET": _CALL_THE_ROLL},
    "/quality": {"GET": _SEE},
    "/status": {"GET": _SEE},
    "/meters": {"GET": _SEE},
    "/meters/{device}": {"GET": _SEE},
    "/meters/{device}/replace": {"POST": _METER},
    "/meters/{device}/correct": {"POST": _METER},
    "/meters/{device}/enter": {"POST": _READ_METERS},
    "/equipment": {"GET": _SEE},
    "/equipment/{device}": {"GET": _SEE},
    "/equipment/{device}/service": {"POST": _WORK},
    "/supply": {"GET": _SEE},
    "/reports": {"GET": _SEE},
    "/reports/{kind}": {"GET": _SEE},
    "/search": {"GET": _SEE},
    "/labels": {"GET": _SEE},
    "/labels/sheet": {"GET": _SEE},
    "/residents": {"GET": _ACT},
    "/residents/places/{place}/{action}": {"POST": _PLAN},
    "/healthz": {"GET": OPEN},
    "/readyz": {"GET": OPEN},
    "/metrics": {"GET": _MEASURE},
}

PERMITS: Final[Mapping[str, Mapping[str, Permit | None]]] = {
    **{f"/api/v1{path}": methods for path, methods in _API.items()},
    **_CONSOLE,
}
"""Path as its route writes it -> method -> who may; HEAD is GET."""


_SECRETS: Final = frozenset({"token"})
"""Parts of paths that nobody may read in the audit trail."""
_PRIVATE: Final = frozenset({Scope.ACCESS, Scope.ADMINISTER})
"""Reading what takes one of these is noted."""


def guard(routes: Iterable[BaseRoute]) -> None:
    """Put the table before routes that were made. Raises KeyError for one that it does not know."""
    for route in routes:
        assert isinstance(route, Route)
        permits = {method: PERMITS[route.path][method] for method in (route.methods or ()) if method != "HEAD"}
        route.app = _Guarded(route.app, route.path, permits)


class _Guarded:
    """Asks who it is before anything of a request is read."""

    def __init__(self, app: ASGIApp, path: str, permits: Mapping[str, Permit | None]) -> None:
        self._app = app
        self._path = path
        self._permits = permits

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass it on; raises NotSignedIn and NotAllowed."""
        method, request = scope["method"], Request(scope)
        permit = self._permits["GET" if method == "HEAD" else method]
        noted = note_of(request)
        noted.action = f"{method} {self._path}"
        noted.target = " ".join(str(value) for name, value in request.path_params.items() if name not in _SECRETS)
        noted.is_private = permit is not None and permit.scope in _PRIVATE
        if permit is not None:
            caller = known_caller(request)
            if caller is None:
                raise NotSignedIn
            if not caller.may(permit.role, permit.scope):
                raise NotAllowed(permit.needs)
            if caller.via is Via.TOKEN and not _is_for_programs(self._path):
                raise NotAllowed(Sentence("somebody who has signed in: tokens are for the API"))
        await self._app(scope, receive, send)


def _is_for_programs(path: str) -> bool:
    return path.startswith("/api/") or path == "/metrics"
