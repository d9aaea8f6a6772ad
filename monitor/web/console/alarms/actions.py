"""What people do about one alarm: each form of its page, checked, kept, and answered by the page as it is then."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.causes import CAUSES
from monitor.model import Command
from monitor.web.alarmparts import CaseDesk, HoldDesk
from monitor.web.console.alarms.acting import Failed, Wish, acting
from monitor.web.console.alarms.alarmpage import draw_alarm, known_alarm, longest_of
from monitor.web.console.alarms.asked import Form, Wrong, day_in, one, reason_in, written
from monitor.web.console.page import Pages
from monitor.web.parts import Parts
from rules.suppression import LONGEST_REVIEW

__all__ = ["make_alarm_page"]

_BACK: Final = {"shelves": "/shelves", "alarms": "/alarms", "home": "/"}
"""Where a form may lead back to; else to the page of the alarm."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What somebody wants of an alarm."""

    parts: Parts
    alarm: Mapping[str, Any]
    form: Form
    by: str

    @property
    def occurrence(self) -> str:
        """The alarm's."""
        return str(self.alarm["occurrence"])

    @property
    def holds(self) -> HoldDesk:
        """What keeps people from being told; the forms that need it are there only with it."""
        assert self.parts.holds is not None
        return self.parts.holds

    @property
    def cases(self) -> CaseDesk:
        """What people do afterwards; the same."""
        assert self.parts.cases is not None
        return self.parts.cases


_Do = Callable[[_Asked], Awaitable[Command]]


async def _acknowledge(asked: _Asked) -> Command:
    if asked.alarm["normal"] and one(asked.form, "resets") != "1":
        raise Wrong("resets", "resets")
    return await asked.parts.alarms.acknowledge(asked.occurrence, by=asked.by, reason=reason_in(asked.form))


async def _shelve(asked: _Asked) -> Command:
    minutes = one(asked.form, "minutes")
    if not minutes.isdecimal() or len(minutes) > len("10080"):
        raise Wrong("minutes", "choice")
    if int(minutes) * 60_000 > longest_of(asked.alarm, asked.parts.site):
        raise Wrong("minutes", "late")
    return await asked.holds.shelve(
        asked.occurrence,
        until=None,
        seconds=60.0 * int(minutes),
        once=one(asked.form, "once") == "1",
        by=asked.by,
        reason=reason_in(asked.form, must=True),
    )


async def _unshelve(asked: _Asked) -> Command:
    return await asked.holds.unshelve(asked.occurrence, by=asked.by, reason=reason_in(asked.form))


async def _out_of_service(asked: _Asked) -> Command:
    review_at = day_in(asked.form, "review", asked.parts.site.timezone)
    if review_at <= asked.parts.now():
        raise Wrong("review", "past")
    if review_at - asked.parts.now() > LONGEST_REVIEW:
        raise Wrong("review", "late")
    reason = reason_in(asked.form, must=True)
    return await asked.holds.out_of_service(asked.occurrence, review_at=review_at, by=asked.by, reason=reason)


async def _return(asked: _Asked) -> Command:
    return await asked.holds.return_to_service(asked.occurrence, by=asked.by, reason=reason_in(asked.form))


async def _assign(asked: _Asked) -> Command:
    person = "" if one(asked.form, "nobody") == "1" else one(asked.form, "person")
    if one(asked.form, "nobody") != "1" and person not in asked.parts.site.notify.people:
        raise Wrong("person", "person")
    return await asked.cases.assign(asked.occurrence, person, by=asked.by, reason=reason_in(asked.form))


async def _comment(asked: _Asked) -> Command:
    text = written(asked.form, "text", must=True)
    return await asked.cases.comment(asked.occurrence, text, by=asked.by)


async def _close(asked: _Asked) -> Command:
    cause = one(asked.form, "cause")
    if cause not in CAUSES:
        raise Wrong("cause", "choice")
    return await asked.cases.close(asked.occurrence, cause, by=asked.by, note=written(asked.form, "note"))


async def _reopen(asked: _Asked) -> Command:
    return await asked.cases.reopen(asked.occurrence, by=asked.by, reason=reason_in(asked.form))


_ACTIONS: Final[Mapping[str, tuple[_Do, str]]] = {"acknowledge": (_acknowledge, "acknowledged")}
_HOLDS: Final[Mapping[str, tuple[_Do, str]]] = {
    "shelve": (_shelve, "shelved"),
    "unshelve": (_unshelve, "unshelved"),
    "out-of-service": (_out_of_service, "out"),
    "return": (_return, "returned"),
}
_CASES: Final[Mapping[str, tuple[_Do, str]]] = {
    "assign": (_assign, "assigned"),
    "comment": (_comment, "commented"),
    "close": (_close, "closed"),
    "reopen": (_reopen, "reopened"),
}
"""The last part of a form's address -> what it does, and what the page says afterwards."""


def make_alarm_page(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes of the page and its forms."""

    async def show(request: Request, failed: Failed | None = None) -> Response:
        alarm = await known_alarm(parts, request.path_params["occurrence"])
        return await draw_alarm(request, parts, pages, alarm, failed)

    def route(action: str, do: _Do, done: str) -> Route:
        async def command(wish: Wish) -> Command:
            alarm = await known_alarm(parts, wish.path["occurrence"])
            return await do(_Asked(parts, alarm, wish.form, wish.caller.name))

        def then(request: Request, form: Form) -> tuple[str, str]:
            what = "unassigned" if one(form, "nobody") == "1" else done
            return _BACK.get(one(form, "back"), f"/alarms/{request.path_params['occurrence']}"), what

        return acting(parts, f"/alarms/{{occurrence}}/{action}", action, command, show, then)

    actions = {
        **_ACTIONS,
        **(_HOLDS if parts.holds is not None else {}),
        **(_CASES if parts.cases is not None else {}),
    }
    return [
        Route("/alarms/{occurrence}", show, methods=["GET"]),
        *(route(action, do, done) for action, (do, done) in actions.items()),
    ]
