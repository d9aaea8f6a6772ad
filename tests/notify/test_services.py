"""Services that people are reached over, end to end: real servers, or the services' own wire form on loopback."""

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import paho.mqtt.client as mqtt
import pytest
import trustme
from paho.mqtt.enums import CallbackAPIVersion

from monitor.errors import ChannelRejected, ChannelUnavailable
from monitor.notify.channels import check_address
from monitor.notify.channels.services import AppriseChannel
from monitor.ports import Message
from tests.servers.http import WebServer
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.smtp import MailServer

MESSAGE = Message(title="【高】欠压", text="201 V & <205 V>\nsecond line", severity="high")
USERS = {"ana": "s3cr3t-t0ken"}
TO = "from=monitor@example.org&to=ana@example.org"


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for localhost that this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def distrusted(tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The same, from an authority that nobody here knows."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "another.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "another.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "another.pem"))
    return tls


# Mail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("starttls", [False, True])
async def test_mail_goes_over_tls_with_a_password(tls: ssl.SSLContext, *, starttls: bool) -> None:
    mode = "starttls" if starttls else "ssl"
    with MailServer(users=USERS, tls=tls, starttls=starttls) as mail:
        address = f"mailtos://ana:s3cr3t-t0ken@localhost:{mail.port}/?{TO}&mode={mode}&smtp=127.0.0.1"
        await AppriseChannel().send(address, MESSAGE)

    assert mail.subjects() == ["【高】欠压"]
    assert "<205 V>" in mail.texts()[0]


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="A wrong password is a refusal for good: it is not tried again and again.",
)
async def test_a_wrong_password_is_refused_for_good(tls: ssl.SSLContext) -> None:
    with MailServer(users=USERS, tls=tls) as mail:
        address = f"mailtos://ana:wrong@localhost:{mail.port}/?{TO}&mode=ssl&smtp=127.0.0.1"
        with pytest.raises(ChannelRejected, match="answered 535"):
            await AppriseChannel().send(address, MESSAGE)

    assert not mail.messages


@pytest.mark.fault(
    "certificate wrong or expired",
    part="notifications",
    outcome="Nothing is sent to it, and the reason says so; it counts as a failure that may pass.",
)
@pytest.mark.parametrize("starttls", [False, True])
async def test_a_mail_server_whose_certificate_is_not_trusted_gets_nothing(
    distrusted: ssl.SSLContext, *, starttls: bool
) -> None:
    mode = "starttls" if starttls else "ssl"
    with MailServer(users=USERS, tls=distrusted, starttls=starttls) as mail:
        address = f"mailtos://ana:s3cr3t-t0ken@localhost:{mail.port}/?{TO}&mode={mode}&smtp=127.0.0.1"
        with pytest.raises(ChannelUnavailable, match="certificate is not trusted") as caught:
            await AppriseChannel().send(address, MESSAGE)

    assert not caught.value.maybe_delivered
    assert not mail.attempts


@pytest.mark.parametrize(("code", "answered"), [("421 4.3.2 closing", False), ("451 4.7.1 greylisted", True)])
async def test_what_puts_off_one_mailbox_is_no_failure_of_the_mail_server(code: str, *, answered: bool) -> None:
    with MailServer() as mail:
        mail.refused_recipients["ana@example.org"] = code
        with pytest.raises(ChannelUnavailable) as caught:
            await AppriseChannel().send(f"mailto://127.0.0.1:{mail.port}/?{TO}", MESSAGE)
        mail.refused_recipients = {}
        await AppriseChannel().send(f"mailto://127.0.0.1:{mail.port}/?{TO}", MESSAGE)

    assert caught.value.answered is answered
    assert len(mail.messages) == 1


# Web hooks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["json", "xml", "form"])
async def test_a_web_hook_gets_title_and_text_in_its_form(web: WebServer, scheme: str) -> None:
    await AppriseChannel().send(f"{scheme}://127.0.0.1:{web.port}/hook", MESSAGE)

    (request,) = web.taken
    said = request.body.decode()
    if scheme == "json":
        assert (request.json()["title"], request.json()["message"]) == (MESSAGE.title, MESSAGE.text)
    elif scheme == "form":
        assert (parse_qs(said)["title"], parse_qs(said)["message"]) == ([MESSAGE.title], [MESSAGE.text])
    else:
        assert "欠压" in said
        assert "201 V &amp; &lt;205 V&gt;" in said


async def test_a_web_hook_over_tls_is_trusted_or_gets_nothing(tls: ssl.SSLContext) -> None:
    with WebServer(tls) as web:
        await AppriseChannel().send(f"jsons://localhost:{web.port}/hook", MESSAGE)

    assert len(web.taken) == 1


