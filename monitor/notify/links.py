"""Links in messages: what one says is signed, so that nobody can make one up, change it or use it for more. Pure.

A token is base64 (the alphabet for addresses) of: version, purpose, expiry (Unix seconds, 4 bytes), length of the
occurrence, occurrence, person, and the first 16 bytes of HMAC-SHA-256 over all of that: half of the hash, which
RFC 2104 §5 allows. To guess 128 bits takes longer than any link lives.
"""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["BY_LINK", "Claim", "Purpose", "read", "sign", "signed_by"]

BY_LINK: Final = ", by link"
"""What stands behind the name of who did something over a link."""

_VERSION: Final = 1
_MAC: Final = 16
_HEAD: Final = 7
_LONGEST: Final = 400
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+")


class Purpose(StrEnum):
    """What a link is for: it can be used for nothing else."""

    ACKNOWLEDGE = "ack"


_CODES: Final = {Purpose.ACKNOWLEDGE: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a link says: who may do what to which alarm, until when (UTC ms, whole seconds)."""

    purpose: Purpose
    occurrence: str
    person: str
    expires: int

    def is_over(self, now: int) -> bool:
        """Whether it can no longer be used at `now` (UTC ms)."""
        return now >= self.expires


def sign(key: bytes, claim: Claim) -> str:
    """Make the token of a claim; raises ValueError when something in it is too long."""
    occurrence, person = claim.occurrence.encode(), claim.person.encode()
    head = bytes((_VERSION, _CODES[claim.purpose]))
    try:
        said = head + (claim.expires // 1000).to_bytes(4, "big") + bytes((len(occurrence),)) + occurrence + person
    except OverflowError as error:
        raise ValueError("a link cannot live for so long") from error
    token = base64.urlsafe_b64encode(said + _mac(key, said)).rstrip(b"=").decode()
    if len(token) > _LONGEST:
        raise ValueError("the ids of the alarm and the person are too long for a link")
    return token


def read(key: bytes, token: str, purpose: Purpose) -> Claim | None:
    """Answer what a token says; None when we did not sign it, or not for this. Whether it is over is not asked."""
    if len(token) > _LONGEST or not _TOKEN.fullmatch(token):
        return None
    try:
        whole = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        return None
    said, mac = whole[:-_MAC], whole[-_MAC:]
    if not hmac.compare_digest(mac, _mac(key, said)):
        return None
    if len(said) < _HEAD or said[:2] != bytes((_VERSION, _CODES[purpose])):
        return None
    end = _HEAD + said[6]
    return Claim(
        purpose=purpose,
        occurrence=said[_HEAD:end].decode(),
        person=said[end:].decode(),
        expires=int.from_bytes(said[2:6], "big") * 1000,
    )


def signed_by(name: str) -> str:
    """How the journal calls somebody who did something over a link."""
    return f"{name}{BY_LINK}"


def _mac(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, b"facility-monitor link\0" + said, "sha256")[:_MAC]
