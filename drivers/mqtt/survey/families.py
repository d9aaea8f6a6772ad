"""Recognises the senders that facilities own, by their topics and payloads. Pure.

Each of them documents the topics and fields that are looked for here; the tests have their documented payloads.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from drivers.mqtt.survey.heard import Heard

__all__ = ["MINE", "Known", "everybody", "is_mine", "recognise"]

MINE: Final = "facility-monitor"
_TASMOTA = re.compile(r"(tele|stat)/|/(tele|stat)/")
_TASMOTA_ENDS = frozenset({"SENSOR", "STATE", "LWT", "STATUS8", "STATUS10", "POWER", "RESULT", "INFO1", "INFO2"})
_SHELLY = re.compile(r"/(status/[a-z0-9_]+:\d+|events/rpc)$")
_ADAM = re.compile(r"Advantech/[0-9A-Fa-f]{12}/(data|Device_Status)")
_WIREN = re.compile(r"/devices/[^/]+/(controls/[^/]+|meta)(/.*)?")
_CHIRPSTACK = re.compile(r"application/[^/]+/device/([0-9a-f]{16})/event/(\w+)")
_THINGS = re.compile(r"v3/[^/]+/devices/([^/]+)/(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Who speaks. `model`: what tells its model, such as the driver of a wM-Bus meter.

    `device`: a name for the device. `device_class` is empty where the message does not tell. `measures`: whether
    the message can carry measured values or events; others are the sender's own business. `root`: where in the
    payload the device's own words begin. `note`: what a person should know.
    """

    family: str
    model: str = ""
    device: str = ""
    device_class: str = ""
    measures: bool = True
    root: tuple[str, ...] = ()
    note: str = ""


def everybody(heard: Mapping[str, Heard]) -> dict[str, Known | None]:
    """Tell who speaks on each topic. Zigbee2MQTT's bridge tells the models of its devices."""
    known = {topic: recognise(each) for topic, each in heard.items()}
    for topic, each in heard.items():
        if topic.endswith("/bridge/devices") and each.newest is not None:
            base = topic.removesuffix("bridge/devices")
            for name, model in _bridged(each.newest.body.tree()):
                who = known.get(f"{base}{name}")
                if who is not None:
                    known[f"{base}{name}"] = replace(who, model=model)
    mine = tuple(filter(None, map(_mine, heard.values())))
    return {
        topic: Known(family=MINE, measures=False) if topic.startswith(mine) else who
        for topic, who in known.items()
    }


def is_mine(topic: str) -> bool:
    """Whether a topic is an announcement of a monitor such as this one."""
    levels = topic.split("/")
    return topic.endswith("/config") and len(levels) > 1 and levels[-2].startswith(f"{MINE}_")


def _mine(heard: Heard) -> str:
    """The beginning of what a monitor publishes, by its announcement; empty for other messages."""
    tree = _tree(heard, 0) if is_mine(heard.topic) else {}
    base = _text(tree, "availability_topic").removesuffix("availability")
    return base if base.count("/") > 1 else ""


def _bridged(tree: Any) -> Iterator[tuple[str, str]]:
    """The name and the model of each device that the bridge lists."""
    for each in tree if isinstance(tree, list) else ():
        model = _text(each, "definition", "model") if isinstance(each, dict) else ""
        if model:
            yield _text(each, "friendly_name"), model


def recognise(heard: Heard) -> Known | None:
    """Tell who speaks on a topic; None when nobody is known by it."""
    for tree in [_tree(heard, index) for index in range(max(1, len(heard.samples)))]:
        for test in _TESTS:
            if (known := test(heard.topic, tree)) is not None:
                return known
    return None


def _tree(heard: Heard, index: int) -> Mapping[str, Any]:
    """One of the payloads, newest first, as an object; empty when it is none."""
    samples = list(reversed(heard.samples.values()))
    if index >= len(samples) or samples[index].kind != "json":
        return {}
    tree = samples[index].body.tree()
    return tree if isinstance(tree, dict) else {}


def _text(tree: Mapping[str, Any], *path: str) -> str:
    node: Any = tree
    for step in path:
        node = node.get(step) if isinstance(node, dict) else None
    return str(node)[:100] if isinstance(node, str | int) and not isinstance(node, bool) else ""


def _monitor(topic: str, _tree: Mapping[str, Any]) -> Known | None:
    return Known(family=MINE, measures=False) if topic.startswith("facility-monitor/") else None


def _sparkplug(topic: str, _tree: Mapping[str, Any]) -> Known | None:
    if not topic.startswith("spBv1.0/"):
        return None
    device = "-".join(topic.split("/")[3:])
    return Known(family="Sparkplug B", device=device, measures=False)


def _discovery(topic: str, tree: Mapping[str, Any]) -> Known | None:
    announces = {"state_topic", "stat_t", "command_topic", "cmd_t", "cmps", "components", "~", "topic", "t"}
    if topic.endswith("/config") and (topic.startswith("homeassistant/") or len(announces & tree.keys()) > 1):
        return Known(family="Home Assistant discovery", measures=False)
    return Known(family="Home Assistant", measures=False) if topic == "homeassistant/status" else None