async def test_a_web_hook_whose_certificate_is_not_trusted_gets_nothing(distrusted: ssl.SSLContext) -> None:
    with WebServer(distrusted) as web, pytest.raises(ChannelUnavailable, match="certificate is not trusted"):
        await AppriseChannel().send(f"jsons://localhost:{web.port}/hook", MESSAGE)

    assert not web.requests


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="A service that closes before its answer is through may have taken the message: it is marked so.",
)
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
async def test_a_service_that_closes_before_its_answer_is_through_may_have_delivered(
    web: WebServer, answer: bytes
) -> None:
    web.breaks = answer

    with pytest.raises(ChannelUnavailable, match="may have been delivered") as caught:
        await AppriseChannel().send(f"json://127.0.0.1:{web.port}/hook", MESSAGE)

    assert caught.value.maybe_delivered
    assert len(web.requests) == 1


# Messengers, in the form that their makers document ---------------------------------------------------


async def test_ntfy_gets_topic_title_and_text(web: WebServer) -> None:
    await AppriseChannel().send(f"ntfy://ana:s3cr3t-t0ken@127.0.0.1:{web.port}/facility", MESSAGE)

    (request,) = web.taken
    said = request.json() if request.body.startswith(b"{") else {"message": request.body.decode()}
    assert "欠压" in (said.get("title") or request.headers.get("X-Title", ""))
    assert "201 V" in said["message"]
    assert said.get("topic") == "facility" or request.path == "/facility"
    assert request.headers["Authorization"].startswith("Basic ")


