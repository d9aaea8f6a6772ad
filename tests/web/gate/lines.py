"""Connections to a gate, and certificates for it."""

import asyncio
import contextlib
import ssl

import trustme

from tests.web.browsing import Front

__all__ = ["contexts", "raw"]


async def raw(served: Front, sent: bytes) -> bytes:
    """What is answered to bytes, until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        async with asyncio.timeout(60):
            writer.write(sent)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
                return await reader.read(100_000)
            return b""
    finally:
        writer.close()


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client
