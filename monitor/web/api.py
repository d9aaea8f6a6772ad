"""The API and the console of the daemon, made from its parts: one app, for its socket and for browsers."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.errors import JournalError, RequestRefused, SettingsError
from monitor.web.accessroutes import make_access_router
from monitor.web.alarmroutes import make_alarm_router
from monitor.web.backfillroutes import make_backfill_router
from monitor.web.busroutes import make_bus_router
from monitor.web.callers import NotAllowed, NotSignedIn
from monitor.web.caseroutes import make_case_router
from monitor.web.channelroutes import make_channel_router
from monitor.web.console.page import is_console, say, sign_in_first
from monitor.web.console.routes import make_console
from monitor.web.dutyroutes import make_duty_router
from monitor.web.equipmentroutes import make_equipment_router
from monitor.web.labelroutes import make_label_router
from monitor.web.live import LiveState
from monitor.web.meterroutes import make_meter_router
from monitor.web.parts import Parts
from monitor.web.performanceroutes import make_performance_router
from monitor.web.permits import guard
from monitor.web.reportroutes import make_report_router
from monitor.web.routes import NotDone, NotKnown, make_router
from monitor.web.shapes import PREFIX
from monitor.web.sinkroutes import make_sink_router

__all__ = ["make_api"]

_LARGEST = 64 * 1024
_WAY_OUT = f"see {PREFIX}/openapi.json for what can be asked"


def make_api(parts: Parts, live: LiveState) -> FastAPI:
    """Make the app. `live` is run by the caller beside it."""
    routers = (
        make_performance_router(parts),  # before an alarm of that name
        make_router(parts, live),
        make_sink_router(parts),
        make_backfill_router(parts),
        make_bus_router(parts),
        make_alarm_router(parts),
        make_channel_router(parts),
        make_duty_router(parts),
        make_case_router(parts),
        make_report_router(parts),
        make_meter_router(parts),
        make_access_router(parts),
        make_equipment_router(parts),
        make_label_router(parts),
    )
    pages, console = make_console(parts, live)
    app = FastAPI(
        title="facility-monitor",
        version=parts.version,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        routes=[
            *(route for router in routers for route in router.routes),  # included, each would be made twice
            *console,
        ],
    )
    app.state.pages = pages
    guard(app.routes)
    app.add_middleware(_Bounded)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(NotSignedIn, _of_stranger)
    app.add_exception_handler(NotAllowed, _of_forbidden)
    app.add_exception_handler(RequestRefused, _of_refusal)
    app.add_exception_handler(JournalError, _of_journal)
    app.add_exception_handler(SettingsError, _of_settings)
    app.add_exception_handler(Exception, _of_mistake)
    return app


class _Bounded:
    """Refuses bodies above 64 KiB, whatever their headers claim."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what is received."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > _LARGEST:
                raise HTTPException(413, "the body is larger than 64 KiB")
            return message

        await self._app(scope, counted, send)


def _refuse(status: int, error: str, what_to_do: str) -> JSONResponse:
    return JSONResponse({"error": error, "what_to_do": what_to_do}, status)


async def _of_stranger(request: Request, _: Exception) -> Response:
    if is_console(request):
        return sign_in_first(request)
    refusal = _refuse(401, "it is not known who asks", "use the daemon's socket, or a token of the API")
    refusal.headers["www-authenticate"] = "Bearer"
    return refusal


async def _of_forbidden(request: Request, error: Exception) -> Response:
    if is_console(request):
        return say(request, 403, str(error))
    return _refuse(403, str(error), "ask an administrator")


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if is_console(request):
        return say(request, error.status_code, str(error.detail))
    return _refuse(error.status_code, str(error.detail), _WAY_OUT)


async def _of_validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _refuse(422, f"{where}: {first['msg']}", _WAY_OUT)


async def _of_refusal(request: Request, error: Exception) -> Response:
    if is_console(request):
        return say(request, 404 if isinstance(error, NotKnown) else 409, str(error))
    if isinstance(error, NotKnown):
        return _refuse(404, str(error), error.what_to_do)
    if isinstance(error, NotDone):
        return _refuse(409, str(error), error.what_to_do)
    return _refuse(409, str(error), "nothing was changed; put that right and ask again")


async def _of_journal(request: Request, error: Exception) -> Response:
    if is_console(request):
        return say(request, 503, str(error))
    return _refuse(503, str(error), "look at the disk: free space, permissions, read-only; then try again")


async def _of_settings(_: Request, error: Exception) -> JSONResponse:
    return _refuse(422, str(error), "correct the site file; the settings that run are the old ones")


async def _of_mistake(_: Request, error: Exception) -> JSONResponse:
    return _refuse(500, f"a mistake in the program: {type(error).__name__}", "look at the daemon's log")
