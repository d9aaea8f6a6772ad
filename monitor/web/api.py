"""The API and the console of the daemon, made from its parts: one app, for its socket and for browsers."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.web.accessroutes import make_access_router
from monitor.web.alarmlists import make_alarm_lists
from monitor.web.alarmroutes import make_alarm_router
from monitor.web.backfillroutes import make_backfill_router
from monitor.web.busroutes import make_bus_router
from monitor.web.caseroutes import make_case_router
from monitor.web.channelroutes import make_channel_router
from monitor.web.console.routes import make_console
from monitor.web.document import App
from monitor.web.dutyroutes import make_duty_router
from monitor.web.equipmentroutes import make_equipment_router
from monitor.web.eventroutes import make_event_router
from monitor.web.explainroutes import make_explain_router
from monitor.web.findingroutes import make_finding_router
from monitor.web.healthroutes import make_health_routes
from monitor.web.historyroutes import make_history_router
from monitor.web.labelroutes import make_label_router
from monitor.web.live import LiveState
from monitor.web.liveroutes import make_live_router
from monitor.web.meterroutes import make_meter_router
from monitor.web.parts import Parts
from monitor.web.performanceroutes import make_performance_router
from monitor.web.permits import guard
from monitor.web.problems import answer_problems
from monitor.web.reportroutes import make_report_router
from monitor.web.residentroutes import make_resident_router
from monitor.web.routes import make_router
from monitor.web.seats import Seats
from monitor.web.shapes import PREFIX
from monitor.web.sinkroutes import make_sink_router
from monitor.web.trail import Trail
from monitor.web.userroutes import make_user_router

__all__ = ["make_api"]

_LARGEST = 64 * 1024


def make_api(parts: Parts, live: LiveState) -> App:
    """Make the app. `live` is run by the caller beside it."""
    seats = Seats()
    routers = (
        make_performance_router(parts),  # before an alarm of that name
        make_router(parts, live, seats),
        make_sink_router(parts),
        make_backfill_router(parts),
        make_bus_router(parts),
        make_alarm_lists(parts),
        make_alarm_router(parts),
        make_channel_router(parts),
        make_duty_router(parts),
        make_explain_router(parts),
        make_case_router(parts),
        make_report_router(parts),
        make_meter_router(parts),
        make_access_router(parts),
        make_equipment_router(parts),
        make_history_router(parts),
        make_live_router(parts, live, seats),
        make_event_router(parts, live),
        make_finding_router(parts),
        make_user_router(parts),
        make_label_router(parts),
        make_resident_router(parts),
    )
    pages, console = make_console(parts, live)
    app = App(
        title="facility-monitor",
        version=parts.version,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        routes=[
            *(route for router in routers for route in router.routes),  # included, each would be made twice
            *make_health_routes(parts),
            *console,
        ],
    )
    app.state.pages = pages
    guard(app.routes)
    app.add_middleware(_Bounded)
    if parts.accounts is not None:
        app.add_middleware(Trail, audit=parts.accounts.audit)
    answer_problems(app)
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
