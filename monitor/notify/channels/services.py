"""Everything that Apprise can reach: mail, web hooks, messengers; one address, one attempt, one deadline.

Apprise blocks, so each attempt has a thread of its own; threads are daemons, so that a service that hangs
cannot hold up the end of the program.
"""

import asyncio
import logging
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

from monitor.errors import ChannelRejected, ChannelUnavailable
from monitor.notify.channels import broker, is_mail, robots, scheme_of
from monitor.notify.channels.forms import Form, choose_form
from monitor.notify.channels.ownwords import own_texts, speaks
from monitor.notify.channels.verdict import Verdict, judge
from monitor.ports import Message

__all__ = ["AppriseChannel", "check"]

_DEADLINE: Final = 30.0
_WITH_ATTACHMENTS: Final = 4
"""How many times the deadline a message with attachments may take: a megabyte over a slow line."""
_CONNECT_TIMEOUT: Final = 10.0
_READ_TIMEOUT: Final = 15.0
_MOST_THREADS: Final = 32
_MOST_HUNG: Final = 3
"""So many deliveries to one address may hang: all threads are not for one."""
_LINES_KEPT: Final = 200
_NOT_UNDERSTOOD: Final = "Apprise does not understand the address; its wiki says how each service is written"

_IMPORTING = threading.Lock()

_TYPES: Final[Mapping[str, str]] = {"critical": "failure", "high": "failure", "medium": "warning"}


def check(address: str) -> str | None:
    """Say what is wrong with an address, without repeating it."""
    return None if _service(address) is not None else _NOT_UNDERSTOOD


class AppriseChannel:
    """Delivers over any service that Apprise knows; what it logs is read, never passed on: it holds secrets."""

    def __init__(self, *, deadline: float = _DEADLINE) -> None:
        self._deadline = deadline
        self._slots = threading.BoundedSemaphore(_MOST_THREADS)
        self._left: Counter[str] = Counter()
        self._turn = threading.Lock()

    @property
    def hung(self) -> int:
        """How many deliveries still run although nobody waits for them any more."""
        with self._turn:
            return self._left.total()

    async def send(self, address: str, message: Message) -> None:
        """Deliver once; raises ChannelRejected, or ChannelUnavailable (`maybe_delivered` after a time-out)."""
        if self._left[address] >= _MOST_HUNG:
            raise ChannelUnavailable("earlier deliveries to this address hang")
        if not self._slots.acquire(blocking=False):
            raise ChannelUnavailable("too many deliveries hang already")
        answer: asyncio.Future[Verdict | None] = asyncio.get_running_loop().create_future()
        delivery = _Delivery(address, self._left, self._turn)
        self._start(lambda: _attempt(address, message), answer, delivery)
        try:
            async with asyncio.timeout(self._deadline * (_WITH_ATTACHMENTS if message.attachments else 1)):
                verdict = await answer
        except (TimeoutError, asyncio.CancelledError) as error:
            delivery.leave()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise ChannelUnavailable(
                "no answer in time; it may have been delivered", maybe_delivered=True
            ) from None
        if verdict is None:
            return
        if verdict.permanent:
            raise ChannelRejected(verdict.reason)
        raise ChannelUnavailable(
            verdict.reason, maybe_delivered=verdict.maybe_delivered, answered=verdict.answered
        )

    def _start(
        self,
        attempt: Callable[[], Verdict | None],
        answer: asyncio.Future[Verdict | None],
        delivery: "_Delivery",
    ) -> None:
        loop = asyncio.get_running_loop()

        def settle(verdict: Verdict | None) -> None:
            if not answer.done():
                answer.set_result(verdict)

        def work() -> None:
            try:
                verdict = attempt()
            finally:
                self._slots.release()
                delivery.end()
            try:
                loop.call_soon_threadsafe(settle, verdict)
            except RuntimeError:  # the loop has ended meanwhile: nobody waits for the answer any more
                return

        threading.Thread(target=work, name="notify-apprise", daemon=True).start()


