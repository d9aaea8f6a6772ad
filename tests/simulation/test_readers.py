"""Cards that a file of faults holds to simulated readers, as a master that is not our driver sees them."""

from pathlib import Path

import pytest

from monitor.app import load_site
from monitor.settings import SettingsInvalid
from monitor.simulation.script import read_faults
from monitor.site import Site
from tests.servers.ports import free_port
from tests.simulation.playing import playing

_SITE = """
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {port}}}}}
  - {{id: broker, mqtt: {{url: "mqtt://127.0.0.1:{broker}"}}}}
devices:
  - {{id: front, profile: technotrade-vrd-485, connection: plant, unit: 1}}
  - {{id: side, profile: ic-10mrw, connection: plant, unit: 2}}
  - {{id: hall, profile: rfideas-rdr-80581akd-p, connection: plant, unit: 3}}
  - {{id: garage, profile: inveo-rfid-ind, connection: plant, unit: 4, acknowledge: true}}
  - {{id: gate, profile: esp-rfid, connection: broker, topic: doors/gate}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    file = tmp_path / "site.yaml"
    file.write_text(_SITE.format(port=free_port(), broker=free_port()), "utf-8")
    loaded = load_site(file).site
    return Site(
        id=loaded.id,
        name=loaded.name,
        timezone=loaded.timezone,
        connections={"plant": loaded.connections["plant"]},
        devices={name: device for name, device in loaded.devices.items() if name != "gate"},
    )


async def test_a_card_is_there_while_it_is_held(tmp_path: Path, site: Site) -> None:
    async with playing(tmp_path, site) as played:
        master = await played.asker()
        before = await master.ask(1, 2, 2)
        await played.play("{card: {device: front, number: a41e45c6}, from: 1 s, for: 1 s, every: 10 s}", at=0)
        early = await master.ask(1, 2, 2)
        await played.step(1)
        held = await master.ask(1, 2, 2)
        await played.step(2)
        gone = await master.ask(1, 2, 2)
        await played.step(11)
        again = await master.ask(1, 2, 2)

    assert before == early == gone == bytes.fromhex("030400000000")
    assert held == again == bytes.fromhex("0304a41e45c6")
    assert played.told[0] == "fault begins: front: a card is held to it"
    assert not any("a41e45c6" in line for line in played.told)


async def test_each_reader_shows_a_card_as_its_profile_has_it(tmp_path: Path, site: Site) -> None:
    async with playing(tmp_path, site) as played:
        units = played.stage.units
        await played.play(
            "{card: {device: side, number: 04112233445680}}",
            "{card: {device: hall, number: 12022922}}",
            "{card: {device: garage, number: %s53a41e45c6}}" % ("00" * 15),
        )
        await played.play()
        await played.play("{card: {device: hall, number: 12022922}}")

    assert units["side"].get("holding", 3, 7) == [0] * 7
    assert units["hall"].get("input", 0, 3) == [3, 0, 1]
    assert units["hall"].get("input", 17, 2) == [0x00B7, 0x748A]
    assert units["garage"].get("coil", 1016, 1) == [1]
    assert units["garage"].get("holding", 1009, 3) == [0x0053, 0xA41E, 0x45C6]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{card: {device: fornt, number: a41e45c6}}", "no polled reader of cards `fornt`; did you mean `front`?"),
        ("{card: {device: gate, number: a41e45c6}}", "no polled reader of cards `gate`"),
        ("{card: {device: front, number: a41e45}}", "cannot show this number"),
        ("{card: {device: front, number: fridge}}", "cannot show this number"),
        ("{card: {device: hall, number: -1}}", "cannot show this number"),
        ("{card: {device: side, number: a41e45c6a41e45c6a41e}}", "cannot show this number"),
        ("{card: {device: front}}", "`number` is missing"),
        ("{card: {device: front, number: a41e45c6}, every: 2 s}", "lasts `for` a shorter time"),
    ],
)
def test_a_card_that_cannot_be_held_is_told(tmp_path: Path, line: str, said: str) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(_SITE.format(port=1502, broker=1883), "utf-8")
    file = tmp_path / "faults.yaml"
    file.write_text(f"- {line}\n", "utf-8")

    with pytest.raises(SettingsInvalid) as told:
        read_faults(file, load_site(site).site)
    assert said in str(told.value)
    assert "a41e45" not in str(told.value)
