"""What becomes of a message, by what its server does: the table of docs/notifications.md, on real servers."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.journal.state import State
from monitor.notices import NoticeKind
from tests.clock import ManualClock
from tests.notify.house import person, site
from tests.notify.notifying import House, running, settle
from tests.servers.http import WebServer
from tests.servers.ports import free_port
from tests.servers.smtp import MailServer

PAGE = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text("utf-8")


@dataclass(frozen=True)
class Case:
    """What a server does, and what becomes of a message of medium and of high severity."""

    does: str
    states: tuple[str, str]
    maybe: bool
    reason: str


CASES = {
    "away": Case("is not there (connection refused)", ("failed", "failed"), False, "could not be delivered"),
    "silent": Case("accepts the connection and says nothing", ("unknown", "failed"), True, "no answer in time"),
    "slow": Case("answers too late", ("unknown", "failed"), True, "no answer in time"),
    "hangs up": Case("hangs up without an answer", ("unknown", "failed"), True, "hung up without an answer"),
    "busy": Case("cannot now (HTTP 5xx, 429)", ("failed", "failed"), False, "HTTP 503"),
    "refuses": Case("refuses (HTTP 4xx)", ("dead", "dead"), False, "HTTP 404"),
    "takes": Case("takes it (HTTP 2xx)", ("sent", "sent"), False, ""),
}
MAIL_CASES = {
    "away": Case("is not there (connection refused)", ("failed", "failed"), False, "could not be delivered"),
    "slow": Case("does not answer the text of a mail", ("unknown", "failed"), True, "no answer in time"),
    "busy": Case("puts off a mail (4xx, greylisting)", ("failed", "failed"), False, "answered 451"),
    "refuses": Case("refuses a mail (5xx)", ("dead", "dead"), False, "answered 550"),
    "takes": Case("takes a mail (2xx)", ("sent", "sent"), False, ""),
}


@contextmanager
def web_that(what: str) -> Iterator[str]:
    """The address of a web hook whose server does this."""
    if what == "away":
        yield f"json://127.0.0.1:{free_port()}/hook"
        return
    if what == "silent":
        with socket.create_server(("127.0.0.1", 0)) as listening:
            yield f"json://127.0.0.1:{listening.getsockname()[1]}/hook?rto=0.3"
        return
    with WebServer() as server:
        late = threading.Event()
        if what == "slow":
            server.handle = lambda _: 200 if late.wait(60) else 504
        server.otherwise = {"busy": 503, "refuses": 404}.get(what, 200)
        server.breaks = b"HTTP/1.1 2" if what == "hangs up" else None
        yield f"json://127.0.0.1:{server.port}/hook?rto=0.3"
        late.set()


@contextmanager
def mail_that(what: str) -> Iterator[str]:
    """The address of a mailbox whose server does this."""
    to = "from=monitor@example.org&to=ana@example.org"
    if what == "away":
        yield f"mailto://127.0.0.1:{free_port()}/?{to}"
        return
    with MailServer() as server:
        server.hang = what == "slow"
        server.otherwise = {"busy": "451 4.7.1 greylisted", "refuses": "550 5.7.1 no"}.get(what)
        yield f"mailto://127.0.0.1:{server.port}/?{to}&cto=0.5"
        server.released.set()


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="Away, slow, 5xx, 4xx, silent, hanging up: each has its state; only what is not known may come twice.",
)
@pytest.mark.parametrize("severity", ["medium", "high"])
@pytest.mark.parametrize(
    ("server", "what", "case"),
    [
        *(pytest.param(web_that, what, case, id=f"web {what}") for what, case in CASES.items()),
        *(pytest.param(mail_that, what, case, id=f"mail {what}") for what, case in MAIL_CASES.items()),
    ],
)
async def test_each_thing_that_a_server_does_has_its_state(  # noqa: PLR0917 - a table
    state: State,
    clock: ManualClock,
    server: Callable[[str], AbstractContextManager[str]],
    what: str,
    case: Case,
    severity: str,
) -> None:
    with server(what) as address:
        house = House(state, clock, site(person("ana", way=address)))
        await house.tell(NoticeKind.RAISE, severity=severity)
        async with running(house.notifier()) as notifier:
            (row,) = await settle(notifier, "sent", "failed", "unknown", "dead")

    assert row["state"] == case.states[severity == "high"]
    assert row["maybe_delivered"] is case.maybe
    assert case.reason in row["last_error"]


def test_the_table_on_the_page_says_the_same() -> None:
    told = re.findall(r"^\| (\S.*?) \| `(\w+)` \| `(\w+)` \|$", PAGE, re.MULTILINE)

    assert told == list(
        dict.fromkeys((case.does, *case.states) for case in (*CASES.values(), *MAIL_CASES.values()))
    )
