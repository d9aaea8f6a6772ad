"""An answer that goes on and can be ended from outside: what was sent stays, and it ends as it should."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Scope, Send

__all__ = ["Ending"]


class Ending:
    """Runs one answer, once."""

    def __init__(self) -> None:
        self._limit = asyncio.timeout(None)
        self._is_running = False
        self._goes_on = False

    @property
    def goes_on(self) -> bool:
        """Whether a part of the answer was sent, and more is to follow."""
        return self._goes_on

    def end(self) -> None:
        """End it at the next moment; nothing more of it is sent."""
        if self._is_running:
            self._is_running = False
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def run(
        self, app: Callable[[Scope, Receive, Send], Awaitable[None]], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer until the app is done with it, or it is ended."""

        async def seen(message: Message) -> None:
            self._goes_on = message["type"] == "http.response.start" or bool(message.get("more_body"))
            await send(message)

        try:
            async with self._limit:
                self._is_running = True
                try:
                    await app(scope, receive, seen)
                finally:
                    self._is_running = False
        except TimeoutError:
            if not self._limit.expired():
                raise
            if self._goes_on:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
