"""What to look at when a broker is lost, or a device behind it says nothing."""

from typing import Final

__all__ = ["REBIRTH", "VAGUE", "advice", "device_advice"]

_USUAL: Final = "broker, network"
_TAKEN_OVER: Final = "whether another client uses the same client_id, such as a second monitor of this site"
VAGUE: Final = frozenset({_USUAL, _TAKEN_OVER})
"""Advice that is given when nobody said what is wrong."""
REBIRTH: Final = (
    "Its edge node names its metrics only when it is born, and no birth was seen since the monitor began or since"
    " messages were lost: have the host application ask for a rebirth, or let the node send names, not aliases."
)
"""For a Sparkplug device of which no birth is known."""
_KNOWN: Final = (
    (("Not authorized", "Bad user name", "Bad authentication"), "username and password, the broker's access list"),
    (
        ("alert certificate", "alert bad certificate", "alert unknown ca"),
        "the monitor's own certificate (`certificate`, `key`): its dates, and whether the broker knows its CA",
    ),
    (("CERTIFICATE", "certificate"), "the certificate: who signed it (`ca`), its name, its dates"),
    (("Session taken over",), _TAKEN_OVER),
    (("Name or service not known", "name resolution", "nodename"), "the host in `url`, the name server"),
)


def advice(reason: str, *, briefly: bool) -> str:
    """What to look at when a connection ended; `briefly`: it had stood for some seconds at most."""
    for words, check in _KNOWN:
        if any(word in reason for word in words):
            return check
    return _TAKEN_OVER if briefly and (not reason or "reset by peer" in reason) else _USUAL


def device_advice(topic: str, *, connected: bool, heard: bool) -> str:
    """What to look at when a device says nothing or too little; `heard`: it has spoken before."""
    if not connected:
        return "The broker is away: see its connection in `status`; what its devices say waits for it."
    if heard:
        return "Check its battery or supply, its radio and how far it is, and its gateway; then `every`."
    return (
        f"Nothing that makes sense has come on {topic}: check the topic (`facility-monitor listen` shows what is"
        " published), the device's own broker settings, and that it publishes at all."
    )
