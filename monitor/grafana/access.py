"""Doors and who may pass: counts alone. Who it was is on no panel, not even as a pseudonym."""

from typing import Final

from monitor.grafana.common import BUILDING, SITE, TODAY, ZONE, alarm_marks
from monitor.grafana.happened import (
    ANY_IS_ORANGE,
    ANY_IS_RED,
    CHOSEN,
    COLOURED,
    NEUTRAL,
    SERIOUS,
    Top,
    fixed,
    listed,
)
from monitor.grafana.influxql import DAY, INTERVAL, Select, call, column, equals, is_any
from monitor.grafana.kinds import BarGauge, Stat, StateTimeline, Table, TimeSeries
from monitor.grafana.looks import Link, Look, Override, State
from monitor.grafana.model import ACCESS, DATA, Choice, Dashboard, Panel, Row, Target, to
from monitor.grafana.reshape import Group, Join, Sort
from monitor.schema import (
    EVENT_CAUSE,
    EVENT_COUNT,
    EVENT_LATE,
    EVENT_NAME,
    EVENT_OPEN,
    EVENT_REASON,
    MEASUREMENT_ACCESS,
    MEASUREMENT_EVENTS,
    MEASUREMENT_OCCUPANCY,
    POINT_OPEN,
    state_number,
)

__all__ = ["DOORS"]

_DOOR: Final = "door"
_LOCAL: Final = Link("This device alone", to("facility-access", "site", device="${__data.fields.device}"))
_OF_SERIES: Final = Link("This device alone", to("facility-access", "site", device="${__field.labels.device}"))
_ITS_ALARMS: Final = Link(
    "Its alarms", to("facility-alarms", "site", "building", device="${__data.fields.device}")
)

_STATES: Final = {
    "closed": State("closed", "green"),
    "unlocked": State("shut, open to everybody", "blue"),
    "open": State("open", "yellow"),
    "held": State("held open", "orange"),
    "forced": State("forced", "red"),
    "unknown": State("unknown", "gray"),
}
_CAUSES: Final = {"card": "a card", "rex": "exit button", "unlocked": "was unlocked", "schedule": "its hours"}
_INCIDENTS: Final = {
    "forced": State("forced open", "red"),
    "duress": State("under duress", "dark-red"),
    "held": State("held open", "orange"),
    "out_of_hours": State("out of hours", "yellow"),
    "passback": State("card passed back", "yellow"),
    "crowded": State("too many people", "orange"),
}
_GRANTED: Final = {"granted": "green", "denied": "red"}


def _count(*where: str, by: str = "", every: str = "") -> Select:
    """How often something happened; nothing in a span is zero."""
    return Select(
        columns=[call("sum", EVENT_COUNT)],
        source=MEASUREMENT_ACCESS,
        where=where,
        variables=CHOSEN,
        by=[by] if by else (),
        every=every,
        fill="0" if every else "",
    )


def _is(event: str) -> str:
    return equals(EVENT_NAME, event)


def _today() -> Row:
    newest = Select(
        columns=[call("last", state_number(POINT_OPEN), "newest")],
        source=_DOOR,
        variables=CHOSEN,
        by=["device"],
    )
    counted = {
        "held open": ("held", ANY_IS_ORANGE),
        "out of hours": ("out_of_hours", ANY_IS_ORANGE),
        "passages": ("passage", NEUTRAL),
    }
    inside = Select(
        columns=[call("last", EVENT_COUNT, "newest")],
        source=MEASUREMENT_OCCUPANCY,
        variables=CHOSEN,
        by=["site", "zone"],
    )
    return Row(
        panels=[
            Panel(
                kind=Stat(background=True), title="Forced today", width=4, height=4,
                time_from=TODAY, says_time=True,
                description="Openings without card, exit button or opening hours since midnight. Look at the"
                " door.",
                look=Look(decimals=0, no_value="0", steps=ANY_IS_RED),
                targets=[Target(query=_count(_is("forced")), alias="forced", source=ACCESS)],
            ),
            Panel(
                kind=Stat(text="value_and_name"), title="Since midnight", width=10, height=4, time_from=TODAY,
                says_time=True,
                description="Doors that stood open for longer than they may, people who went in at times that are"
                " not theirs, and all who went through. What is not here did not happen.",
                look=Look(decimals=0, no_value="0"),
                targets=[
                    Target(query=_count(_is(event)), alias=shown, source=ACCESS)
                    for shown, (event, _) in counted.items()
                ],
                overrides=[Override(name=shown, look=Look(steps=steps)) for shown, (_, steps) in counted.items()],
            ),
            Panel(
                kind=Stat(), title="Open now", description="Doors whose contact says that they are open. Which:"
                " see “Doors, the last day”.", width=5, height=4, time_from="7d", says_time=True,
                look=Look(decimals=0, no_value="0", steps=NEUTRAL),
                targets=[
                    Target(query=Select(columns=[call("sum", "newest", "open")], source=newest), alias="open")
                ],
            ),
            Panel(
                kind=Stat(), title="People inside", description="By the cards that went in and out, each zone"
                " of the site. Who follows somebody else in is not counted.", width=5, height=4, time_from="7d",
                says_time=True, look=Look(decimals=0, no_value="0", steps=NEUTRAL),
                targets=[
                    Target(query=Select(columns=[call("sum", "newest")], source=inside, by=["zone"]),
                           alias="$tag_zone")
                ],
            ),
        ]
    )  # fmt: skip


