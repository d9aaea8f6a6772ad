"""What pages load beside themselves: style sheets, script and icon, kept by browsers until they change."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

__all__ = ["make_static", "version_of"]

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    "console.css": "text/css; charset=utf-8",
    "labels.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "console.js": "text/javascript; charset=utf-8",
}
"""Every file there is; nothing else of the folder is served."""


def make_static() -> Sequence[BaseRoute]:
    """Make the route."""
    return [Route("/static/{name}", _answer, methods=["GET"])]


@cache
def _bytes(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


@cache
def version_of(name: str) -> str:
    """What changes when a file does: it is part of the address under which pages load it."""
    return sha256(_bytes(name)).hexdigest()[:12]


async def _answer(request: Request) -> Response:
    name = str(request.path_params["name"])
    if name not in _TYPES:
        raise HTTPException(404, "there is no such file")
    is_asked_by_version = request.query_params.get("v") == version_of(name)
    keep = "public, max-age=31536000, immutable" if is_asked_by_version else "no-cache"
    return Response(_bytes(name), media_type=_TYPES[name], headers={"cache-control": keep})
