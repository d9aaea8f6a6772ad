"""The routes about doors and people: how doors are, who is in, what happened, and forgetting somebody."""

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from monitor.access.erasing import audit
from monitor.accessbook import AccessEntry, Name, ZoneNow
from monitor.credentials import FORMS
from monitor.doorways import doors_of
from monitor.errors import RequestRefused
from monitor.periods import local_day
from monitor.ports import Batch
from monitor.web.accessshapes import (
    DoorOut,
    EntryOut,
    ErasedOut,
    EraseIn,
    ErasureOut,
    FoundOut,
    NameIn,
    NameOut,
    NamesIn,
    PersonIn,
    PersonOut,
    PresentOut,
    RollCallOut,
    ZoneOut,
)
from monitor.web.asked import period_of
from monitor.web.callers import NotAllowed, caller_of
from monitor.web.exportshapes import ExportOut
from monitor.web.parts import AccessDesk, Parts
from monitor.web.peer import who_asks
from monitor.web.permits import PEOPLE
from monitor.web.problems import NotDone, NotKnown, problems
from monitor.web.shapes import PERIOD, PREFIX

__all__ = ["make_access_router"]

_MANY: Final = 1000
_MOST: Final = 10_000
_EVER: Final = 1 << 62
_SETTING: Final = "set `access: {names: !secret NAME}` in the site file; see docs/privacy.md"
_WITH_NAMES = Annotated[bool, Query(description="who it was, by the directory; noted in the journal")]
_Words = Annotated[list[str], Query(max_length=100)]


def make_access_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=f"{PREFIX}/access", responses=problems(404, 409, 422, 503))
    desk = parts.access
    if desk is not None:
        people = _People(parts, desk)
        _add_places(router, parts, people)
        _add_events(router, parts, people)
        _add_names(router, people)
        _add_person(router, people)
    return router


class _People:
    """Who is who, and a note in the journal of whoever was told: the note never says of whom."""

    def __init__(self, parts: Parts, desk: AccessDesk) -> None:
        self._parts = parts
        self.desk = desk

    async def names(self, request: Request, what: str) -> Mapping[str, Name]:
        """The directory, for somebody who asked for `what`."""
        found = await self.directory()
        await self.note(request, "names_read", {"what": what})
        return found

    async def directory(self) -> Mapping[str, Name]:
        """The directory; refused where there is none."""
        found = await self.desk.names()
        if found is None:
            raise NotDone("this site has no directory of names", _SETTING)
        return found

    async def note(self, request: Request, kind: str, arguments: Mapping[str, str], reason: str = "") -> None:
        """Keep in the journal who did what."""
        command = audit(kind, who_asks(request), reason, self._parts.now(), **arguments)
        await self._parts.journal.append([Batch(entries=[command])])

    async def person(self, wish: PersonIn) -> str:
        """The pseudonym of whoever is meant."""
        if wish.pseudonym:
            return wish.pseudonym
        if wish.credential.strip():
            return self.desk.pseudonym(wish.credential, wish.form)
        found = [each for each, one in (await self.directory()).items() if one.name == wish.name.strip()]
        if len(found) != 1:
            raise NotKnown(
                f"{len(found) or 'nobody'} in the directory with that name", "say the card or the pseudonym"
            )
        return found[0]

    async def is_kept(self, pseudonym: str) -> bool:
        """Whether anything happened with a card that is still known."""
        return bool(await self.desk.book.entries(0, _EVER, credential=pseudonym, limit=1))

    async def other_forms(self, wish: PersonIn, names: Mapping[str, Name]) -> list[str]:
        """The forms in which the number that was asked for is known, where it is not in the one that was said."""
        found = []
        for form in FORMS if wish.credential.strip() else ():
            pseudonym = self.desk.pseudonym(wish.credential, form)
            if form != wish.form and (pseudonym in names or await self.is_kept(pseudonym)):
                found.append(form)
        return found


