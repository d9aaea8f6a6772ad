"""A form that asks for something: read, turned into a command, kept; or shown again with what is wrong with it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from monitor.errors import RequestRefused
from monitor.model import Command
from monitor.web.callers import Caller, caller_of
from monitor.web.console.alarms.asked import Form, Wrong, one
from monitor.web.console.forms import form_of, keep
from monitor.web.console.page import address
from monitor.web.parts import Parts
from monitor.wording import Sentence

__all__ = ["Draw", "Failed", "Nothing", "Wish", "acting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A form that was not accepted: which, what was typed, and what is wrong with it.

    `said`: why the monitor refused it; else a `word` about a `field`.
    """

    action: str
    form: Form
    field: str = ""
    word: str = ""
    said: Sentence | None = None

    def typed(self, action: str, name: str, default: str = "") -> str:
        """What somebody wrote into a field of this form."""
        return one(self.form, name) if action == self.action else default

    def fault(self, action: str, name: str) -> str:
        """The word for what is wrong with a field."""
        return self.word if (action, name) == (self.action, self.field) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Failed):
    """All forms are as they were drawn first."""

    action: str = ""
    form: Form = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants, who it is, and the parts of the path."""

    form: Form
    caller: Caller
    path: dict[str, str]


Draw = Callable[[Request, Failed | None], Awaitable[Response]]


def acting(  # noqa: PLR0913, PLR0917 - a form, what it does, and the pages before and behind it
    parts: Parts,
    path: str,
    action: str,
    do: Callable[[Wish], Awaitable[Command]],
    draw: Draw,
    then: Callable[[Request, Form], tuple[str, str]],
) -> Route:
    """Make its route. `do` raises Wrong and RequestRefused; `draw` shows the page again; `then`: where, done."""

    async def act(request: Request) -> Response:
        form = await form_of(request)
        try:
            command = await do(Wish(form, caller_of(request), request.path_params))
        except Wrong as wrong:
            return await draw(request, Failed(action=action, form=form, field=wrong.field, word=wrong.word))
        except RequestRefused as refused:
            return await draw(request, Failed(action=action, form=form, said=refused.sentence))
        await keep(parts, command)
        where, done = then(request, form)
        return RedirectResponse(address(request, where, done=done), 303)

    return Route(path, act, methods=["POST"])
