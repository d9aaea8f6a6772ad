"""The route that finds things by their names."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from monitor.notify.languages import LANGUAGES, words_of
from monitor.web.callers import known_caller
from monitor.web.finding import LONGEST, Finder, Kind
from monitor.web.parts import Parts
from monitor.web.shapes import PREFIX

__all__ = ["make_finding_router"]


class FoundOut(BaseModel):
    """Something that was found. `where`: more of it, may be empty; `page`: its address in the console."""

    kind: Kind
    id: str
    name: str
    where: str
    page: str = Field(examples=["/devices/main-electricity"])


def make_finding_router(parts: Parts) -> APIRouter:
    """Make the route."""
    router = APIRouter(prefix=PREFIX)
    finder = Finder(parts)

    @router.get("/search")
    async def search(
        request: Request, q: Annotated[str, Query(max_length=LONGEST, description="words, all of which must fit")]
    ) -> list[FoundOut]:
        """Answer what has these words: devices, alarms, rules, doors, zones, those who are told; 20 of each."""
        caller = known_caller(request)
        language = caller.language if caller is not None else ""
        words = words_of(language if language in LANGUAGES else parts.site.language)
        found = await finder.find(q, said=words.ugettext)
        return [FoundOut(kind=one.kind, id=one.id, name=one.name, where=one.where, page=one.page) for one in found]

    return router
