"""The routes about channels: how each does, and trying one."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from monitor.errors import RequestRefused
from monitor.web.alarmparts import ChannelDesk
from monitor.web.parts import Parts
from monitor.web.peer import who_asks
from monitor.web.problems import NotKnown, problems
from monitor.web.shapes import PREFIX, Body

__all__ = ["make_channel_router"]

_LONGEST_ID = 200


class TimesOut(BaseModel):
    """Seconds within which half of the messages lie, and 19 of 20; null without any."""

    p50: float | None
    p95: float | None


class ChannelOut(BaseModel):
    """One channel of a person. Times are UTC ms, null: never. `failures`: in a row.

    `state`: fine, failing, waiting (its service is left alone) or untried. `refused`: the last attempt was refused
    for good. `circuit`: closed, open or half_open, of the `service`, which is tried again in `waits_s`. `results`
    counts attempts since the start. `latency_s`: from when a message was due to when it was taken; `attempt_s`:
    what the service takes.
    """

    person: str
    channel: str
    state: Literal["fine", "failing", "waiting", "untried"]
    service: str
    circuit: str
    waits_s: float
    last_success: int | None
    last_failure: int | None
    last_error: str
    failures: int
    refused: bool
    tested_at: int | None
    results: dict[str, int]
    latency_s: TimesOut
    attempt_s: TimesOut


class TrialIn(Body):
    """Whose channels are tried: one, or all (empty); `severity`: how urgent the message looks."""

    person: str = Field(max_length=_LONGEST_ID)
    channel: str = Field("", max_length=_LONGEST_ID)
    severity: Literal["low", "medium", "high", "critical"] = "low"


class TrialOut(BaseModel):
    """What became of it: taken, refused (for good), failed, or no_answer (it may have arrived)."""

    channel: str
    result: Literal["taken", "refused", "failed", "no_answer"]
    reason: str
    took_s: float


def make_channel_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))
    if parts.channels is not None:
        _add(router, parts.channels)
    return router


def _add(router: APIRouter, desk: ChannelDesk) -> None:
    @router.get("/channels")
    async def channels() -> list[ChannelOut]:
        """Answer every channel of every person and how it does."""
        return [ChannelOut(**each) for each in await desk.list_channels()]

    @router.post("/channels/test")
    async def test(wish: TrialIn, request: Request) -> list[TrialOut]:
        """Send a test message over a person's channels now, in the name of who asks; answers what became of it."""
        by = who_asks(request)
        try:
            results = await desk.test(wish.person, wish.channel, wish.severity, by=by)
        except RequestRefused as refused:
            raise NotKnown(str(refused), "list them with `facility-monitor notify channels`") from refused
        return [TrialOut(**each) for each in results]
