"""Routes of the API about labels to print."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from monitor.web.labels import labels_of
from monitor.web.parts import Parts
from monitor.web.problems import problems
from monitor.web.shapes import PREFIX

__all__ = ["LabelOut", "make_label_router"]


class LabelOut(BaseModel):
    """A label: the address in its code and what stands below; `said` is what to do with it, by language."""

    id: str
    kind: Literal["place", "device"]
    name: str
    where: str
    address: str
    said: dict[str, str]


def make_label_router(parts: Parts) -> APIRouter:
    """Make the router."""
    router = APIRouter(prefix=PREFIX)

    @router.get("/labels", responses=problems(409))
    async def labels(
        kind: Literal["places", "devices"],
        building: Annotated[str, Query(max_length=200)] = "",
        device_class: Annotated[str, Query(alias="class", max_length=40)] = "",
    ) -> list[LabelOut]:
        """Answer the labels of places where residents report, or of devices."""
        found = labels_of(parts.site, parts.residents, kind, building=building, device_class=device_class)
        return [LabelOut(**label.as_json()) for label in found]

    return router
