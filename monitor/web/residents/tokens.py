"""What codes, forms and links of residents carry, so that nobody can make one up. Pure.

All are HMAC-SHA-256 of the key of the state folder, cut short (RFC 2104 §5); what each is for is signed with it.
"""

import base64
import hmac
import re
import secrets
from hashlib import sha256
from typing import Final

__all__ = ["address_of", "follow_token", "form_token", "hashed", "is_form", "number_in", "place_in"]

_MAC: Final = 5
"""Bytes behind the id of a place: 8 letters, which a camera reads easily; wrong ones cost an allowance."""
_FORM_MAC: Final = 12
_FOLLOW: Final = 16
_RANDOM: Final = 16
_PLACE: Final = re.compile(r"([a-z0-9][a-z0-9-]*)-([a-z2-7]{8})")
_FORM: Final = re.compile(r"([0-9a-f]{32})\.([\w-]{16})", re.ASCII)


def _mac(key: bytes, *parts: str) -> bytes:
    return hmac.digest(key, "\0".join(parts).encode(), "sha256")


def _spelt(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _place_mac(key: bytes, place: str, number: int) -> str:
    numbered = (str(number),) if number else ()  # the first code of a place is as it was before there were others
    return base64.b32encode(_mac(key, "place", place, *numbered)[:_MAC]).decode().lower()


def address_of(key: bytes, base: str, place: str, number: int = 0) -> str:
    """The address that a code of a place says: its first one, or the one that was made anew so often."""
    return f"{base}/r/{place}-{_place_mac(key, place, number)}"


def place_in(said: str) -> str:
    """The id of the place that the end of an address names, whether or not its code is right; empty: none."""
    found = _PLACE.fullmatch(said)
    return "" if found is None else found[1]


def number_in(key: bytes, said: str, *, most: int) -> int | None:
    """Which code of its place the end of an address is, `most` at most; None where it is none of ours."""
    found = _PLACE.fullmatch(said)
    if found is None:
        return None
    fitting = [
        number for number in range(most + 1) if hmac.compare_digest(_place_mac(key, found[1], number), found[2])
    ]
    return max(fitting, default=None)


def form_token(key: bytes, place: str) -> str:
    """What a new form of a place carries."""
    number = secrets.token_hex(_RANDOM)
    return f"{number}.{_spelt(_mac(key, 'form', place, number)[:_FORM_MAC])}"


def is_form(key: bytes, place: str, token: str) -> bool:
    """Whether a form is one that we made for this place."""
    found = _FORM.fullmatch(token)
    if found is None:
        return False
    return hmac.compare_digest(_spelt(_mac(key, "form", place, found[1])[:_FORM_MAC]), found[2])


def follow_token(key: bytes, form: str) -> str:
    """The end of the link by which a report is followed: the same for a form that is sent again; 128 bits."""
    return _spelt(_mac(key, "follow", form)[:_FOLLOW])


def hashed(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode()).hexdigest()
