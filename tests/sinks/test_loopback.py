"""Which servers are on this machine, by their address."""

import pytest

from monitor.sinks.loopback import is_on_loopback


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8086",
        "http://LocalHost",
        "http://127.0.0.1:8086",
        "https://127.1.2.3/",
        "http://[::1]:8086",
    ],
)
def test_this_machine(url: str) -> None:
    assert is_on_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://0.0.0.0:8086",
        "http://192.168.1.7:8086",
        "http://influx.example.org",
        "http://localhost.example.org",
        "http://[fe80::1]:8086",
    ],
)
def test_elsewhere(url: str) -> None:
    assert not is_on_loopback(url)
