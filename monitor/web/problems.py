"""What is said of requests that were not fulfilled: problem details (RFC 9457) to programs, a page to people."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from monitor.errors import JournalError, RequestRefused, SettingsError
from monitor.web.callers import NotAllowed, NotSignedIn
from monitor.web.console.page import is_console, say, sign_in_first
from monitor.web.shapes import PREFIX
from monitor.wording import Sentence, verbatim

__all__ = ["MEDIA_TYPE", "NotDone", "NotKnown", "Problem", "answer_problems", "problem", "problems"]

MEDIA_TYPE: Final = "application/problem+json"
_WAY_OUT: Final = f"see {PREFIX}/openapi.json for what can be asked"


class Problem(BaseModel):
    """Why a request was not fulfilled (RFC 9457), and what to do about it.

    `title` is what the status means, `detail` what was wrong this time.
    """

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["no device main-meter"])
    what_to_do: str = Field(examples=["list them with `facility-monitor devices`"])


class NotKnown(RequestRefused):
    """There is no such thing; `what_to_do` says how to find those that are. Words are for programs, in English."""

    def __init__(self, told: str | Sentence, what_to_do: str) -> None:
        super().__init__(verbatim(told) if isinstance(told, str) else told)
        self.what_to_do = what_to_do


class NotDone(RequestRefused):
    """It cannot be done as things are; `what_to_do` says where to look. Words are for programs, in English."""

    def __init__(self, told: str | Sentence, what_to_do: str) -> None:
        super().__init__(verbatim(told) if isinstance(told, str) else told)
        self.what_to_do = what_to_do


def problems(*statuses: int, shape: type[Problem] = Problem) -> dict[int | str, dict[str, Any]]:
    """What a route says in the description of the API: with these statuses it refuses."""
    schema = {"$ref": f"#/components/schemas/{shape.__name__}"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def problem(
    status: int, detail: str, what_to_do: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> JSONResponse:
    """Make the answer to a request that is not fulfilled."""
    title = HTTPStatus(status).phrase
    told = Problem(title=title, status=status, detail=detail, what_to_do=what_to_do)
    return JSONResponse({**told.model_dump(), **more}, status, headers, media_type=MEDIA_TYPE)


def answer_problems(app: FastAPI) -> None:
    """Have an app answer what goes wrong in any of its routes."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(NotSignedIn, _of_stranger)
    app.add_exception_handler(NotAllowed, _of_forbidden)
    app.add_exception_handler(RequestRefused, _of_refusal)
    app.add_exception_handler(JournalError, _of_journal)
    app.add_exception_handler(UnicodeEncodeError, _of_half_letter)
    app.add_exception_handler(SettingsError, _of_settings)
    app.add_exception_handler(Exception, _of_mistake)


async def _of_stranger(request: Request, _: Exception) -> Response:
    if is_console(request):
        return sign_in_first(request)
    challenge = {"www-authenticate": "Bearer"}
    advice = "use the daemon's socket, or a token of the API"
    return problem(401, "it is not known who asks", advice, headers=challenge)


async def _of_forbidden(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotAllowed)
    if is_console(request):
        return say(request, 403, error.sentence)
    return problem(403, str(error), "ask an administrator")


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if is_console(request):
        page = say(request, error.status_code, str(error.detail))
        page.headers.update(error.headers or {})
        return page
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return problem(400, "the body cannot be read", "send it as application/json, in UTF-8")
    return problem(error.status_code, str(error.detail), _WAY_OUT, headers=error.headers)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    sent = request.headers.get("content-type", "")
    if where == "body" and sent and "json" not in sent.lower():
        return problem(415, "the body is no JSON", "send it as application/json")
    return problem(422, f"{where}: {first['msg']}", _WAY_OUT)


async def _of_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)
    if is_console(request):
        return say(request, 404 if isinstance(error, NotKnown) else 409, error.sentence)
    if isinstance(error, NotKnown):
        return problem(404, str(error), error.what_to_do)
    if isinstance(error, NotDone):
        return problem(409, str(error), error.what_to_do)
    return problem(409, str(error), "nothing was changed; put that right and ask again")


async def _of_journal(request: Request, error: Exception) -> Response:
    if is_console(request):
        return say(request, 503, str(error))
    return problem(503, str(error), "look at the disk: free space, permissions, read-only; then try again")


async def _of_half_letter(request: Request, _: Exception) -> Response:
    """Half of a surrogate pair, as JSON can write it: it is kept nowhere and told to nobody."""
    told = "a text has letters that are none (half of a surrogate pair)"
    if is_console(request):
        return say(request, 422, told)
    return problem(422, told, "nothing was changed; send text that is Unicode")


async def _of_settings(_: Request, error: Exception) -> Response:
    return problem(422, str(error), "correct the site file; the settings that run are the old ones")


async def _of_mistake(_: Request, error: Exception) -> Response:
    return problem(500, f"a mistake in the program: {type(error).__name__}", "look at the daemon's log")
