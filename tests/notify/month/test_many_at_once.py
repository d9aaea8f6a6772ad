"""A thousand alarms in a minute are one message for each person and channel, and one for each critical."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from structlog.testing import capture_logs

from monitor.site import Site, Source
from monitor.staff import Budget
from tests.notify.month.places import DECEMBER, POINTS
from tests.notify.month.story import HOUR, MINUTE, write
from tests.notify.month.world import World


def enlarged(site: Site, count: int) -> Site:
    """The same site with so many meters and sensors, and people who take any number of messages."""
    devices, rules = dict(site.devices), dict(site.rules)
    for device_class in ("water", "environment"):
        rule, point, _, _ = POINTS[device_class]
        first = site.devices[f"a-{device_class}-1"]
        more = {
            name: replace(first, id=name, name=name.upper())
            for name in (f"{device_class}-{number}" for number in range(count))
        }
        devices |= more
        rules[rule] = replace(rules[rule], sources=tuple(Source(device=name, point=point) for name in more))
    people = {name: replace(one, budget=Budget()) for name, one in site.notify.people.items()}
    return replace(site, devices=devices, rules=rules, notify=replace(site.notify, people=people))


async def test_a_thousand_alarms_are_one_message_for_each_and_the_criticals(tmp_path: Path) -> None:
    begins = (
        write(DECEMBER, 1, 20).begins + 2 * 24 * HOUR + 12 * HOUR
    )  # noon; Ana is on call, and Cy for the pipes
    world = World(enlarged(DECEMBER.load(tmp_path), 500), tmp_path, begins)
    for number in range(500):
        for place, device_class in enumerate(("water", "environment")):
            _, point, _, values = POINTS[device_class]
            severity = "critical" if number in {3, 250, 499} else "high" if device_class == "water" else "medium"
            at = begins + 1000 + (2 * number + place) * 59
            world.reads(at, f"{device_class}-{number}", point, values[severity])

    with capture_logs():
        await world.run(begins + 12 * MINUTE)

    found = Counter(
        (*one.lane, "critical" if severity == "critical" else "digest", len(one.rows))
        for one in world.deliveries
        if {row["kind"] for row in one.rows} == {"raise"}
        for severity in {row["severity"] for row in one.rows} & {"critical", "high"}
    )
    assert found == {
        ("ana", "phone", "critical", 1): 6,
        ("ana", "mail", "critical", 1): 6,
        ("ana", "phone", "digest", 994): 1,
        ("cy", "phone", "critical", 1): 3,
        ("cy", "phone", "digest", 497): 1,
    }
    assert {row["kind"] for one in world.deliveries for row in one.rows} == {"raise", "remind"}
    late = [one for one in world.deliveries if one.rows[0]["kind"] == "remind"]
    assert {row["severity"] for one in late for row in one.rows} == {"critical"}
