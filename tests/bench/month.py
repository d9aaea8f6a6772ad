"""A month of a hundred meters as line protocol, posted raw: what dashboards are asked over.

One line a minute for each of 100 meters with what metering writes beside (4.3 million lines of about ten fields),
for 40 doors, detectors, machines and rooms, and for the health of all of them; usage by hour and day, alarms,
events, cards. Figures are made up, only their number and their tags are as in a house.
"""

import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import urllib3

from tests.servers.influxdb import InfluxServer

__all__ = ["fill"]

DAYS: Final = 30
BODY: Final = 10_000
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
SENDERS: Final = 2

_VARIANTS: Final = 1440
_CLASSES: Final = {
    "electricity": (60, 5, "energy_import_kwh", "energy_import_delta_kwh"),
    "water": (20, 2, "volume_m3", "volume_delta_m3"),
    "gas": (10, 2, "volume_m3", "volume_delta_m3"),
    "heat": (10, 1, "energy_kwh", "energy_delta_kwh"),
}
"""Class -> meters, main meters among them, their counter, and its delta."""

_UNITS: Final = {
    "electricity": "power_w voltage_l1_v voltage_l2_v voltage_l3_v current_l1_a current_l2_a current_l3_a pf"
    " frequency_hz demand_sliding_w demand_predicted_w",
    "water": "flow_m3h demand_sliding_m3h demand_predicted_m3h",
    "gas": "flow_m3h demand_sliding_m3h demand_predicted_m3h",
    "heat": "power_w supply_c return_c flow_m3h demand_sliding_w",
}
_OTHERS: Final = {
    "door": "open={0},open_i={1}i,locked=true,locked_i=1i,held=false,held_i=0i,forced=false,forced_i=0i",
    "safety": "alarm={0},alarm_i={1}i,tamper=false,tamper_i=0i,battery_pct=92",
    "equipment": "running={0},running_i={1}i,fault=false,fault_i=0i,hours=812.5,starts=512",
    "environment": "temperature_c=21.{1},humidity_pct=48,co2_ppm=61{1}",
}
_OF_EACH: Final = 10


def fill(server: InfluxServer, now: int) -> int:
    """Fill the databases facility and facility-access with the month before `now` (UTC ms); answers the lines."""
    server.create("facility", "facility-access")
    http = urllib3.PoolManager(maxsize=SENDERS, timeout=120, retries=False)
    begin = now // DAY * DAY - (DAYS - 1) * DAY
    count = 0

    def post(database: str, lines: list[str]) -> None:
        url = f"{server.url}/write?db={database}&precision=ms"
        answer = http.request("POST", url, body="\n".join(lines).encode())
        if answer.status != 204:
            raise RuntimeError(answer.data.decode())

    with ThreadPoolExecutor(SENDERS) as senders:
        under_way: list[Future[None]] = []
        for database, lines in _bodies(begin, now):
            count += len(lines)
            under_way.append(senders.submit(post, database, lines))
            if len(under_way) > SENDERS:
                under_way.pop(0).result()
        for each in under_way:
            each.result()
    return count


def _bodies(begin: int, end: int) -> Iterator[tuple[str, list[str]]]:
    for database, lines in (("facility", _often(begin, end)), ("facility", _seldom(begin, end))):
        yield from _parted(database, lines)
    yield from _parted("facility-access", _cards(begin, end))


