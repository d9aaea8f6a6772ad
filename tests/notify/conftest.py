"""Servers that the tests of notification share."""

from collections.abc import Iterator

import pytest

from tests.servers.http import WebServer
from tests.servers.smtp import MailServer


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A mail server that keeps what it gets."""
    with MailServer() as server:
        yield server


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server that keeps what it gets."""
    with WebServer() as server:
        yield server
