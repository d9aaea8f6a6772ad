"""The routes by which alarms are acknowledged, and by which people are kept from being told."""

from fastapi import APIRouter, Request

from monitor.alarms.windows import Planned, Wish
from monitor.documents.finding import nearest
from monitor.model import Command
from monitor.ports import Batch
from monitor.web.alarmparts import HoldDesk
from monitor.web.alarmshapes import (
    HeldOut,
    MaintenanceIn,
    MaintenanceOut,
    OutOfServiceIn,
    ReasonIn,
    ShelveIn,
)
from monitor.web.parts import Parts
from monitor.web.peer import who_asks
from monitor.web.problems import NotKnown, problems
from monitor.web.shapes import PREFIX, AcknowledgeIn, AcknowledgeOut

__all__ = ["make_alarm_router"]


def make_alarm_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))
    _add_alarms(router, parts)
    if parts.holds is not None:
        _add_holds(router, parts, parts.holds)
        _add_maintenance(router, parts, parts.holds)
    return router


def _add_alarms(router: APIRouter, parts: Parts) -> None:
    @router.post("/alarms/{occurrence}/acknowledge", status_code=202)
    async def acknowledge(occurrence: str, wish: AcknowledgeIn, request: Request) -> AcknowledgeOut:
        """Acknowledge an occurrence in the name of who asks; kept before this answers."""
        by = who_asks(request)
        await _must_be_known(parts, occurrence)
        command = await parts.alarms.acknowledge(occurrence, by=by, reason=wish.reason)
        await parts.journal.append([Batch(entries=[command])])
        return AcknowledgeOut(command=command.id, occurrence=occurrence, by=command.by)


def _add_holds(router: APIRouter, parts: Parts, desk: HoldDesk) -> None:
    @router.post("/alarms/{target:path}/shelve", status_code=202)
    async def shelve(target: str, wish: ShelveIn, request: Request) -> HeldOut:
        """Tell nobody of an alarm for a while; `target`: its occurrence, or RULE/SOURCE."""
        by = who_asks(request)
        command = await desk.shelve(
            target, until=wish.until, seconds=wish.for_s, once=wish.once, by=by, reason=wish.reason
        )
        return await _keep(parts, command)

    @router.post("/alarms/{target:path}/unshelve", status_code=202)
    async def unshelve(target: str, wish: ReasonIn, request: Request) -> HeldOut:
        """End a shelf: people are told of the alarm if it is still active."""
        return await _keep(parts, await desk.unshelve(target, by=who_asks(request), reason=wish.reason))

    @router.post("/alarms/{target:path}/out-of-service", status_code=202)
    async def out_of_service(target: str, wish: OutOfServiceIn, request: Request) -> HeldOut:
        """Take an alarm out of service: nobody is told of it until somebody returns it."""
        by = who_asks(request)
        command = await desk.out_of_service(target, review_at=wish.review_at, by=by, reason=wish.reason)
        return await _keep(parts, command)

    @router.post("/alarms/{target:path}/return", status_code=202)
    async def return_to_service(target: str, wish: ReasonIn, request: Request) -> HeldOut:
        """Bring an alarm back into service."""
        return await _keep(parts, await desk.return_to_service(target, by=who_asks(request), reason=wish.reason))


def _add_maintenance(router: APIRouter, parts: Parts, desk: HoldDesk) -> None:
    @router.get("/maintenance")
    async def maintenance() -> list[MaintenanceOut]:
        """Answer all maintenance that is planned: what is on first, then by when it begins."""
        return [_window(each) for each in await desk.maintenance()]

    @router.get("/maintenance/{name}")
    async def one(name: str) -> MaintenanceOut:
        """Answer one maintenance, by its id."""
        known = {each.window.id: each for each in await desk.maintenance()}
        if name not in known:
            near = nearest(name, known)
            raise NotKnown(
                f"there is no maintenance {name[:60]}" + (f"; did you mean {near}?" if near else ""),
                "list it with `facility-monitor maintenance list`",
            )
        return _window(known[name])

    @router.post("/maintenance", status_code=202)
    async def add_maintenance(wish: MaintenanceIn, request: Request) -> HeldOut:
        """Plan maintenance: while it is on, nobody is told of the alarms it is about."""
        asked = wish.model_dump(exclude={"for_s", "reason"}) | {"seconds": wish.for_s}
        return await _keep(
            parts, await desk.add_maintenance(Wish(**asked), by=who_asks(request), reason=wish.reason)
        )

    @router.post("/maintenance/{name}/end", status_code=202)
    async def end_maintenance(name: str, wish: ReasonIn, request: Request) -> HeldOut:
        """End maintenance: what the site file plans for this time only, what people planned for good."""
        return await _keep(parts, await desk.end_maintenance(name, by=who_asks(request), reason=wish.reason))


async def _keep(parts: Parts, command: Command) -> HeldOut:
    await parts.journal.append([Batch(entries=[command])])
    return HeldOut(command=command.id, target=command.target, by=command.by)


def _window(planned: Planned) -> MaintenanceOut:
    window = planned.window
    return MaintenanceOut(
        id=window.id,
        name=window.name or window.id,
        on=planned.on,
        changes_at=planned.changes_at,
        starts=window.starts,
        for_s=window.duration / 1000,
        repeat=window.repeat,
        devices=None if window.devices is None else sorted(window.devices),
        rules=list(window.rules),
        reason=window.reason,
        by=window.by,
        from_site=planned.from_site,
        ended_until=planned.ended_until,
    )


async def _must_be_known(parts: Parts, occurrence: str) -> None:
    if await parts.alarms.show(occurrence) is None:
        raise NotKnown(f"no alarm {occurrence}", "list them with `facility-monitor alarms`")