def _add_places(router: APIRouter, parts: Parts, people: _People) -> None:
    @router.get("/doors")
    async def doors() -> list[DoorOut]:
        """Answer every door as it is, with what happened today."""
        return await _doors(parts, people.desk)

    @router.get("/zones")
    async def zones() -> list[ZoneOut]:
        """Answer how many people are in each zone."""
        return _zones(parts, people.desk.book.zones())

    @router.get("/rollcall")
    async def roll_call(request: Request, zone: str = "", *, names: _WITH_NAMES = False) -> RollCallOut:
        """Answer who is in, for an evacuation: everybody, or those in a zone and the zones within it."""
        known = parts.site.access.zones
        if zone and zone not in known:
            raise NotKnown(f"no zone {zone}", "list them with `facility-monitor access zones`")
        if names and not caller_of(request).sees_people:
            raise NotAllowed(PEOPLE.needs)
        directory = await people.names(request, "rollcall") if names else {}
        wanted = [each for each in known if not zone or zone in _around(parts, each)]
        present = [each for each in await people.desk.book.present() if each.zone in wanted]
        now = {each.zone: each for each in people.desk.book.zones()}
        return RollCallOut(
            site=parts.site.id,
            site_name=parts.site.name,
            timezone=parts.site.timezone.key,
            language=parts.site.language,
            time=parts.now(),
            zones=_zones(parts, [now[each] for each in wanted if each in now]),
            present=[
                PresentOut(
                    credential=each.credential,
                    name=_name(directory, each.credential),
                    zone=each.zone,
                    since=each.since,
                    reader=each.reader,
                )
                for each in present
            ],
            others={each: _others(parts, now, each) for each in wanted if each in now},
            has_names=names,
        )


def _around(parts: Parts, zone: str) -> list[str]:
    """A zone and those that it lies in."""
    found, zones = [], parts.site.access.zones
    while zone in zones and zone not in found:
        found.append(zone)
        zone = zones[zone].within
    return found


def _others(parts: Parts, now: Mapping[str, ZoneNow], zone: str) -> int:
    """How many nameless people are in a zone itself, those in the zones within it left out."""
    inner = [now[each.id] for each in parts.site.access.zones.values() if each.within == zone and each.id in now]
    return (now[zone].count - now[zone].known) - sum(each.count - each.known for each in inner)


def _name(directory: Mapping[str, Name], credential: str) -> str:
    return directory[credential].name if credential in directory else ""


async def _doors(parts: Parts, desk: AccessDesk) -> list[DoorOut]:
    site, today = parts.site, local_day(parts.now(), parts.site.timezone)
    members = doors_of(site.devices)
    days = {each.door: each for each in await desk.book.door_days(today, today)}
    answer = []
    for now in desk.book.doors():
        device = site.devices.get(now.door)
        day = days.get(now.door)
        answer.append(
            DoorOut(
                door=now.door,
                name=now.door if device is None else device.name,
                building="" if device is None else device.building,
                zone="" if device is None else device.zone,
                state=now.state,
                since=now.since,
                is_open=now.is_open,
                is_locked=now.is_locked,
                cause=now.cause,
                held_after=site.access.door(now.door).held_after,
                devices=[each.id for each in members.get(now.door, ())],
                today=None if day is None else _figures(day),
            )
        )
    return answer


def _figures(day: Any) -> dict[str, Any]:
    return {name: getattr(day, name) for name in day.__slots__ if name not in {"door", "day"}}


def _zones(parts: Parts, found: Sequence[ZoneNow]) -> list[ZoneOut]:
    zones, zone, now = parts.site.access.zones, parts.site.timezone, parts.now()
    answer = []
    for each in found:
        told = zones[each.zone]
        answer.append(
            ZoneOut(
                zone=told.id,
                name=told.name,
                within=told.within,
                doors=list(told.doors),
                count=each.count,
                known=each.known,
                since=each.since,
                most=told.most,
                is_open=None if told.hours is None else told.hours.is_on(now, zone),
            )
        )
    return answer


def _add_events(router: APIRouter, parts: Parts, people: _People) -> None:
    @router.get("/events")
    async def events(  # noqa: PLR0913 - one for each way to choose
        request: Request,
        period: Annotated[str, Query(max_length=50, json_schema_extra=PERIOD)] = "today",
        door: _Words = [],  # noqa: B006 - FastAPI copies it
        kind: _Words = [],  # noqa: B006 - likewise
        *,
        last: Annotated[int, Query(ge=1, le=_MOST)] = _MANY,
        names: _WITH_NAMES = False,
    ) -> list[EntryOut]:
        """Answer what happened at doors and readers in a period of the site's zone, newest last."""
        span = period_of(parts, period)
        directory = await people.names(request, "events") if names else {}
        devices = _devices(parts, door)
        found = await people.desk.book.entries(span.start, span.end, devices=devices, kinds=kind, limit=last)
        return [_entry(each, directory) for each in found]


