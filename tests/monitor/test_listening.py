"""Sockets on which pages are served."""

import socket
from contextlib import closing

from monitor.app.listening import listening
from tests.servers.ports import free_port


def test_what_is_sent_on_a_connection_goes_out_at_once() -> None:
    port = free_port()
    with closing(listening("127.0.0.1", port)) as bound, socket.create_connection(("127.0.0.1", port)):
        bound.setblocking(True)
        bound.settimeout(60)
        taken, _ = bound.accept()
        with closing(taken):
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