def _incidents() -> Row:
    """What somebody should look at."""
    said = [column(EVENT_NAME), column("device"), column("zone"), column(EVENT_REASON), column(EVENT_OPEN)]
    often = ["held"]
    rare, held = (
        Select(
            columns=said, source=MEASUREMENT_ACCESS, where=[is_any(EVENT_NAME, events)], variables=CHOSEN,
            newest_first=True, limit=limit,
        )
        for events, limit in (([each for each in _INCIDENTS if each not in often], 200), (often, 5))
    )  # fmt: skip
    columns = {
        "Time": Look(name="When", unit="time", custom={"width": 170}),
        EVENT_NAME: Look(name="What", states=_INCIDENTS, custom={**COLOURED, "width": 150}),
        "device": Look(name="Device", links=[_LOCAL, _ITS_ALARMS]),
        "zone": Look(name="Zone"),
        EVENT_OPEN: Look(name="Had stood open", unit="s", decimals=0, custom={"width": 130}),
        EVENT_REASON: Look(name="Reason"),
    }
    return Row(
        title="What somebody should look at",
        panels=[
            listed(
                rare, columns, "Forced, held open, out of hours",
                "Of doors held open the newest five: how often is beside it; of all else the newest 200. Call up"
                " the camera of that moment; a door that is here every"
                " day has a bad closer, contact or exit button.", width=14, source=ACCESS, time_from="30d",
                more=[held],
            ),
            Panel(
                kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), width=10, height=9,
                title="Forced, held open, out of hours per day", time_from="30d",
                look=Look(decimals=0, minimum=0, no_value="Nothing of that kind happened"),
                description="Openings that should not have been, day by day.",
                targets=[
                    Target(query=_count(_is(event), every=DAY), alias=state.text, source=ACCESS)
                    for event, state in _INCIDENTS.items()
                ],
                overrides=fixed({state.text: state.color for state in _INCIDENTS.values()}),
            ),
        ],
    )  # fmt: skip


