"""The channels against real servers: each keeps the contract, and says what its far end answered."""

import asyncio
import io
import logging

import pytest

from monitor.errors import ChannelRejected, ChannelUnavailable
from monitor.notify.channels import Channels, check_address
from monitor.notify.channels.services import AppriseChannel
from monitor.notify.channels.terminal import TerminalChannel
from monitor.ports import Attachment, Message
from tests.notify.contract import SECRET, ChannelContract, Reached
from tests.servers.http import WebServer
from tests.servers.ports import free_port
from tests.servers.smtp import MailServer

MESSAGE = Message(title="Undervoltage", text="201 V", severity="high")


def mail_address(server: MailServer, **options: object) -> str:
    more = "".join(f"&{key}={value}" for key, value in options.items())
    return f"mailto://127.0.0.1:{server.port}/?from=monitor@example.org&to=ana@example.org{more}"


def web_address(server: WebServer, path: str = "hook", **options: object) -> str:
    more = "?" + "&".join(f"{key}={value}" for key, value in options.items()) if options else ""
    return f"json://ana:{SECRET}@127.0.0.1:{server.port}/{path}{more}"


class TestTerminal(ChannelContract):
    @pytest.fixture
    def reached(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Reached:
        monkeypatch.setenv("COLUMNS", "200")
        printed: list[str] = []

        def arrived() -> list[str]:
            out = capsys.readouterr().out
            printed.extend(part for part in out.split("╭") if part)
            return printed

        return Reached(TerminalChannel(), "terminal:", arrived, f"terminal:{SECRET}", check_address)


class TestMail(ChannelContract):
    @pytest.fixture
    def reached(self, mail: MailServer) -> Reached:
        def arrived() -> list[str]:
            return [f"{s}\n{t}" for s, t in zip(mail.subjects(), mail.texts(), strict=True)]

        return Reached(AppriseChannel(), mail_address(mail), arrived, f"mailto://ana:{SECRET}@", check_address)


class TestWebHook(ChannelContract):
    @pytest.fixture
    def reached(self, web: WebServer) -> Reached:
        def arrived() -> list[str]:
            return ["{title}\n{message}".format(**request.json()) for request in web.taken]

        return Reached(AppriseChannel(), web_address(web), arrived, f"nonsense://ana:{SECRET}@host", check_address)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_web_hook_that_refuses_for_good_is_rejected(web: WebServer, status: int) -> None:
    web.otherwise = status

    with pytest.raises(ChannelRejected, match=f"HTTP {status}"):
        await AppriseChannel().send(web_address(web), MESSAGE)

    assert len(web.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_web_hook_that_cannot_now_is_worth_another_try(web: WebServer, status: int) -> None:
    web.answers = [(status, {"Retry-After": "3"})]

    with pytest.raises(ChannelUnavailable, match=f"HTTP {status}") as caught:
        await AppriseChannel().send(web_address(web, retry=5), MESSAGE)

    assert not caught.value.maybe_delivered
    assert len(web.requests) == 1


async def test_a_web_hook_that_does_not_answer_may_have_delivered(web: WebServer) -> None:
    web.hang = True

    with pytest.raises(ChannelUnavailable, match="may have been delivered") as caught:
        await AppriseChannel().send(web_address(web, rto=0.3), MESSAGE)

    assert caught.value.maybe_delivered
    assert len(web.requests) == 1


async def test_the_deadline_holds_whatever_the_service_does(web: WebServer) -> None:
    web.hang = True

    with pytest.raises(ChannelUnavailable) as caught:
        await AppriseChannel(deadline=0.3).send(web_address(web, rto=60), MESSAGE)

    assert caught.value.maybe_delivered


async def test_hanging_deliveries_are_bounded_and_cancellable(web: WebServer) -> None:
    web.hang = True
    channel = AppriseChannel(deadline=30)
    hanging = [asyncio.create_task(channel.send(web_address(web, rto=60), MESSAGE)) for _ in range(32)]
    await asyncio.sleep(0)

    with pytest.raises(ChannelUnavailable, match="hang already"):
        await channel.send(web_address(web), MESSAGE)

    for task in hanging:
        task.cancel()
    ended = await asyncio.gather(*hanging, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended)


@pytest.mark.parametrize("scheme", ["json", "mailto"])
async def test_nobody_listening_is_certainly_not_delivered(scheme: str) -> None:
    address = f"{scheme}://127.0.0.1:{free_port()}/?from=a@example.org&to=b@example.org"

    with pytest.raises(ChannelUnavailable) as caught:
        await AppriseChannel().send(address, MESSAGE)

    assert not caught.value.maybe_delivered


async def test_a_mail_server_that_refuses_the_text_for_good_is_rejected(mail: MailServer) -> None:
    mail.otherwise = "554 5.7.1 no"

    with pytest.raises(ChannelRejected, match="answered 554"):
        await AppriseChannel().send(mail_address(mail), MESSAGE)


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="The message is dead at once and the failure counted; others are not held up.",
)
async def test_a_mail_server_that_refuses_the_recipient_for_good_is_rejected(mail: MailServer) -> None:
    mail.refused_recipients["ana@example.org"] = "550 5.1.1 who?"

    with pytest.raises(ChannelRejected, match="answered 550"):
        await AppriseChannel().send(mail_address(mail), MESSAGE)

    assert mail.attempts == 0


async def test_a_mail_server_that_puts_off_is_worth_another_try(mail: MailServer) -> None:
    mail.refused_recipients["ana@example.org"] = "450 4.2.0 greylisted"

    with pytest.raises(ChannelUnavailable, match="answered 450") as caught:
        await AppriseChannel().send(mail_address(mail), MESSAGE)

    assert not caught.value.maybe_delivered


async def test_a_mail_server_that_does_not_answer_the_text_may_have_delivered(mail: MailServer) -> None:
    mail.hang = True

    with pytest.raises(ChannelUnavailable) as caught:
        await AppriseChannel().send(mail_address(mail, cto=0.5), MESSAGE)

    assert caught.value.maybe_delivered
    assert mail.attempts == 1


async def test_mail_is_plain_text_with_its_lines(mail: MailServer) -> None:
    await AppriseChannel().send(mail_address(mail), Message(title="t", text="one\ntwo", severity="low"))

    assert mail.messages[0].get_content_type() == "text/plain"
    assert mail.texts()[0].split() == ["one", "two"]


RICH = Message(
    title="t",
    text="as text",
    severity="low",
    html="<p>as <b>HTML</b></p>",
    attachments=(Attachment(name="a b.html", media_type="text/html", content=b"<p>1</p>"),),
)


async def test_mail_carries_html_and_attachments(mail: MailServer) -> None:
    await AppriseChannel().send(mail_address(mail), RICH)

    parts = [part for part in mail.messages[0].walk() if not part.is_multipart()]
    assert [(part.get_content_type(), part.get_filename()) for part in parts] == [
        ("text/plain", None),
        ("text/html", None),
        ("text/html", "a b.html"),
    ]
    assert [part.get_payload(decode=True) for part in parts[1:]] == [b"<p>as <b>HTML</b></p>", b"<p>1</p>"]
    assert parts[0].get_content().strip() == "as text"


async def test_an_address_that_asks_for_text_gets_text_and_the_attachments(mail: MailServer) -> None:
    await AppriseChannel().send(f"{mail_address(mail)}&format=text", RICH)

    parts = [part for part in mail.messages[0].walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert parts[0].get_content().strip() == "as text"


async def test_other_services_and_the_terminal_get_the_text(
    web: WebServer, capsys: pytest.CaptureFixture[str]
) -> None:
    await AppriseChannel().send(web_address(web), RICH)
    await TerminalChannel().send("terminal:", RICH)

    (request,) = web.taken
    assert (request.json()["message"], request.json().get("attachments")) == ("as text", [])
    assert "as text" in capsys.readouterr().out


async def test_secrets_are_in_no_log_and_no_error(
    web: WebServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(log)])
    web.answers = [200, 401, 500]
    address = web_address(web, path=SECRET)
    errors: list[str] = []

    for _ in range(3):
        try:
            await AppriseChannel().send(address, MESSAGE)
        except (ChannelRejected, ChannelUnavailable) as error:
            logging.getLogger("test").info("caught")
            errors += [str(error), repr(error.__cause__), repr(error.__context__)]

    assert len(web.requests) == 3
    written = capfd.readouterr()
    assert "caught" in log.getvalue()
    assert SECRET not in "".join([log.getvalue(), written.out, written.err, *errors])


def test_an_address_without_a_scheme_is_refused_with_an_example() -> None:
    for address in ("", "ana@example.org", "//x"):
        assert "terminal:" in (check_address(address) or "")


def test_every_scheme_has_its_channel_and_one_instance_of_it() -> None:
    channels = Channels()

    assert isinstance(channels("terminal:"), TerminalChannel)
    assert isinstance(channels("json://host"), AppriseChannel)
    assert channels("mailto://host") is channels("json://host")
