"""What the site file and the profiles may say about MQTT: models only, nothing is opened here."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from drivers.mqtt import jsonpath
from monitor.fields import Duration, File, Frozen, Value, several
from monitor.profiles.model import EventModel, PointModel

__all__ = [
    "Availability",
    "Credential",
    "MqttConnection",
    "MqttDevice",
    "MqttEvent",
    "MqttPoint",
    "MqttProfile",
    "PayloadTime",
    "Where",
    "WhereIs",
    "WhereMapped",
    "check_topic_filter",
]

_DAY = 86400.0
_MAX_TOPIC = 512


def _json_path(text: str) -> str:
    jsonpath.parse(text)
    return text


def check_topic_filter(text: str) -> str:
    """Answer a topic filter as it is: levels between `/`, `+` for one whole level, `#` for all that follow.

    Raises ValueError that says what may be written.
    """
    if not text or len(text) > _MAX_TOPIC or "\0" in text:
        raise ValueError(f"a topic has 1 to {_MAX_TOPIC} characters")
    if text.startswith("$"):
        raise ValueError("topics that begin with `$` belong to the broker itself")
    levels = text.split("/")
    if any(("+" in level and level != "+") or ("#" in level and level != "#") for level in levels):
        raise ValueError("`+` and `#` stand for whole levels of a topic, such as `meters/+/state`")
    if "#" in levels[:-1]:
        raise ValueError("`#` can only be the last level of a topic")
    return text


def _topic_suffix(text: str) -> str:
    return check_topic_filter(text.strip("/"))


def _broker_url(text: str) -> str:
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port of a broker is a number from 1 to 65535") from None
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or port == 0:
        raise ValueError("write `mqtt://host:1883`, or with TLS `mqtts://host:8883`")
    if parts.username is not None or parts.password is not None:
        raise ValueError("write `username:` and `password:` as keys of their own, not in the url")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("the url of a broker ends with its port")
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("write a time zone such as `Europe/Berlin`") from None
    return text


def _version(value: object) -> object:
    return "5" if value == 5 and not isinstance(value, bool) else value  # noqa: PLR2004 - MQTT's own number


def _whole_seconds(seconds: float) -> float:
    if not 1 <= seconds <= 65535:  # noqa: PLR2004 - the field has 16 bits
        raise ValueError("write a time from 1 s to 18 h")
    return seconds


def _session_seconds(seconds: float) -> float:
    if not 1 <= seconds < 2**32 - 1:
        raise ValueError("write a time from 1 s to 136 years")
    return seconds


JsonPath = Annotated[str, AfterValidator(_json_path)]
TopicFilter = Annotated[str, AfterValidator(check_topic_filter)]
TopicSuffix = Annotated[str, AfterValidator(_topic_suffix)]
Qos = Literal[0, 1, 2]


class MqttConnection(Frozen):
    """The block `mqtt:` of a connection: one broker.

    `qos` is what devices without a `qos:` of their own are subscribed with. `receive_maximum` is how many
    messages may wait for their acknowledgement; 3.1.1 cannot say it, there the broker's setting counts.
    """

    url: Annotated[str, AfterValidator(_broker_url)]
    username: str | None = None
    password: str | None = Field(None, repr=False)
    ca: File | None = None
    certificate: File | None = None
    key: File | None = None
    client_id: Annotated[str, Field(max_length=128)] = ""
    protocol: Annotated[Literal["5", "3.1.1"], BeforeValidator(_version)] = "5"
    keepalive: Annotated[Duration, AfterValidator(_whole_seconds)] = 30.0
    session_expiry: Annotated[Duration, AfterValidator(_session_seconds)] = 7 * _DAY
    receive_maximum: Annotated[int, Field(ge=1, le=65535)] = 1000
    qos: Qos = 1

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate:` and `key:` of the client go together")
        if not self.tls and (self.ca or self.certificate):
            raise ValueError("`ca:`, `certificate:` and `key:` need an url that begins with `mqtts://`")
        if self.password is not None and self.username is None:
            raise ValueError("`password:` needs a `username:`")
        return self

    @property
    def tls(self) -> bool:
        """Whether the url asks for TLS."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's port; 1883, or 8883 with TLS, when the url names none."""
        return urlsplit(self.url).port or (8883 if self.tls else 1883)


class Where(Frozen):
    """Where in a payload something is found: exactly one of the three."""

    json_path: JsonPath | None = Field(None, alias="json")
    key: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    text: Literal[True] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        _one_place(self)
        return self

    @property
    def place(self) -> tuple[object, ...]:
        """What tells two places apart."""
        return (None if self.json_path is None else jsonpath.parse(self.json_path), self.key, self.text)


