"""Robots of WeCom, DingTalk and Feishu groups: they answer 200 to what they refuse, and say so in the body.

Apprise makes the object of an address; what is sent and how the answer is read follows the services' own pages:
developer.work.weixin.qq.com (group robots), open.dingtalk.com (custom robots), open.feishu.cn (custom robots).
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from monitor.notify.channels.verdict import Verdict, judge, judge_http
from monitor.ports import Message

__all__ = ["ROBOTS", "deliver"]

_FOR_NOW: Final = frozenset({-1, 45009, 45033, 90030, 130101, 11232})
"""Codes of a service that is busy, or was asked too often: worth another try."""
_OK: Final = 200


def deliver(service: Any, message: Message) -> Verdict | None:
    """Send once over Apprise's object of a robot; None when the service took it. Blocks."""
    requests: Any = import_module("requests")
    url, query, body = ROBOTS[service.secure_protocol](service, f"{message.title}\n{message.text}")
    try:
        answer = requests.post(
            url,
            params=query,
            json=body,
            timeout=(service.socket_connect_timeout, service.socket_read_timeout),
            verify=service.verify_certificate,
            allow_redirects=False,
        )
    except requests.exceptions.SSLError:
        return Verdict("the server's certificate is not trusted, or it speaks no TLS")
    except requests.exceptions.ConnectTimeout:
        return Verdict("could not connect in time")
    except requests.exceptions.ReadTimeout:
        return Verdict("no answer in time; it may have been delivered", maybe_delivered=True)
    except requests.exceptions.RequestException as error:
        return judge([str(error)])
    if answer.status_code != _OK:
        return judge_http(answer.status_code)
    return _judge(answer)


def _judge(answer: Any) -> Verdict | None:
    try:
        said = answer.json()
        code = int(next(said[key] for key in ("errcode", "code", "StatusCode") if key in said))
    except (ValueError, TypeError, StopIteration):
        return Verdict("the service gave an answer that is not its own")
    if code == 0:
        return None
    return Verdict(f"the service answered with code {code}", permanent=code not in _FOR_NOW)


def _wecom(service: Any, text: str) -> tuple[str, Mapping[str, str], Mapping[str, Any]]:
    return service.api_url, {}, {"msgtype": "text", "text": {"content": _cut(text, service.body_maxlen)}}


def _dingtalk(service: Any, text: str) -> tuple[str, Mapping[str, str], Mapping[str, Any]]:
    query: dict[str, str] = {}
    if service.secret:
        stamp = str(round(time.time() * 1000))
        signed = hmac.digest(service.secret.encode(), f"{stamp}\n{service.secret}".encode(), hashlib.sha256)
        query = {"timestamp": stamp, "sign": base64.b64encode(signed).decode()}
    body = {
        "msgtype": "text",
        "text": {"content": _cut(text, service.body_maxlen)},
        "at": {"atMobiles": list(service.targets), "isAtAll": False},
    }
    return service.notify_url.format(token=service.token), query, body


def _feishu(service: Any, text: str) -> tuple[str, Mapping[str, str], Mapping[str, Any]]:
    body = {"msg_type": "text", "content": {"text": _cut(text, service.body_maxlen)}}
    return service.notify_url.format(token=service.token), {}, body


def _cut(text: str, most: int) -> str:
    """At most so many bytes, as the services count."""
    encoded = text.encode()
    return text if len(encoded) <= most else encoded[: most - 3].decode(errors="ignore") + "…"


_Robot = Callable[[Any, str], tuple[str, Mapping[str, str], Mapping[str, Any]]]
ROBOTS: Final[Mapping[str, _Robot]] = {"wecombot": _wecom, "dingtalk": _dingtalk, "feishu": _feishu}
"""Apprise's name of a service -> what makes the address, the query and the body of a request."""
