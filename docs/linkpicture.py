"""Draws docs/link-en.png and docs/link-zh.png: the page behind a link. Run by `make report-picture`."""

from dataclasses import replace
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from docs.pagepicture import draw_page
from monitor.alarms.store import AlarmView
from monitor.site import Device, Site
from monitor.staff import Person
from monitor.web.linkdesk import Seen, Stand
from monitor.web.linkpage import draw

WIDTH, HEIGHT = 500, 900
TIME = 1_795_786_516_000
TARGETS: Final = {language: Path(__file__).with_name(f"link-{language}.png") for language in ("en", "zh")}
_SITE = Site(
    id="maple-court",
    name="Maple Court",
    timezone=ZoneInfo("Europe/Berlin"),
    devices={
        "main": Device(
            id="main",
            name="Main meter",
            connection="plant",
            device_class="electricity",
            building="A",
            zone="plant",
        )
    },
)
_PEOPLE = {
    "en": Person(id="ana", name="Ana", language="en", channels={}),
    "zh": Person(id="li-wei", name="李伟", language="zh", channels={}),
}
_ALARM = AlarmView(
    occurrence="0123456789abcdef",
    rule="undervoltage",
    device="main",
    source_key="main/voltage_l1_v",
    point="voltage_l1_v",
    title="Undervoltage: Main meter",
    response_text="Check the main breaker and call the grid operator.",
    cause_text="A large load has started, or the grid is weak.",
    consequence_text="Motors run hot and burn out.",
    owner="Electrician on call",
    state="active",
    response="unacked",
    suppression=(),
    isa="B",
    active=True,
    latched=False,
    normal=False,
    unknown=False,
    momentary=False,
    late=False,
    shadow=False,
    severity="high",
    value=201.3,
    limit=207.0,
    unit="V",
    since=TIME,
    raised_at=TIME,
    acknowledged_at=None,
    acknowledged_by="",
    cleared_at=None,
    reason="",
)
_IN_CHINESE = replace(
    _ALARM,
    title="电压过低：主电表",  # noqa: RUF001 - Chinese punctuation
    response_text="检查总开关，并致电供电公司。",  # noqa: RUF001 - Chinese punctuation
    cause_text="有大负荷启动，或电网电压偏低。",  # noqa: RUF001 - Chinese punctuation
    consequence_text="电机过热甚至烧毁。",
    owner="值班电工",
)


def page(language: str, stand: Stand = Stand.WAITS) -> str:
    """The page of an alarm that waits, in one language."""
    alarm = _ALARM if language == "en" else _IN_CHINESE
    return draw(_SITE, Seen(alarm=alarm, person=_PEOPLE[language], stand=stand), "token")


def main() -> None:
    """Let Chromium draw both pages."""
    for language, target in TARGETS.items():
        draw_page(page(language), target, size=(WIDTH, HEIGHT), colours=64)


if __name__ == "__main__":
    main()