def _chirpstack(topic: str, tree: Mapping[str, Any]) -> Known | None:
    if not (found := _CHIRPSTACK.fullmatch(topic)):
        return None
    return Known(
        family="ChirpStack v4",
        model=_text(tree, "deviceInfo", "deviceProfileName"),
        device=_text(tree, "deviceInfo", "deviceName") or found[1],
        measures=found[2] == "up",
        root=("object",),
        note="" if "object" in tree or found[2] != "up" else "give its device profile a codec: nothing is decoded",
    )


def _things_stack(topic: str, tree: Mapping[str, Any]) -> Known | None:
    if not (found := _THINGS.fullmatch(topic)):
        return None
    model = _text(tree, "uplink_message", "version_ids", "model_id")
    return Known(
        family="The Things Stack",
        model=model,
        device=found[1],
        measures=found[2] == "up",
        root=("uplink_message", "decoded_payload"),
    )


_MEDIA: Final = (
    ("water", "water"),
    ("gas", "gas"),
    ("heat", "heat"),
    ("cooling", "heat"),
    ("electricity", "electricity"),
    ("smoke", "safety"),
)


def _wmbus(_topic: str, tree: Mapping[str, Any]) -> Known | None:
    if not isinstance(tree.get("meter"), str) or not {"id", "timestamp"} <= tree.keys():
        return None
    media = _text(tree, "media").lower()
    kind = next((each for word, each in _MEDIA if word in media), "")
    name = _text(tree, "name")
    ident = _text(tree, "id")
    return Known(
        family="wmbusmeters",
        model=_text(tree, "meter"),
        device=f"{name} {ident}".strip(),
        device_class=kind,
    )


def _tasmota(topic: str, _tree: Mapping[str, Any]) -> Known | None:
    levels = topic.split("/")
    if levels[-1] not in _TASMOTA_ENDS or not _TASMOTA.search(topic):
        return None
    device = next((level for level in levels[:-1] if level not in {"tele", "stat"}), "")
    measures = levels[-1] in {"SENSOR", "STATUS8", "STATUS10"}
    return Known(family="Tasmota", device=device, measures=measures)


def _shelly(topic: str, tree: Mapping[str, Any]) -> Known | None:
    if found := _SHELLY.search(topic):
        prefix = topic[: found.start()]
        model = prefix.rsplit("/", maxsplit=1)[-1].rsplit("-", maxsplit=1)[0]
        return Known(family="Shelly Gen2+", model=model, device=prefix)
    if topic.startswith("shellies/"):
        device = topic.split("/")[1] if topic.count("/") > 1 else ""
        return Known(family="Shelly Gen1", model=device.rsplit("-", maxsplit=1)[0], device=device)
    if topic.endswith("/online") and "shelly" in topic and not tree:
        return Known(family="Shelly Gen2+", device=topic.removesuffix("/online"), measures=False)
    return None


def _zigbee(topic: str, tree: Mapping[str, Any]) -> Known | None:
    if topic.startswith("zigbee2mqtt/bridge/"):
        return Known(family="Zigbee2MQTT", measures=False)
    if topic.startswith("zigbee2mqtt/") or ("linkquality" in tree and "/" in topic):
        device = topic.partition("/")[2]
        model = _text(tree, "device", "model")
        return Known(
            family="Zigbee2MQTT", model=model, device=device, measures=not topic.endswith("/availability")
        )
    return None


def _esp_rfid(_topic: str, tree: Mapping[str, Any]) -> Known | None:
    kind = tree.get("type")
    if kind == "access" and {"uid", "access", "isKnown"} <= tree.keys():
        return Known(family="esp-rfid", device_class="access")
    if (kind == "boot" and "Wifi SSID" in tree) or (kind == "heartbeat" and set(tree) == {"type", "time"}):
        return Known(family="esp-rfid", device_class="access", measures=kind == "boot")
    return None


def _rtl433(topic: str, tree: Mapping[str, Any]) -> Known | None:
    if topic.startswith("rtl_433/") or ({"model", "mic"} <= tree.keys() and "id" in tree):
        where = topic.partition("/devices/")[2].split("/")[:-1]
        model = _text(tree, "model") or next(iter(where), "")
        ident = _text(tree, "id") or "-".join(where[1:])
        measures = topic.endswith("/events") or "/devices/" in topic or bool(tree)
        return Known(family="rtl_433", model=model, device=f"{model} {ident}".strip(), measures=measures)
    return None


def _adam(topic: str, _tree: Mapping[str, Any]) -> Known | None:
    if not _ADAM.fullmatch(topic):
        return None
    return Known(family="Advantech ADAM", device=f"adam-{topic.split('/')[1]}", measures=topic.endswith("/data"))


def _wiren_board(topic: str, _tree: Mapping[str, Any]) -> Known | None:
    if not (found := _WIREN.fullmatch(topic)):
        return None
    measures = found[1] != "meta" and not found[2]
    return Known(family="Wiren Board", device=topic.split("/")[2], measures=measures)


_TESTS: Final[tuple[Callable[[str, Mapping[str, Any]], Known | None], ...]] = (
    _monitor,
    _sparkplug,
    _discovery,
    _chirpstack,
    _things_stack,
    _wmbus,
    _esp_rfid,
    _adam,
    _wiren_board,
    _tasmota,
    _shelly,
    _zigbee,
    _rtl433,
)
