"""Places of those who are told what happens: so many in all, so many of one, and always one for who has fewer."""

from collections.abc import AsyncIterable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from monitor.web.callers import Via, caller_of
from monitor.web.ending import Ending

__all__ = ["MOST", "OF_ONE", "OF_TOKEN", "Seat", "Seated", "Seats"]

MOST: Final = 100
"""At a time, of all."""
OF_ONE: Final = 12
"""Of a person, or of a token at one address."""
OF_TOKEN: Final = 40
"""Of a token at all addresses together: several programs may have the same."""
_SOON: Final = "10"


class Seat:
    """One place, from the moment that its answer begins. `whose`: a person or a token; `address`: of a token."""

    def __init__(self, seats: "Seats", whose: str, address: str) -> None:
        self.whose = whose
        self.address = address
        self.ending = Ending()
        self._seats = seats

    async def __aenter__(self) -> None:
        self._seats.taken.append(self)

    async def __aexit__(self, *_: object) -> None:
        self._seats.leave(self)


class Seats:
    """All of them, the longest taken first."""

    def __init__(self) -> None:
        self.taken: list[Seat] = []

    def of(self, request: Request) -> Seat:
        """A place for who asks. Raises HTTPException: he has as many as he may, or nobody has more than he.

        Where all are taken, whoever has most gives his oldest to somebody who has two fewer at least.
        """
        caller = caller_of(request)
        is_token = caller.via is Via.TOKEN
        whose = f"{caller.via} {caller.name}"
        seat = Seat(self, whose, request.client.host if is_token and request.client else "")
        own = [each for each in self.taken if each.whose == whose]
        here = sum(each.address == seat.address for each in own)
        if here >= OF_ONE or len(own) >= OF_TOKEN:
            most = OF_ONE if here >= OF_ONE else OF_TOKEN
            who = "this token looks" if is_token else "you look"
            raise HTTPException(
                429, f"{who} at {most} things at once already: close one of them", {"retry-after": _SOON}
            )
        if len(self.taken) >= MOST:
            self._make_room(len(own))
        return seat

    def _make_room(self, own: int) -> None:
        counts: dict[str, int] = {}
        for each in self.taken:
            counts[each.whose] = counts.get(each.whose, 0) + 1
        greedy = max(counts, key=lambda whose: counts[whose])
        if counts[greedy] < own + 2:
            raise HTTPException(503, f"{MOST} look already: ask again later", {"retry-after": _SOON})
        oldest = next(each for each in self.taken if each.whose == greedy)
        self.leave(oldest)
        oldest.ending.end()

    def leave(self, seat: Seat) -> None:
        """Give a place back."""
        if seat in self.taken:
            self.taken.remove(seat)


class Seated(StreamingResponse):
    """An answer that goes on for as long as it has its place."""

    def __init__(self, seat: Seat, content: AsyncIterable[bytes], **more: Any) -> None:
        super().__init__(content, **more)
        self._seat = seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it until it ends, its place is given away, or the client goes."""
        async with self._seat:
            await self._seat.ending.run(super().__call__, scope, receive, send)
