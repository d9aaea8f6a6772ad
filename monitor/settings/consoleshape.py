"""What the site file takes about the console: keys, forms and limits."""

from ipaddress import ip_address, ip_network
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from monitor.fields import Duration, File, Frozen, Texts
from monitor.settings.addresses import is_base, listens

__all__ = ["ConsoleKeys", "SessionKeys", "TlsKeys"]

_YEAR = 366 * 86400.0


class TlsKeys(Frozen):
    """The certificate, with those between it and its authority, and its key, in PEM."""

    certificate: File
    key: File


class SessionKeys(Frozen):
    """After how long somebody has to sign in again, when he does nothing and whatever he does."""

    idle: Annotated[Duration, Field(ge=300, le=_YEAR)] = 12 * 3600.0
    longest: Annotated[Duration, Field(ge=300, le=_YEAR)] = 30 * 86400.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.idle > self.longest:
            raise ValueError("`idle` cannot be more than `longest`")
        return self


_WIDEST = {4: 8, 6: 7}
"""Bits of the widest private networks (RFC 1918, RFC 4193): what is wider has everybody in it."""


def _is_network(texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        networks = [ip_network(text) for text in texts]
    except ValueError:
        raise ValueError("write addresses such as `127.0.0.1`, or networks such as `10.1.0.0/24`") from None
    for network in networks:
        if network.prefixlen < _WIDEST[network.version]:
            raise ValueError(
                f"{network} has everybody in it: anybody could say that he is somebody else, and nobody could be "
                "told apart; write the addresses of your proxies"
            )
    return tuple(str(network) for network in networks)


class ConsoleKeys(Frozen):
    """The section `console`: where browsers reach the console and the API."""

    listen: Annotated[tuple[str, int], BeforeValidator(listens)] = ("127.0.0.1", 8470)
    anywhere: bool = False
    base: Annotated[str, AfterValidator(is_base), Field(max_length=200)] | None = None
    tls: TlsKeys | None = None
    proxies: Annotated[Texts, AfterValidator(_is_network), Field(max_length=20)] | None = None
    session: SessionKeys = SessionKeys()

    @model_validator(mode="after")
    def _stays_at_home(self) -> Self:
        host, _ = self.listen
        if not self.anywhere and self.tls is None and not ip_address(host).is_loopback:
            raise ValueError(
                "passwords would be read on the network: write `127.0.0.1:8470` and put a proxy with TLS in front "
                "of it, or give it `tls`, or add `anywhere: true`"
            )
        return self
