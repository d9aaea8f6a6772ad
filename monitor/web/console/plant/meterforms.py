"""What people say of meters: another one hangs there, so much was really used, it showed this."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.errors import RequestRefused
from monitor.model import Command, Reading
from monitor.ports import Batch
from monitor.schema import point_unit
from monitor.site import Device
from monitor.web.callers import caller_of
from monitor.web.console.forms import form_of, keep
from monitor.web.console.page import Pages, address
from monitor.web.console.plant.fields import moment, number, said
from monitor.web.console.plant.meters import Meters, known_meter
from monitor.web.parts import Parts

__all__ = ["make_meter_forms"]

_NUMBERS: Final[Mapping[str, Sequence[str]]] = {
    "replace": ("final", "start"),
    "correct": ("amount",),
    "enter": ("register",),
}
_TIMES: Final[Mapping[str, Sequence[str]]] = {"replace": ("at",), "correct": ("from", "to"), "enter": ("at",)}
_TEXTS: Final = ("point", "serial", "reason")
_NEEDED: Final = frozenset({"final", "start", "amount", "register", "from", "to"})
_DONE: Final[Mapping[str, str]] = {"replace": "replaced", "correct": "corrected", "enter": "entered"}


@dataclass(frozen=True, slots=True)
class _Told:
    """What was typed, as it was and as what it means; `errors` by field."""

    typed: Mapping[str, str]
    meant: Mapping[str, Any]
    errors: Mapping[str, str]


def make_meter_forms(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""
    show = Meters(parts, pages).show

    def made(what: str) -> Callable[[Request], Awaitable[Response]]:
        async def tell(request: Request) -> Response:
            device = known_meter(parts, pages, request)
            form = await form_of(request)
            told = _told(what, form, parts, pages.words(request))
            if told.errors:
                return await show(request, device, status=422, asked=what, typed=told.typed, errors=told.errors)
            try:
                command, reading = await _MAKERS[what](parts, device, told.meant, caller_of(request).name)
            except RequestRefused as refused:
                return await show(
                    request,
                    device,
                    status=422,
                    asked=what,
                    typed=told.typed,
                    errors={"": refused.said(pages.words(request))},
                )
            if said(form, "sure") != "yes":
                return await show(request, device, asked=what, typed=told.typed, booked=_booked(command))
            await _keep(parts, command, reading)
            return RedirectResponse(address(request, f"/meters/{device.id}", done=_DONE[what]), 303)

        return tell

    return [Route(f"/meters/{{device}}/{what}", made(what), methods=["POST"]) for what in _NUMBERS]


def _told(what: str, form: Mapping[str, Sequence[str]], parts: Parts, say: Callable[[str], str]) -> _Told:
    """Read a form; each field that makes no sense is named."""
    names = (*_NUMBERS[what], *_TIMES[what], *_TEXTS)
    typed = {name: said(form, name) for name in names}
    meant: dict[str, Any] = {name: typed[name] for name in _TEXTS}
    errors: dict[str, str] = {}
    for name in (*_NUMBERS[what], *_TIMES[what]):
        is_number = name in _NUMBERS[what]
        meant[name] = number(typed[name]) if is_number else moment(typed[name], parts.site.timezone)
        if not typed[name] and name in _NEEDED:
            errors[name] = say("This is needed.")
        elif typed[name] and meant[name] is None:
            errors[name] = say("This is no number.") if is_number else say("This is no date with a time.")
    return _Told(typed, meant, errors)


async def _replace(
    parts: Parts, device: Device, meant: Mapping[str, Any], by: str
) -> tuple[Command, Reading | None]:
    return await parts.meters.replace(
        device.id,
        meant["point"],
        at=meant["at"],
        final=meant["final"],
        start=meant["start"],
        serial=meant["serial"],
        by=by,
        reason=meant["reason"],
    )


async def _correct(
    parts: Parts, device: Device, meant: Mapping[str, Any], by: str
) -> tuple[Command, Reading | None]:
    command = await parts.meters.correct(
        device.id,
        meant["point"],
        start=meant["from"],
        end=meant["to"],
        amount=meant["amount"],
        by=by,
        reason=meant["reason"],
    )
    return command, None


async def _enter(
    parts: Parts, device: Device, meant: Mapping[str, Any], by: str
) -> tuple[Command, Reading | None]:
    return await parts.meters.enter(
        device.id, meant["point"], register=meant["register"], at=meant["at"], by=by, reason=meant["reason"]
    )


_MAKERS: Final[Mapping[str, Callable[..., Awaitable[tuple[Command, Reading | None]]]]] = {
    "replace": _replace,
    "correct": _correct,
    "enter": _enter,
}


def _booked(command: Command) -> Mapping[str, Any]:
    """What a command would book, as the desk took it."""
    point = str(command.arguments["point"])
    return {**command.arguments, "kind": command.kind, "unit": point_unit(point) or "", "reason": command.reason}


async def _keep(parts: Parts, command: Command, reading: Reading | None) -> None:
    """All of it or nothing."""
    if reading is None:
        await keep(parts, command)
    else:
        await parts.journal.append([Batch(entries=[command, reading])])
