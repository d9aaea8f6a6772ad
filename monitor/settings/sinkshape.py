"""What the section `sinks` of a site file takes: keys, forms and limits."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from monitor.documents.files import ABSENT
from monitor.fields import Duration, File, Frozen, Id, Label, is_http, several
from monitor.settings.model import Selector

__all__ = ["InfluxKeys", "MqttSinkKeys"]

_Kind = Literal["readings", "usage", "alarms", "events", "access", "health", "monitor"]
_MqttKind = Literal["readings", "alarms", "events", "access"]
_Retention = Annotated[Duration, Field(ge=3600, le=100 * 31_557_600)]
"""What InfluxDB takes: an hour at least."""


def _http(text: str) -> str:
    parts = urlsplit(text)
    if not is_http(text):
        raise ValueError("write an address such as `http://127.0.0.1:8086`")
    if parts.username is not None or parts.password is not None:
        raise ValueError("write the password as `token: !secret NAME`, not in the address")
    return text


def _one_line(token: str) -> str:
    if not token.isprintable():
        raise ValueError("a token is one line, without control characters")
    if ":" not in token and not token.isascii():
        raise ValueError("a token has no letters such as ä; the user:password of InfluxDB 1.x may")
    return token


class InfluxKeys(Frozen):
    """The section `sinks.influxdb`, or one entry of it."""

    id: Id | None = None
    url: Annotated[str, AfterValidator(_http)]
    org: Label = ""
    bucket: Annotated[Label, Field(min_length=1)] = "facility"
    access_bucket: Label = ""
    token: Annotated[str, AfterValidator(_one_line)] = Field(default="", repr=False)
    api: Literal["auto", "v2", "v1"] = "auto"
    ca: File | None = None
    retention: _Retention | None = None
    access_retention: _Retention | None = None
    only: Selector | None = None
    kinds: Annotated[tuple[_Kind, ...], BeforeValidator(several), Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.ca is not None and urlsplit(self.url).scheme != "https":
            raise ValueError("`ca:` needs an url that begins with `https://`")
        if self.api == "v1" and self.token not in {"", ABSENT} and ":" not in self.token:
            raise ValueError("with `api: v1` the token is `user:password`")
        return self


def _publishable(text: str) -> str:
    topic = text.strip("/")
    if not topic or topic.startswith("$") or any(letter in topic for letter in "+#\0"):
        raise ValueError("write a topic to publish below, such as `facility-monitor`, without `+` and `#`")
    return topic


_Topic = Annotated[Label, AfterValidator(_publishable)]


class MqttSinkKeys(Frozen):
    """The section `sinks.mqtt`, or one entry of it. `homeassistant: true`: the prefix that Home Assistant has."""

    id: Id | None = None
    connection: str
    topic: _Topic = "facility-monitor"
    homeassistant: bool | _Topic = False
    acknowledge: bool = False
    only: Selector | None = None
    kinds: Annotated[tuple[_MqttKind, ...], BeforeValidator(several), Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.acknowledge and self.kinds is not None and "alarms" not in self.kinds:
            raise ValueError("`acknowledge: true` is about alarms, which `kinds:` leaves out")
        return self

    @property
    def discovery(self) -> str:
        """The prefix of Home Assistant's discovery, or an empty text."""
        if isinstance(self.homeassistant, str):
            return self.homeassistant
        return "homeassistant" if self.homeassistant else ""
