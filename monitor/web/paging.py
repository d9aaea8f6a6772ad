"""Lists in pages: what a page begins behind, as text that says nothing to clients, and where the next one is.

The answer stays a list. The next page is named in the header `Link` (RFC 8288) as a reference to the same route.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import HTTPException, Query, Request
from fastapi.responses import Response

__all__ = ["MOST", "PAGE", "Cursor", "Limit", "answered", "dumped", "link", "opened", "sealed"]

PAGE: Final = 100
"""Rows of a page where nothing is said."""
MOST: Final = 1000

Limit = Annotated[int | None, Query(ge=1, le=MOST, description=f"how many at most; {PAGE} without it")]
Cursor = Annotated[
    str,
    Query(
        max_length=400,
        description="the page behind: taken from the `Link` of the last one",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"},
    ),
]
_LARGEST: Final = 1 << 63
_SIGN: Final = 255


def sealed(*place: int | str) -> str:
    """What a page begins behind, as the text of a cursor."""
    return base64.urlsafe_b64encode(json.dumps(place, ensure_ascii=False).encode()).decode().rstrip("=")


def opened(cursor: str, *kinds: type[int] | type[str]) -> Sequence[Any] | None:
    """What a cursor says, which is of these kinds; None for none. It may come from anybody: raises 422."""
    if not cursor:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _not_ours() from error
    if not isinstance(place, list) or [type(each) for each in place] != list(kinds):
        raise _not_ours()
    for each in place:
        is_wrong = abs(each) >= _LARGEST if isinstance(each, int) else len(each) > _SIGN or not each.isprintable()
        if is_wrong:
            raise _not_ours()
    return place


def _not_ours() -> HTTPException:
    return HTTPException(422, "query.cursor: this is no cursor of this list; begin without one")


def link(request: Request, cursor: str) -> dict[str, str]:
    """The header that names the next page: the same question with another cursor; none when there is no next."""
    if not cursor:
        return {}
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return {
        "link": f'<{request.url.path.rpartition("/")[2]}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'
    }


def dumped(told: object) -> bytes:
    """Something as JSON: rows, or one of them."""
    import orjson

    return orjson.dumps(told)


def answered(request: Request, told: object, cursor: str = "") -> Response:
    """Answer what is ready for JSON: a page of rows, or one of them."""
    return Response(dumped(told), media_type="application/json", headers=link(request, cursor))