async def test_telegram_gets_chat_and_text_and_its_refusal_is_for_good(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.telegram import NotifyTelegram

    monkeypatch.setattr(NotifyTelegram, "notify_url", f"{web.url}/bot")
    web.handle = lambda _: (200, {"Content-Type": "application/json"}, b'{"ok": true, "result": {}}')
    address = "tgram://123456789:abcdefg_hijklmnop/12315544"
    await AppriseChannel().send(address, MESSAGE)
    web.handle = lambda _: (403, {}, b'{"ok": false, "description": "Forbidden: bot was blocked by the user"}')
    with pytest.raises(ChannelRejected, match="HTTP 403"):
        await AppriseChannel().send(address, MESSAGE)

    sent = web.taken[-1]
    assert sent.path == "/bot123456789:abcdefg_hijklmnop/sendMessage"
    assert str(sent.json()["chat_id"]) == "12315544"
    assert "201 V" in sent.json()["text"]


async def test_slack_takes_only_its_own_ok(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"{web.url}/services")
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    web.handle = lambda _: (200, {}, b"ok")
    await AppriseChannel().send(address, MESSAGE)
    web.handle = lambda _: (404, {}, b"no_service")
    with pytest.raises(ChannelRejected, match="HTTP 404"):
        await AppriseChannel().send(address, MESSAGE)

    assert "201 V" in web.taken[0].body.decode()


async def test_teams_gets_a_card_over_its_workflow(tls: ssl.SSLContext) -> None:
    with WebServer(tls) as web:
        web.otherwise = 202
        await AppriseChannel().send(f"workflows://localhost:{web.port}/{'a' * 32}/{'b' * 43}", MESSAGE)

    (request,) = web.taken
    assert request.path.startswith(f"/workflows/{'a' * 32}/triggers/manual/paths/invoke")
    assert "AdaptiveCard" in request.body.decode()


ROBOTS = {
    "wecombot": ("wecombot", "NotifyWeComBot", "wecombot://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa"),
    "dingtalk": ("dingtalk", "NotifyDingTalk", "dingtalk://secret12345678@token123456789abc"),
    "feishu": ("feishu", "NotifyFeishu", "feishu://abc1234-5678-token"),
}


def robot(web: WebServer, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a robot whose service is the local server."""
    module, plugin, address = ROBOTS[name]
    made = getattr(__import__(f"apprise.plugins.{module}", fromlist=[plugin]), plugin)
    monkeypatch.setattr(made, "notify_url", made.notify_url.replace("https://", f"{web.url}/", 1))
    return address


@pytest.mark.parametrize("name", ROBOTS)
async def test_a_robot_that_takes_it_says_so_in_its_answer(
    web: WebServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    code = "code" if name == "feishu" else "errcode"
    web.handle = lambda _: (200, {}, json.dumps({code: 0}).encode())

    await AppriseChannel().send(robot(web, name, monkeypatch), MESSAGE)

    said = web.taken[0].json()
    text = said["content"]["text"] if name == "feishu" else said["text"]["content"]
    assert text == f"{MESSAGE.title}\n{MESSAGE.text}"


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="A service that answers 200 and refuses in its answer has taken nothing, and is not believed.",
)
@pytest.mark.parametrize("name", ROBOTS)
@pytest.mark.parametrize(
    ("status", "answer", "error", "reason"),
    [
        (200, b'{"errcode": 93000, "errmsg": "invalid webhook url"}', ChannelRejected, "code 93000"),
        (200, b'{"errcode": 45009, "errmsg": "api freq out of limit"}', ChannelUnavailable, "code 45009"),
        (200, b'{"code": 19001, "msg": "param invalid"}', ChannelRejected, "code 19001"),
        (200, b"<html>a proxy's page</html>", ChannelUnavailable, "not its own"),
        (200, b"", ChannelUnavailable, "not its own"),
        (502, b"", ChannelUnavailable, "HTTP 502"),
        (404, b"", ChannelRejected, "HTTP 404"),
    ],
)
async def test_a_robot_that_refuses_with_200_is_not_believed(  # noqa: PLR0917 - a table
    web: WebServer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    status: int,
    answer: bytes,
    error: type[Exception],
    reason: str,
) -> None:
    web.handle = lambda _: (status, {}, answer)

    with pytest.raises(error, match=reason):
        await AppriseChannel().send(robot(web, name, monkeypatch), MESSAGE)


async def test_dingtalk_is_signed_as_its_page_says(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    web.handle = lambda _: (200, {}, b'{"errcode": 0}')

    await AppriseChannel().send(robot(web, "dingtalk", monkeypatch), MESSAGE)

    query = parse_qs(urlsplit(web.taken[0].path).query)
    signed = hmac.digest(b"secret12345678", f"{query['timestamp'][0]}\nsecret12345678".encode(), hashlib.sha256)
    assert query["sign"] == [base64.b64encode(signed).decode()]
    assert query["access_token"] == ["token123456789abc"]


async def test_a_robot_that_does_not_answer_may_have_delivered(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.hang = True

    with pytest.raises(ChannelUnavailable, match="may have been delivered") as caught:
        await AppriseChannel().send(robot(web, "feishu", monkeypatch) + "?rto=0.3", MESSAGE)

    assert caught.value.maybe_delivered


async def test_what_is_too_long_for_a_robot_is_cut_between_letters(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.handle = lambda _: (200, {}, b'{"errcode": 0}')

    await AppriseChannel().send(
        robot(web, "wecombot", monkeypatch), Message(title="欠压", text="压" * 2000, severity="low")
    )

    content = web.taken[0].json()["text"]["content"]
    assert len(content.encode()) <= 2048
    assert content.endswith("压…")


# MQTT -------------------------------------------------------------------------------------------------


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker", users=USERS) as server:
        yield server


def retained(broker: Mosquitto, topic: str) -> str:
    """What the broker has kept of a topic."""
    found: list[bytes] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("ana", USERS["ana"])
    client.on_message = lambda _client, _data, message: found.append(bytes(message.payload))
    client.connect("127.0.0.1", broker.port)
    client.subscribe(topic, 1)
    for _ in range(600):
        client.loop(0.1)
        if found:
            break
    client.disconnect()
    return found[0].decode()


async def test_a_broker_takes_a_message_with_a_password(broker: Mosquitto) -> None:
    address = f"mqtt://ana:s3cr3t-t0ken@127.0.0.1:{broker.port}/house/alarms?retain=yes"

    await AppriseChannel().send(address, MESSAGE)

    assert retained(broker, "house/alarms") == f"{MESSAGE.title}\n{MESSAGE.text}"


async def test_a_broker_refuses_a_wrong_password_for_good(broker: Mosquitto) -> None:
    with pytest.raises(ChannelRejected, match="the broker refused: Not authorized"):
        await AppriseChannel().send(f"mqtt://ana:wrong@127.0.0.1:{broker.port}/house/alarms", MESSAGE)


async def test_a_broker_that_is_away_is_worth_another_try() -> None:
    with pytest.raises(ChannelUnavailable, match="could not connect") as caught:
        await AppriseChannel().send(f"mqtt://ana@127.0.0.1:{free_port()}/house/alarms", MESSAGE)

    assert not caught.value.maybe_delivered


# Threads that hang ------------------------------------------------------------------------------------


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="Deliveries that hang for ever are counted, and one address cannot use up the room of the others.",
)
async def test_an_address_that_hangs_for_ever_leaves_room_for_the_others(web: WebServer) -> None:
    channel = AppriseChannel(deadline=0.2)
    web.hang = True
    for _ in range(3):
        with pytest.raises(ChannelUnavailable, match="may have been delivered"):
            await channel.send(f"json://127.0.0.1:{web.port}/hangs?rto=60", MESSAGE)

    with pytest.raises(ChannelUnavailable, match="earlier deliveries to this address hang"):
        await channel.send(f"json://127.0.0.1:{web.port}/hangs?rto=60", MESSAGE)

    assert channel.hung == 3
    web.hang = False
    await AppriseChannel().send(f"json://127.0.0.1:{web.port}/works", MESSAGE)
    assert len(web.requests) == 4
    web.released.set()


@pytest.mark.parametrize("name", ROBOTS)
def test_the_addresses_of_robots_are_understood(name: str) -> None:
    assert check_address(ROBOTS[name][2]) is None