def _one_place(where: Where) -> None:
    if sum(found is not None for found in (where.json_path, where.key, where.text)) != 1:
        raise ValueError("write one of `json: $.path`, `key: name` and `text: true`")


class WhereIs(Where):
    """A condition on a payload: what is found there is one of the values."""

    wanted: Value | tuple[Value, ...] = Field(alias="is")


class WhereMapped(Where):
    """Something found and translated; what the map does not name is left out."""

    map: dict[str, Value] | None = None


class Credential(Where):
    """Where the clear credential is, and how the reader spells it; only its pseudonym is kept."""

    form: Literal["hex_unpadded", "hex", "decimal", "text"]


class PayloadTime(Where):
    """The device's own time in a payload; used only when `trusted`. `zone`: that of times that say none."""

    format: Literal["unix_s", "unix_ms", "iso8601"] | None = None
    trusted: bool = False
    zone: Annotated[str, AfterValidator(_zone)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        """Want a place, unless it is only said that there is nothing to be trusted."""
        if not self.trusted and self.format is None and not any(self.place):
            return self
        if self.format is None:
            raise ValueError("say the `format:` of the time: unix_s, unix_ms or iso8601")
        if self.zone is not None and self.format != "iso8601":
            raise ValueError("`zone:` is for times that are written out (`format: iso8601`)")
        _one_place(self)
        return self


class Availability(Frozen):
    """The topic on which a device (or its last will) says whether it is there.

    In a profile the topic is appended to the device's; at a device it is written whole.
    """

    topic: TopicSuffix
    online: str = "online"
    offline: str = "offline"
    json_path: JsonPath | None = Field(None, alias="json")


class MqttDevice(Frozen):
    """The keys that MQTT adds to a device. `{id}` in a topic stands for the device's id."""

    topic: TopicFilter
    qos: Qos | None = None
    availability: Availability | None = None
    time: PayloadTime | None = None


class MqttProfile(Frozen):
    """The block `mqtt:` of a profile. `partial`: a message may carry a part of the points.

    `root`: the JSON object that all paths of points and events begin at; a message without it says nothing.
    `good`: what the device says when it trusts its own values; otherwise they are missing.
    """

    payload: Literal["json", "text", "key_value", "sparkplug"] = "json"
    root: JsonPath | None = None
    topic: TopicSuffix | None = None
    time: PayloadTime | None = None
    availability: Availability | None = None
    partial: bool = False
    good: WhereIs | None = None

    @model_validator(mode="after")
    def _root_is_json(self) -> Self:
        if self.root is not None and self.payload != "json":
            raise ValueError("`root:` is a place in JSON: it does not go with this `payload:`")
        beside = (self.topic, self.availability, self.good, self.time and self.time.format)
        if self.payload == "sparkplug" and (self.partial or any(each is not None for each in beside)):
            raise ValueError("with `payload: sparkplug` the protocol says topics, times, quality and who is there")
        return self

    @property
    def base(self) -> jsonpath.Path:
        """The steps of `root`; none when paths begin at the payload itself."""
        return () if self.root is None else jsonpath.parse(self.root)


class MqttPoint(Where, PointModel):
    """A point over MQTT: where it is in the payload, and what an absent field means (`omitted`).

    `metric` is the name that Sparkplug has for it, in place of one of the others.
    """

    topic: TopicSuffix | None = None
    omitted: Value | None = None
    metric: Annotated[str, Field(min_length=1, max_length=1024)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if self.metric is None:
            _one_place(self)
        elif any(each is not None for each in (*self.place, self.topic, self.omitted)):
            raise ValueError(
                "`metric:` is the whole place of a point: it goes with no `json`, `topic` and the like"
            )
        return self


class MqttEvent(EventModel):
    """Something that a message says happened. Only what is named here is kept of the payload.

    `id`: what tells the events of a device apart for ever, which may take several places of the payload.
    """

    when: WhereIs | None = None
    topic: TopicSuffix | None = None
    credential: Credential | None = None
    result: WhereMapped | None = None
    reason: WhereMapped | None = None
    id: Annotated[tuple[Where, ...], BeforeValidator(several)] = ()
    attributes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], WhereMapped] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _credential_stays_hidden(self) -> Self:
        if self.credential is None:
            return self
        hidden = self.credential.place
        shown = [("reason", self.reason), ("result", self.result), *self.attributes.items()]
        for name, where in (*shown, *(("id", where) for where in self.id)):
            if where is not None and where.place == hidden:
                raise ValueError(f"`{name}:` would show the credential, of which only the pseudonym is kept")
        return self
