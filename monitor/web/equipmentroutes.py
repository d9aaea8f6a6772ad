"""The routes about equipment, services, batteries and the supply."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, Request

from monitor.errors import RequestRefused
from monitor.periods import DAY, local_day
from monitor.ports import Batch
from monitor.upkeepbook import EquipmentDay, EquipmentNow, ServiceDue, UpkeepBook
from monitor.web.equipmentshapes import (
    BatteryOut,
    EquipmentDayOut,
    EquipmentDetailOut,
    EquipmentOut,
    GroupOut,
    ServiceDoneOut,
    ServicedOut,
    ServiceDueOut,
    ServiceIn,
    SupplyOut,
)
from monitor.web.parts import Parts, UpkeepDesk
from monitor.web.peer import who_asks
from monitor.web.problems import NotDone, NotKnown, problems
from monitor.web.shapes import PREFIX

__all__ = ["make_equipment_router"]

_DAYS: Final = 14
_DONE_OF: Final = 3 * 366 * DAY
_SPANS_OF: Final = 30 * DAY


def make_equipment_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))
    desk = parts.equipment
    if desk is not None:
        _add_lists(router, parts, desk.book)
        _add_one(router, parts, desk)
    return router


def _add_lists(router: APIRouter, parts: Parts, book: UpkeepBook) -> None:
    @router.get("/equipment")
    async def equipment() -> list[EquipmentOut]:
        """Answer every pump, lift and light as it is."""
        due = _due(book)
        return [EquipmentOut(**_facts(parts, each, due)) for each in book.equipment()]

    @router.get("/equipment/groups")
    async def groups() -> list[GroupOut]:
        """Answer every group: who runs, who could, and whether there is a reserve."""
        known = parts.site.groups
        return [
            GroupOut(
                **{name: value for name, value in _plain(each).items() if name in GroupOut.model_fields},
                name=known[each.group].name,
                members=list(known[each.group].members),
            )
            for each in book.groups()
        ]

    @router.get("/equipment/services")
    async def services() -> list[ServiceDueOut]:
        """Answer all work, what is due first before the rest."""
        return [ServiceDueOut(**asdict(each)) for each in book.services()]

    @router.get("/equipment/batteries")
    async def batteries() -> list[BatteryOut]:
        """Answer every battery that says how full it is, the emptiest first."""
        answer = []
        for each in book.batteries():
            device = parts.site.devices.get(each.device)
            told = _plain(each) | {"empty": None if each.empty is None else each.empty.isoformat()}
            answer.append(BatteryOut(**told, name=each.device if device is None else device.name))
        return answer

    @router.get("/supply")
    async def supply() -> list[SupplyOut]:
        """Answer whether each building has electricity, water and gas, and how that was in the last 30 days."""
        now = parts.now()
        spans = await book.supply_spans(now - _SPANS_OF, now + 1)  # what lasts at the end of that has no end
        return [
            SupplyOut(
                **_plain(each),
                spans=[
                    {"state": one.state, "start": one.start, "end": one.end, "lost": list(one.lost)}
                    for one in spans
                    if (one.building, one.utility) == (each.building, each.utility)
                ],
            )
            for each in book.supply()
        ]


def _add_one(router: APIRouter, parts: Parts, desk: UpkeepDesk) -> None:
    @router.get("/equipment/{device}")
    async def one(device: str) -> EquipmentDetailOut:
        """Answer one pump, lift or light: its last days, its services, the work that was done."""
        book = desk.book
        known = _known(parts, book, device)
        today = local_day(parts.now(), parts.site.timezone)
        days = await book.days([device], today - timedelta(days=_DAYS - 1), today)
        done = await book.done(parts.now() - _DONE_OF, parts.now() + 1)
        return EquipmentDetailOut(
            **_facts(parts, known, _due(book)),
            days=[_day(each) for each in days],
            services=[ServiceDueOut(**asdict(each)) for each in book.services() if each.device == device],
            done=[ServiceDoneOut(**asdict(each)) for each in done if each.device == device],
        )

    @router.post("/equipment/{device}/service", status_code=202)
    async def service(device: str, wish: ServiceIn, request: Request) -> ServicedOut:
        """Say that work was done; kept before this answers."""
        by = who_asks(request)
        _known(parts, desk.book, device)
        try:
            command = await desk.service(device, wish.service, at=wish.at, by=by, hours=wish.hours, note=wish.note)
        except RequestRefused as refused:
            look = f"look at it with `facility-monitor equipment show {device}`"
            raise NotDone(str(refused), look) from refused
        await parts.journal.append([Batch(entries=[command])])
        return ServicedOut(
            command=command.id,
            device=command.target,
            service=str(command.arguments["service"]),
            at=int(command.arguments["at"]),
            by=command.by,
        )


def _known(parts: Parts, book: UpkeepBook, device: str) -> EquipmentNow:
    for each in book.equipment():
        if each.device == device:
            return each
    message = f"no device {device}" if device not in parts.site.devices else f"{device} is no equipment"
    raise NotKnown(message, "list it with `facility-monitor equipment`")


def _due(book: UpkeepBook) -> Mapping[str, ServiceDue]:
    """The work of each device that is due first: they come in that order."""
    return {each.device: each for each in reversed(book.services())}


def _facts(parts: Parts, now: EquipmentNow, due: Mapping[str, ServiceDue]) -> dict[str, Any]:
    device = parts.site.devices[now.device]
    group = next((each.id for each in parts.site.groups.values() if now.device in each.members), "")
    return asdict(now) | {
        "name": device.name,
        "type": parts.site.equipment[now.device].type if now.device in parts.site.equipment else "",
        "building": device.building,
        "zone": device.zone,
        "group": group,
        "health": parts.health().get(now.device, ""),
        "service": due[now.device].state if now.device in due else "",
    }


def _day(day: EquipmentDay) -> EquipmentDayOut:
    told = {name: value for name, value in asdict(day).items() if name in EquipmentDayOut.model_fields}
    return EquipmentDayOut(**told | {"day": day.day.isoformat()})


def _plain(one: Any) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(one).items()}