def _devices(parts: Parts, doors: Sequence[str]) -> list[str]:
    known = doors_of(parts.site.devices)
    if strange := [each for each in doors if each not in known]:
        raise NotKnown(f"no door {strange[0]}", "list them with `facility-monitor access doors`")
    return [device.id for door in doors for device in known[door]]


def _entry(entry: AccessEntry, directory: Mapping[str, Name]) -> EntryOut:
    told = {name: getattr(entry, name) for name in entry.__slots__ if name != "attributes"}
    return EntryOut(**told, name=_name(directory, entry.credential), attributes=dict(entry.attributes))


def _add_names(router: APIRouter, people: _People) -> None:
    @router.get("/names")
    async def names(request: Request) -> list[NameOut]:
        """Answer the directory; that it was asked for is noted."""
        found = await people.names(request, "directory")
        rows = [NameOut(pseudonym=each, name=one.name, note=one.note) for each, one in found.items()]
        return sorted(rows, key=lambda row: (row.name.casefold(), row.pseudonym))

    @router.post("/names")
    async def put(wish: NameIn, request: Request) -> PersonOut:
        """Add a name, or change it."""
        await people.directory()
        pseudonym = await people.person(wish)
        with _advised("say whose card it is and the name: `facility-monitor access names add NAME`"):
            await people.desk.put_name(pseudonym, wish.put.strip(), wish.note)
        await people.note(request, "names_written", {"count": "1"})
        return PersonOut(pseudonym=pseudonym, name=wish.put.strip())

    @router.post("/names/import")
    async def take(wish: NamesIn, request: Request) -> dict[str, int]:
        """Add many names: all of them or, with one mistake in the list, none."""
        await people.directory()
        with _advised("correct the list and give it to `facility-monitor access names import` again"):
            count = await people.desk.import_names(wish.csv)
        await people.note(request, "names_written", {"count": str(count)})
        return {"names": count}

    @router.post("/names/remove")
    async def remove(wish: PersonIn, request: Request) -> PersonOut:
        """Take a name out of the directory; what is kept of doors stays."""
        await people.directory()
        pseudonym = await people.person(wish)
        if not await people.desk.remove_name(pseudonym):
            raise NotKnown(
                "the directory does not have that person", "list it with `facility-monitor access names`"
            )
        await people.note(request, "names_written", {"count": "1"})
        return PersonOut(pseudonym=pseudonym, name="")


@contextlib.contextmanager
def _advised(what_to_do: str) -> Iterator[None]:
    """A refusal of what is done within is told with this advice."""
    try:
        yield
    except RequestRefused as refused:
        raise NotDone(str(refused), what_to_do) from refused


def _add_person(router: APIRouter, people: _People) -> None:
    @router.post("/find")
    async def find(wish: PersonIn, request: Request) -> FoundOut:
        """Answer the pseudonym of a card, whether anything is known of it, and whose it is by the directory."""
        pseudonym = await people.person(wish)
        await people.note(request, "names_read", {"what": "find"})
        names = await people.desk.names() or {}
        is_known = pseudonym in names or await people.is_kept(pseudonym)
        return FoundOut(
            pseudonym=pseudonym,
            name=_name(names, pseudonym),
            is_known=is_known,
            other_forms=[] if is_known else await people.other_forms(wish, names),
        )

    @router.post("/export", response_model=ExportOut)
    async def export(wish: PersonIn, request: Request) -> Response:
        """Answer everything that is kept of a person."""
        found = await people.desk.export(await people.person(wish))
        await people.note(request, "access_export", {})
        body = await asyncio.to_thread(json.dumps, found)  # as it is: nothing of it may be left out
        return Response(body, media_type="application/json")

    @router.post("/erase", status_code=202)
    async def erase(wish: EraseIn, request: Request) -> ErasedOut:
        """Begin to forget a person; `GET /access/erasures` tells how far that is."""
        by = who_asks(request)
        person = await people.person(wish)
        with _advised("say why with `facility-monitor access erase --reason`, and do not name the person in it"):
            number = await people.desk.erase(person, by=by, reason=wish.reason)
        await people.note(request, "access_erase", {"erasure": number}, wish.reason)
        return ErasedOut(id=number)

    @router.get("/erasures")
    async def erasures() -> list[ErasureOut]:
        """Answer all erasures, newest first."""
        return [ErasureOut(**each) for each in await people.desk.erasures()]
