"""The routes by which registers are read by hand, on the buses that the daemon polls."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from monitor.errors import DeviceError, DeviceRefused, DeviceUnreachable, RequestRefused, TooManyAsk
from monitor.web.parts import Parts
from monitor.web.problems import NotKnown, Problem, problem, problems
from monitor.web.shapes import PREFIX, Body

__all__ = ["make_bus_router"]

_LARGEST = 65535
_MOST = {"coil": 2000, "discrete": 2000, "holding": 125, "input": 125}


class BusOut(BaseModel):
    """A connection on which registers can be read.

    `line` says how a serial line speaks (empty for others); `timeout_s` how long an answer is waited for, and
    `overhead_s` what a request of one register takes beside.
    """

    id: str
    place: str
    line: str
    timeout_s: float
    overhead_s: float


class RegistersIn(Body):
    """Which registers (or bits) to read, and how many seconds to wait (default: as the settings say)."""

    unit: int = Field(ge=0, le=255)
    table: Literal["coil", "discrete", "holding", "input"]
    first: int = Field(ge=0, le=_LARGEST)
    count: int = Field(1, ge=1, le=2000)
    timeout: float | None = Field(None, ge=0.01, le=9)


class RegistersOut(BaseModel):
    """What they hold, and how many milliseconds the device took."""

    values: list[int]
    ms: float


class NoRegistersOut(Problem):
    """Why there are no values: `kind` is silence, exception, garbled or refused; `code` is the exception's."""

    kind: Literal["silence", "exception", "garbled", "refused"]
    code: int | None


def make_bus_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX)

    @router.get("/connections")
    async def connections() -> list[BusOut]:
        """Answer the connections on which registers can be read."""
        return [BusOut(**bus) for bus in parts.by_hand.buses()]

    @router.post(
        "/connections/{connection}/registers",
        response_model=RegistersOut,
        responses=problems(404) | problems(409, 429, 502, 504, shape=NoRegistersOut),
    )
    async def registers(connection: str, wish: RegistersIn) -> RegistersOut | JSONResponse:
        """Read registers of a unit once, between the polls: at most a fifth of the bus's time goes to this."""
        if connection not in {bus["id"] for bus in parts.by_hand.buses()}:
            raise NotKnown(
                f"no connection {connection} on which registers can be read", "list them with GET /connections"
            )
        if wish.count > _MOST[wish.table] or wish.first + wish.count > _LARGEST + 1:
            raise HTTPException(
                422,
                f"one request reads at most {_MOST[wish.table]} of the table {wish.table}, up to {_LARGEST}",
            )
        try:
            values, took = await parts.by_hand.read(
                connection, wish.unit, wish.table, wish.first, wish.count, patience=wish.timeout
            )
        except (DeviceError, RequestRefused) as error:
            return _told(error)
        return _answer(values, took)

    return router


def _answer(values: Sequence[int], took: float) -> RegistersOut:
    return RegistersOut(values=list(values), ms=round(took, 1))


def _told(error: DeviceError | RequestRefused) -> JSONResponse:
    """Say what happened in a way that a program can tell apart."""
    code: int | None = None
    if isinstance(error, TooManyAsk):
        status, kind, what = HTTPStatus.TOO_MANY_REQUESTS, "refused", "ask again a little later"
    elif isinstance(error, RequestRefused):
        status, kind, what = HTTPStatus.CONFLICT, "refused", "look at it with `facility-monitor devices`"
    elif isinstance(error, DeviceUnreachable):
        what = "power, address, A and B, baud rate and parity"
        status, kind = HTTPStatus.GATEWAY_TIMEOUT, "silence"
    elif isinstance(error, DeviceRefused):
        code = getattr(error, "code", None)
        status, kind, what = HTTPStatus.BAD_GATEWAY, "exception", "look up the register in the device's manual"
    else:
        what = "parity, termination, or two units with one id"
        status, kind = HTTPStatus.BAD_GATEWAY, "garbled"
    return problem(status, str(error), what, kind=kind, code=code)