def _parted(database: str, lines: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
    body: list[str] = []
    for line in lines:
        body.append(line)
        if len(body) >= BODY:
            yield database, body
            body = []
    if body:
        yield database, body


def _place(number: int) -> str:
    return f"site=hq,building=b{number % 2 + 1},zone=z{number % 10}"


def _meters() -> Iterator[tuple[str, str, str]]:
    """Class, device and role of each meter."""
    for kind, (count, mains, _, _) in _CLASSES.items():
        for number in range(count):
            yield kind, f"{kind[0]}-{number}", "main" if number < mains else "sub"


def _often(begin: int, end: int) -> Iterator[str]:
    """What is said each minute."""
    chance = random.Random(1)
    talkers: list[tuple[str, list[str], str]] = []
    health: list[str] = []
    for number, (kind, device, role) in enumerate(_meters()):
        _, _, counter, delta = _CLASSES[kind]
        variants = [
            ",".join(f"{point}={chance.uniform(1, 250):.2f}" for point in _UNITS[kind].split())
            + f",{delta}={chance.random():.3f},quality=0i"
            for _ in range(_VARIANTS // 10)
        ]
        talkers.append((f"{kind},{_place(number)},device={device},role={role} ", variants, counter))
        health.append(f"{_place(number)},device={device}")
    for kind, template in _OTHERS.items():
        for number in range(_OF_EACH):
            variants = [template.format(*((("false", 0), ("true", 1))[chance.random() < 0.2])) for _ in range(144)]
            talkers.append((f"{kind},{_place(number)},device={kind}-{number} ", variants, ""))
            health.append(f"{_place(number)},device={kind}-{number}")
    for minute, moment in enumerate(range(begin, end, MINUTE)):
        for number, (series, variants, counter) in enumerate(talkers):
            fields = variants[(minute * 7 + number) % len(variants)]
            counted = f"{counter}={1000 + minute * 0.082 + number:.3f}," if counter else ""
            yield f"{series}{counted}{fields} {moment}"
        for number, place in enumerate(health):
            up = (minute + number * 977) % 3000 > 2
            yield (
                f"device_health,{place},protocol=modbus up={'true' if up else 'false'},up_i={up:d}i,"
                f'state="{"answering" if up else "silent"}",polls=6i,errors={not up:d}i,last_error="",loss_pct=0,'
                f"poll_ms={40 + minute % 9}.2 {moment}"
            )
        yield (
            "facility_monitor,instance=hq-1,version=1.0 readings=1400i,readings_dropped=0i,devices_down=0i,"
            f"journal_lag=0i,dead_letters=0i,notify_waiting=0i,write_ms_p95=12.4,loop_lag_ms=0.{minute % 9},"
            f"rss_mb=110,journal_mb=800,journal_left_h=900,disk_free_pct=60,clock_synchronised=1 {moment}"
        )


def _seldom(begin: int, end: int) -> Iterator[str]:
    """Usage by hour and by day, alarms with their ends, events."""
    for number, (kind, device, role) in enumerate(_meters()):
        tags = f"{_place(number)},device={device},role={role},utility={kind},tenant=t{number % 12}"
        for measurement, step in (("usage_hourly", HOUR), ("usage_daily", DAY)):
            for index, moment in enumerate(range(begin, end, step)):
                yield (
                    f"{measurement},{tags} amount={4 + index % 17}.5,estimated=0,partial_i=0i,cost=1.3,"
                    f"carbon_kg=2.1,demand_max_w=5210,base_w=410,coverage_pct=99.8,hour={index % 24}i,"
                    f"weekday={index % 7 + 1}i,week_before={4 + index % 13}.5 {moment}"
                )
    yield from _hours(begin, end)
    for index, moment in enumerate(range(begin, end, 20 * MINUTE)):
        place = f"{_place(index)},device=e-{index % 60}"
        yield f'events,{place},kind=health detail="{{}}",count=1i,seq={index}i,late_i=0i {moment}'
        for state, later in (("active", 0), ("clear", 5 * MINUTE)):
            cause = "raised" if state == "active" else "cleared"
            yield (
                f'alarms,{place},rule=r{index % 8},point=power_w severity="high",severity_i=3i,state="{state}",'
                f'active={"true" if not later else "false"},active_i={not later:d}i,response="unacked",'
                f'suppression="",cause="{cause}",title="High power",text="b1; power_w 6100 W",tags="high,r",'
                f'occurrence="o-{index}",start_ms={moment}i,end_ms={moment + 5 * MINUTE}i,since_s={later / 1000},'
                f"value=6100,threshold=6000 {moment + later}"
            )


def _hours(begin: int, end: int) -> Iterator[str]:
    """The health of each device by the hour."""
    meters = [device for _, device, _ in _meters()]
    others = [f"{kind}-{number}" for kind in _OTHERS for number in range(_OF_EACH)]
    places = [_place(number) for group in (meters, others) for number in range(len(group))]
    for number, (place, device) in enumerate(zip(places, (*meters, *others), strict=True)):
        for index, moment in enumerate(range(begin, end, HOUR)):
            up = 60 if (index + number * 977) % 50 else 57
            state = (
                'state="answering",state_i=1i' if up == 60 else 'state="suspended",state_i=4i,last_error="timeout"'
            )
            yield (
                f"device_hourly,{place},device={device},protocol=modbus up_pct={up / 0.6:.2f},up_minutes={up}i,"
                f"minutes=60i,{state},polls=360i,errors={60 - up}i,"
                f'loss_pct=0.{number % 10},poll_ms={40 + index % 9}.2,state_end="answering",'
                f"seen_ms={moment + up * MINUTE}i {moment}"
            )


def _cards(begin: int, end: int) -> Iterator[str]:
    """A card each half minute at one of ten readers, and what the door says of it."""
    for index, moment in enumerate(range(begin, end, MINUTE // 2)):
        result = "denied" if index % 40 == 0 else "granted"
        tags = f"{_place(index % 10)},device=reader-{index % 10},direction=in"
        fields = f'reason="Always",door="door-{index % 10}",count=1i,seq={index}i,late_i=0i'
        yield f'access,{tags},result={result} event="card",{fields} {moment}'
        yield f'access,{tags} event="closed",open_s={3 + index % 20},{fields} {moment + 9000}'
