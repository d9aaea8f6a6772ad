"""What the demo writes before it begins."""

import socket
from pathlib import Path

import yaml

from monitor.app import load_site
from monitor.cli.showcase import Showcase


def _showcase(folder: Path, influxdb: str | None = None) -> Showcase:
    return Showcase(
        folder=folder,
        seconds=None,
        report=None,
        influxdb=influxdb,
        caretaker=False,
        seed_days=None,
        say=lambda _: None,
    )


def test_a_demo_that_goes_on_writes_to_the_influxdb_that_it_wrote_to(tmp_path: Path):
    _showcase(tmp_path, "http://ana:word@127.0.0.1:8086/house")._site_file()
    again = load_site(_showcase(tmp_path)._site_file()).site

    (settings,) = again.influxdbs.values()
    assert (settings.url, settings.bucket, settings.token) == ("http://127.0.0.1:8086", "house", "ana:word")


def test_another_influxdb_takes_the_place_of_the_one_before(tmp_path: Path):
    _showcase(tmp_path, "http://127.0.0.1:8086/house")._site_file()
    file = _showcase(tmp_path, "http://127.0.0.1:8087/other")._site_file()

    assert yaml.safe_load(file.read_text("utf-8"))["sinks"]["influxdb"]["bucket"] == "other"


def test_a_demo_without_influxdb_has_none(tmp_path: Path):
    _showcase(tmp_path)._site_file()

    assert not load_site(_showcase(tmp_path)._site_file()).site.influxdbs


def test_a_port_that_somebody_has_taken_since_is_another_one_the_next_time(tmp_path: Path):
    first = yaml.safe_load(_showcase(tmp_path)._site_file().read_text("utf-8"))
    port = first["connections"][0]["modbus"]["port"]
    with socket.create_server(("127.0.0.1", port)):
        then = yaml.safe_load(_showcase(tmp_path)._site_file().read_text("utf-8"))

    assert then["connections"][0]["modbus"]["port"] != port