def _cards() -> Row:
    denied = f"{_is('card')} AND {equals('result', 'denied')}"
    reasons = Select(
        columns=[column(EVENT_REASON), column(EVENT_COUNT)], source=MEASUREMENT_ACCESS, where=[denied],
        variables=CHOSEN, newest_first=True, limit=5000,
    )  # fmt: skip
    busy = Top(
        said=call("sum", EVENT_COUNT), measurement=MEASUREMENT_ACCESS, by="device", where=[_is("opened")],
        source=ACCESS, look=Look(decimals=0, fixed="blue", links=[_LOCAL]),
    )  # fmt: skip
    used = Top(
        said=call("sum", EVENT_COUNT), measurement=MEASUREMENT_ACCESS, by="device", where=[_is("passage")],
        source=ACCESS, look=Look(decimals=0, fixed="blue", links=[_LOCAL]),
    )  # fmt: skip
    refused = Top(
        said=call("sum", EVENT_COUNT), measurement=MEASUREMENT_ACCESS, by="device", where=[denied],
        source=ACCESS, look=Look(decimals=0, fixed="red", links=[_LOCAL]), time_from="30d",
    )  # fmt: skip
    return Row(
        title="Cards and traffic",
        panels=[
            Panel(
                kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), title="Cards per hour",
                width=14, height=8,
                description="Cards that were shown, granted and denied. Many denied ones in a row: somebody tries"
                " cards, or a tenant's cards have expired.", look=Look(decimals=0, minimum=0),
                targets=[
                    Target(query=_count(_is("card"), by="result", every="1h"), alias="$tag_result", source=ACCESS)
                ],
                overrides=fixed(_GRANTED),
            ),
            Panel(
                kind=BarGauge(rows=8), title="Denied, by reason", width=10, height=8, tables=True, time_from="30d",
                description="Why cards were denied in the last 30 days (the newest 5000), as the readers say it.",
                look=Look(decimals=0, fixed="red", no_value="None"),
                targets=[Target(query=reasons, source=ACCESS)],
                reshape=[
                    Group([EVENT_REASON], {EVENT_COUNT: ("sum",)}),
                    Sort(f"{EVENT_COUNT} (sum)", descending=True),
                ],
            ),
            busy.panel("Busiest doors", "The ten doors that were opened most often in the chosen time.", 8, 7),
            used.panel("Passages by reader", "Cards that were granted and used: the ten busiest readers.", 8, 7),
            refused.panel("Denied by reader", "The ten readers that denied most cards in the last 30 days.", 8, 7),
        ],
    )  # fmt: skip


def _each_door() -> Panel:
    """How doors do as things that wear out."""
    stood = [call("median", EVENT_OPEN, "usual"), call("percentile", EVENT_OPEN, "long", "90")]
    stood.append(call("max", EVENT_OPEN, "longest"))
    asked = [
        Select(
            columns=[call("sum", EVENT_COUNT, event)], source=MEASUREMENT_ACCESS, where=[_is(event)],
            variables=CHOSEN, by=["device"],
        )
        for event in ("opened", "forced", "held")
    ]  # fmt: skip
    asked.append(
        Select(columns=stood, source=MEASUREMENT_ACCESS, where=[_is("closed")], variables=CHOSEN, by=["device"])
    )
    looks = {
        "device": Look(name="Door", links=[_LOCAL, _ITS_ALARMS]),
        "opened": Look(name="Opened", decimals=0, steps=NEUTRAL),
        "forced": Look(name="Forced", decimals=0, no_value="0", steps=ANY_IS_RED, custom=COLOURED),
        "held": Look(name="Held open", decimals=0, no_value="0", steps=ANY_IS_ORANGE, custom=COLOURED),
        "usual": Look(name="Usually open for", unit="s", decimals=0),
        "long": Look(name="9 of 10 at most", unit="s", decimals=0),
        "longest": Look(name="Longest", unit="s", decimals=0),
    }
    return Panel(
        kind=Table(sort="Opened"), title="Each door", width=14, height=9, time_from="30d",
        description="How often it was opened, forced and held, and how long it stood"
        " open. A door that usually stands open for longer than its neighbours wants its closer adjusted.",
        targets=[Target(query=query, source=ACCESS) for query in asked], reshape=[Join("device")],
        overrides=[
            *(Override(pattern=f"/^{name}$/", look=look) for name, look in looks.items()),
            Override(pattern="/^Time/", hidden=True),
        ],
    )  # fmt: skip


