"""What supervisors of processes ask, at the root: whether it lives, whether it works, and its metrics."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.web.parts import Parts

__all__ = ["make_health_routes", "why_not_ready"]

_LATE_S: Final = 60.0
_FRESH: Final = {"cache-control": "no-store"}


def why_not_ready(parts: Parts) -> list[str]:
    """Why the daemon does not do its work, in fixed words that tell nobody anything else; empty when it does."""
    journal, judging = parts.journal.stats(), parts.judging()
    reasons = []
    if journal.get("failing") or not journal.get("alive", True):
        reasons.append("the journal takes nothing")
    elif float(journal.get("waiting_s", 0)) > _LATE_S:
        reasons.append("the journal is slow")
    if float(str(judging.get("lag_s", 0))) > _LATE_S:
        reasons.append("the rules are behind")
    return reasons


def make_health_routes(parts: Parts) -> Sequence[BaseRoute]:
    """Make the routes."""

    async def lives(_: Request) -> Response:
        return PlainTextResponse("it lives\n", headers=_FRESH)

    async def works(_: Request) -> Response:
        reasons = why_not_ready(parts)
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200, _FRESH)

    async def metrics(_: Request) -> Response:
        exposition, content_type = await asyncio.to_thread(_loaded)
        return Response(await exposition(parts), media_type=content_type)

    return [
        Route("/healthz", lives, methods=["GET"]),
        Route("/readyz", works, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _loaded() -> tuple[Any, str]:
    """In a thread: the library is loaded when somebody asks for the first time."""
    from monitor.web.metrics import CONTENT_TYPE, exposition

    return exposition, CONTENT_TYPE
