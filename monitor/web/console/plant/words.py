"""What the states, classes and causes of the plant are called, and how grave a state is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["TONES", "Words", "words"]

TONES: Final[Mapping[str, str]] = {
    "answering": "ok",
    "not_connected": "off",
    "degraded": "warn",
    "flapping": "warn",
    "never_answered": "warn",
    "suspended": "bad",
    "present": "ok",
    "partial": "warn",
    "lost": "bad",
    "unknown": "off",
    "closed": "ok",
    "unlocked": "ok",
    "open": "warn",
    "held": "bad",
    "forced": "bad",
    "fine": "ok",
    "off": "off",
    "running": "ok",
    "starting": "ok",
    "stopping": "ok",
    "failed_to_start": "bad",
    "failed_to_stop": "bad",
    "fault": "bad",
    "soon": "warn",
    "due": "bad",
}
"""State -> the class of its shape: ok, warn, bad or off."""


class _Table(dict[str, str]):
    """Words by name; what has none is its own."""

    def __missing__(self, key: str) -> str:
        return key


@dataclass(frozen=True, slots=True)
class Words:
    """Tables of words in one language."""

    classes: Mapping[str, str]
    health: Mapping[str, str]
    doors: Mapping[str, str]
    equipment: Mapping[str, str]
    supply: Mapping[str, str]
    utilities: Mapping[str, str]
    services: Mapping[str, str]
    missing: Mapping[str, str]
    quality: Mapping[str, str]
    causes: Mapping[str, str]
    breaks: Mapping[str, str]
    events: Mapping[str, str]
    values: Mapping[str, str]
    reports: Mapping[str, str]
    kinds: Mapping[str, str]


def words(say: Callable[[str], str]) -> Words:
    """The tables in a language; `say` puts English into it."""
    return Words(
        classes=_Table(_classes(say)),
        health=_Table(_health(say)),
        doors=_Table(_doors(say)),
        equipment=_Table(_equipment(say)),
        supply=_Table(
            present=say("there"), partial=say("partly there"), lost=say("gone"), unknown=say("not known")
        ),
        utilities=_Table(
            electricity=say("Electricity"),
            water=say("Water"),
            gas=say("Gas"),
            heat=say("Heating"),
            power=say("Power"),
        ),
        services=_Table(fine=say("not due yet"), soon=say("due soon"), due=say("due")),
        missing=_Table(_missing(say)),
        quality=_Table(
            GOOD=say("good"), ESTIMATED=say("estimated"), SUSPECT=say("doubtful"), MANUAL=say("read by hand")
        ),
        causes=_Table(_causes(say)),
        breaks=_Table(_breaks(say)),
        events=_Table(_events(say)),
        values=_Table({"True": say("yes"), "False": say("no")}),
        reports=_Table(_reports(say)),
        kinds=_Table(
            device=say("Devices"),
            alarm=say("Alarms"),
            rule=say("Rules"),
            door=say("Doors"),
            zone=say("Zones"),
            person=say("People who are told"),
        ),
    )


def _classes(say: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "electricity": say("Electricity"),
        "water": say("Water"),
        "heat": say("Heating"),
        "gas": say("Gas"),
        "access": say("Card readers"),
        "door": say("Doors"),
        "safety": say("Safety"),
        "environment": say("Environment"),
        "equipment": say("Equipment"),
    }


def _health(say: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "answering": say("answering"),
        "never_answered": say("never answered"),
        "degraded": say("degraded"),
        "flapping": say("comes and goes"),
        "suspended": say("silent"),
        "not_connected": say("no connection of its own"),
    }


def _doors(say: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "unknown": say("not known"),
        "closed": say("closed"),
        "open": say("open"),
        "unlocked": say("unlocked"),
        "held": say("held open"),
        "forced": say("forced open"),
        "card": say("card"),
        "rex": say("exit button"),
        "schedule": say("by its hours"),
        "none": say("without a reason"),
    }


def _equipment(say: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "unknown": say("not known"),
        "fine": say("fine"),
        "off": say("off"),
        "running": say("running"),
        "starting": say("starting"),
        "stopping": say("stopping"),
        "failed_to_start": say("did not start"),
        "failed_to_stop": say("did not stop"),
        "fault": say("fault"),
    }


def _missing(say: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "timeout": say("no answer"),
        "refused": say("the device refused"),
        "busy": say("the device was busy"),
        "sentinel": say("the device says that it has none"),
        "nan": say("the device sent no number"),
        "out_of_range": say("out of range"),
        "undecodable": say("not readable"),
        "quarantined": say("held back: it cannot be right"),
        "not_reported": say("not reported"),
    }


def _causes(say: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "bus": say("connection"),
        "unit": say("device"),
        "database": say("journal"),
        "off": say("monitor off"),
        "clock": say("clock"),
        "unknown": say("no reason seen"),
    }


def _breaks(say: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "gap": say("gap"),
        "rollover": say("rolled over"),
        "reset": say("began anew"),
        "replaced": say("replaced"),
        "jump": say("jumped"),
        "corrected": say("corrected"),
    }


def _events(say: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "granted": say("let in"),
        "denied": say("refused"),
        "card": say("card"),
        "passage": say("went through"),
        "opened": say("opened"),
        "closed": say("closed"),
        "forced": say("forced open"),
        "held": say("held open"),
        "rex": say("exit button"),
        "duress": say("duress"),
        "tamper": say("tampering"),
        "unlocked": say("unlocked"),
        "locked": say("locked"),
        "out_of_hours": say("somebody outside the hours"),
        "passback": say("card came in twice"),
        "crowded": say("too many people"),
        "reader_online": say("reader on-line"),
        "reader_offline": say("reader off-line"),
        "counter_rollover": say("counter rolled over"),
        "counter_glitch": say("counter held back"),
        "counter_reset": say("counter began anew"),
        "meter_replaced": say("meter replaced"),
        "clock_stepped": say("clock was set"),
        "health": say("health changed"),
        "failed_to_start": say("did not start"),
        "failed_to_stop": say("did not stop"),
        "short_cycling": say("starts too often"),
        "took_over": say("took over"),
        "no_reserve": say("no reserve"),
        "idle": say("stands still"),
        "service_soon": say("work due soon"),
        "service_due": say("work due"),
        "serviced": say("work was done"),
        "battery_soon": say("battery soon empty"),
        "supply_lost": say("supply lost"),
        "supply_partial": say("supply partly lost"),
        "supply_back": say("supply is back"),
    }


def _reports(say: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "usage": say("Usage"),
        "cost": say("Costs"),
        "coverage": say("Completeness of data"),
        "balance": say("Main meters and submeters"),
        "access": say("Doors and people"),
        "equipment": say("Equipment"),
        "supply": say("Supply"),
        "alarms": say("Alarms"),
        "notifications": say("Messages to people"),
    }