def _each() -> Row:
    daily = Select(
        columns=[call("percentile", EVENT_OPEN, "long", "90")], source=MEASUREMENT_ACCESS, where=[_is("closed")],
        variables=CHOSEN, by=["device"], every=DAY,
    )  # fmt: skip
    causes = {**_CAUSES, "none": "nothing: forced"}
    return Row(
        title="How each door does",
        panels=[
            _each_door(),
            Panel(
                kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), title="Why doors were opened", width=10,
                height=9, time_from="30d",
                description="What let people open the doors, day by day. “Nothing” is a forced door.",
                look=Look(decimals=0, minimum=0),
                targets=[
                    Target(query=_count(_is("opened"), equals(EVENT_CAUSE, cause), every=DAY), alias=shown,
                           source=ACCESS)
                    for cause, shown in causes.items()
                ],
                overrides=fixed({"nothing: forced": "red"}),
            ),
            Panel(
                kind=TimeSeries(joined=3 * 86_400, calcs=["mean", "lastNotNull"]), width=24, height=8,
                title="How long doors stand open", time_from="30d",
                description="Nine of ten times a door was shut again within so long, day by day. A line that rises"
                " over weeks is a closer that wears out; a jump is a wedge under the door.",
                look=Look(unit="s", minimum=0, links=[_OF_SERIES], custom={"showPoints": "always"}),
                targets=[Target(query=daily, alias="$tag_device", source=ACCESS)],
            ),
            Panel(
                kind=StateTimeline(), title="Doors, the last day", width=24, height=9, time_from="24h",
                says_time=True, look=Look(states=_STATES),
                description="Each door as it was. Nothing at the left: it has not moved since before.",
                targets=[
                    Target(
                        query=Select(columns=[column("state")], source=_DOOR, variables=CHOSEN, by=["device"]),
                        alias="$tag_device",
                    )
                ],
            ),
        ],
    )  # fmt: skip


def _people() -> Row:
    people = [
        Select(
            columns=[call("max", name)], source=MEASUREMENT_OCCUPANCY, variables=CHOSEN, by=["zone"],
            every=INTERVAL, fill="previous",
        )
        for name in (EVENT_COUNT, "known")
    ]  # fmt: skip
    return Row(
        title="People inside",
        panels=[
            Panel(
                kind=TimeSeries(stepped=True, calcs=["max", "lastNotNull"]), title="People inside, by zone",
                description="How many are in each zone, and how many of them are known by a card that went in."
                " A number that stays at night: cards that never went out.", width=24, height=8,
                look=Look(decimals=0, minimum=0),
                targets=[
                    Target(query=people[0], alias="$tag_zone"),
                    Target(query=people[1], alias="$tag_zone, with a card"),
                ],
            ),
        ],
    )  # fmt: skip


def _readers() -> Row:
    """Whether what is told can be relied on."""
    late = Top(
        said=call("sum", EVENT_LATE), measurement=MEASUREMENT_ACCESS, by="device", source=ACCESS,
        look=Look(decimals=0, fixed="orange", links=[_LOCAL], no_value="None"),
    )  # fmt: skip
    kinds = {
        "tamper": State("tampered with", "red"),
        "reader_offline": State("reader off line", "orange"),
        "reader_online": State("reader back", "green"),
    }
    told = Select(
        columns=[column("kind"), column("device"), column("zone"), column(EVENT_COUNT)],
        source=MEASUREMENT_EVENTS,
        where=[is_any("kind", list(kinds))],
        variables=CHOSEN,
        newest_first=True,
        limit=200,
    )
    columns = {
        "Time": Look(name="When", unit="time", custom={"width": 170}),
        "kind": Look(name="What", states=kinds, custom={**COLOURED, "width": 150}),
        "device": Look(name="Device", links=[_LOCAL, _ITS_ALARMS]),
        "zone": Look(name="Zone"),
    }
    return Row(
        title="Readers and contacts",
        panels=[
            listed(
                told, columns, "Tampered with, off line",
                "A reader that was opened, or that did not answer. Go and look at it.", width=14,
                height=8, hidden=[EVENT_COUNT],
            ),
            late.panel(
                "Told late", "Events that a reader kept in its memory and told more than two minutes late: its"
                " network is bad, or its clock is wrong.", 10, 8,
            ),
        ],
    )  # fmt: skip


DOORS: Final = Dashboard(
    uid="facility-access",
    title="Doors and access",
    description="What happens at the doors: forced and held, cards granted and denied, traffic, people inside.",
    rows=[_today(), _incidents(), _cards(), _each(), _people(), _readers()],
    choices=[
        SITE,
        BUILDING,
        ZONE,
        Choice(name="device", measurement=MEASUREMENT_ACCESS, among=("site", "building", "zone"), source=ACCESS),
    ],
    annotations=[alarm_marks(*CHOSEN, where=[SERIOUS])],
    range="now-7d",
    sources=(DATA, ACCESS),
    classes=frozenset({"access", "door"}),
)