class _Delivery:
    """One thread that delivers: counted as hung from when nobody waits for it until it ends."""

    def __init__(self, address: str, left: Counter[str], turn: threading.Lock) -> None:
        self._address = address
        self._left = left
        self._turn = turn
        self._is_over = self._is_left = False

    def leave(self) -> None:
        """Nobody waits for it any more."""
        with self._turn:
            if not self._is_over:
                self._is_left = True
                self._left[self._address] += 1

    def end(self) -> None:
        """The thread has ended."""
        with self._turn:
            self._is_over = True
            if self._is_left:
                self._left -= Counter({self._address: 1})


def _attempt(address: str, message: Message) -> Verdict | None:
    """Deliver in this thread; None when the service took it. Plugins may raise anything: that is a failure."""
    try:
        return _deliver(address, message)
    except Exception as error:  # noqa: BLE001 - hundreds of plugins, and none may take the channel down
        return Verdict(f"the service's plugin failed ({type(error).__name__})")


def _deliver(address: str, message: Message) -> Verdict | None:
    service = _service(address)
    if service is None:
        return Verdict(_NOT_UNDERSTOOD, permanent=True)
    if service.secure_protocol in robots.ROBOTS:
        return robots.deliver(service, message)
    if scheme_of(address) in broker.BROKERS:
        return broker.deliver(service, message)
    library = _library()
    sender = library.Apprise(asset=_asset())
    sender.add(service)
    form = choose_form(message, service) if not is_mail(address) else _mail_form(message, service)
    with speaks(message.text):
        result = sender.notify(
            body=form.body,
            title=form.title,
            notify_type=_TYPES.get(message.severity, "info"),
            body_format="html" if form.is_html else "text",
            attach=_attached(message) if is_mail(address) else None,
            log_level=logging.DEBUG,
        )
    if result.status == library.AppriseResultStatus.SUCCESS:
        return None
    lines = [entry.message for _, entry in zip(range(_LINES_KEPT), result.logs(), strict=False)]
    return judge(lines)


def _mail_form(message: Message, service: Any) -> Form:
    """A mail is a page, unless its address asks for text; pictures that the page shows are within it."""
    is_html = bool(message.html) and service.resolve_format("html") == "html"
    service.inline = is_html and any(one.inline for one in message.attachments)
    return Form(title=message.title, body=message.html if is_html else message.text, is_html=is_html)


def _attached(message: Message) -> Any:
    """Apprise's attachments, held in memory: no file is left behind, and no full disk is in the way."""
    if not message.attachments:
        return None
    held = _library().AppriseAttachment(asset=_asset())
    memory: Any = import_module("apprise.attachment.memory")
    for one in message.attachments:
        held.add(memory.AttachMemory(content=one.content, name=one.name, mimetype=one.media_type))
    return held


def _service(address: str) -> Any:
    """Make Apprise's object for an address: without retries of its own (the outbox has them), with time-outs."""
    service = _library().Apprise.instantiate(address, asset=_asset())
    if service is not None:
        service.retry = 0
        service.optional = False
        if "cto=" not in address:
            service.socket_connect_timeout = _CONNECT_TIMEOUT
        if "rto=" not in address:
            service.socket_read_timeout = _READ_TIMEOUT
    return service


def _library() -> Any:
    """Answer Apprise, imported once; two threads that are the first at the same time do not do it twice."""
    with _IMPORTING:
        return _import()


@cache
def _import() -> Any:
    """Import Apprise quietly: what it and urllib3 log of each request holds addresses and their secrets.

    The first address makes it load its plugins; some of what those import is deprecated, which is not our news.
    """
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import apprise

        apprise.Apprise.instantiate("json://localhost")
    own_texts()
    return apprise


@cache
def _asset() -> Any:
    """Keep nothing on disk, and no time limit of Apprise's own, which would need its never-ending threads."""
    return _library().AppriseAsset(
        app_id="facility-monitor",
        app_desc="facility-monitor",
        app_url="",
        storage_mode="memory",
        service_timeout=0,
        secure_logging=True,
    )
