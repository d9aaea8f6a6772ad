"""TLS, client certificates, passwords, access lists; and that no secret is ever said."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from drivers.mqtt import MQTT
from monitor.errors import SettingsError
from monitor.ports import PushedDriver
from tests.drivers.contract_pushed import Kept, eventually, running
from tests.drivers.mqtt.publisher import Publisher
from tests.drivers.mqtt.site import CARDS, connection, context, device
from tests.servers.mosquitto import Mosquitto, Tls

PASSWORD = "open-sesame-77"
METER = {"temperature_c": {"json": "$.n"}}


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return Tls.make(tmp_path)


def make(broker: Mosquitto, **options: object) -> PushedDriver:
    driver: PushedDriver = MQTT.create(connection(broker.url, **options), [device(points=METER)], context())
    return driver


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_tls_with_certificates_of_both_sides_and_a_password(tmp_path: Path, tls: Tls, protocol: str):
    users = {"monitor": PASSWORD, "meter": "other"}
    with Mosquitto(tmp_path / "broker", users=users, tls=tls, client_certificates=True) as broker:
        kept = Kept()
        driver = make(
            broker,
            protocol=protocol,
            username="monitor",
            password=PASSWORD,
            ca=str(tls.ca),
            certificate=str(tls.client_certificate),
            key=str(tls.client_key),
        )
        async with running(driver, kept.append):
            await eventually(lambda: bool(driver.status()["connected"]))
            await asyncio.sleep(0.1)
            with Publisher(broker, "meter", "other") as meter:
                meter.say("meters/meter", '{"n": 4}')
            await eventually(lambda: kept.numbers == [4])


@pytest.mark.fault(
    "broker refuses",
    part="MQTT",
    outcome="A broker with a certificate that nobody trusts is not talked to.",
)
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho drops the socket it failed on
async def test_a_broker_that_the_ca_does_not_know_is_not_talked_to(tmp_path: Path, tls: Tls):
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with Mosquitto(tmp_path / "broker", tls=Tls.make(stranger)) as broker, capture_logs() as logs:
        driver = make(broker, username="monitor", password=PASSWORD, ca=str(tls.ca))
        async with running(driver, Kept().append):
            await eventually(lambda: any(log["event"] == "broker_lost" for log in logs))
            assert driver.status()["connected"] is False

    assert "CERTIFICATE_VERIFY_FAILED" in str(logs)
    assert "who signed it" in str(logs)
    assert PASSWORD not in str(logs)


@pytest.mark.fault(
    "broker refuses",
    part="MQTT",
    outcome="A wrong password is said, without the password.",
)
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_wrong_password_is_said_without_the_password(tmp_path: Path, protocol: str):
    with Mosquitto(tmp_path / "broker", users={"monitor": "right"}) as broker, capture_logs() as logs:
        driver = make(broker, protocol=protocol, username="monitor", password=PASSWORD)
        async with running(driver, Kept().append) as task:
            await eventually(lambda: any(log["event"] == "broker_lost" for log in logs))
            assert not task.done()

    [lost] = [log for log in logs if log["event"] == "broker_lost"]
    assert "refused the connection" in lost["reason"]
    assert lost["check"] == "username and password, the broker's access list"
    assert PASSWORD not in str(logs) + repr(driver.__dict__)


def test_certificates_that_cannot_be_read_are_an_error_of_the_settings(tmp_path: Path):
    place = connection("mqtts://broker", ca=str(tmp_path / "absent.pem"))

    with pytest.raises(SettingsError, match="connection broker: cannot read its certificates"):
        MQTT.create(place, [device(points=METER)], context())


async def test_a_clear_credential_is_in_no_entry_no_log_and_no_status(tmp_path: Path):
    kept = Kept()
    reader = device("reader", topic="doors/front", events=[CARDS], device_class="access")
    with Mosquitto(tmp_path / "broker") as broker, capture_logs() as logs:
        driver: PushedDriver = MQTT.create(connection(broker.url), [reader], context())
        async with running(driver, kept.append):
            await eventually(lambda: bool(driver.status()["connected"]))
            await asyncio.sleep(0.1)
            with Publisher(broker) as door:
                door.say(
                    "doors/front",
                    '{"type": "access", "uid": "deadbeef", "username": "Ana Lindgren", "access": "Always"}',
                )
                door.say("doors/front", '{"type": "access", "uid": ["deadbeef"], "username": "Ana Lindgren"}')
                door.say("doors/front", '{"type": "access", "uid": "deadbeef", "username": "Ana Lindgren"')
            await eventually(lambda: int(driver.status()["messages"]) == 3)
            await eventually(lambda: len(kept.batches) == 2)

    everything = repr(kept.batches) + repr(logs) + repr(driver.status())
    assert "deadbeef" not in everything.lower()
    assert "Lindgren" not in everything
