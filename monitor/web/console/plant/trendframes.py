"""How pictures travel between the process that draws them and the daemon: a head, then so many bytes."""

import struct
from typing import Final

__all__ = ["DRAWN", "FAILED", "HEAD", "LARGEST", "Garbled", "frame", "length_of"]

DRAWN: Final = 0
FAILED: Final = 1
LARGEST: Final = 500_000
"""Bytes of the largest picture that is taken."""

HEAD: Final = struct.Struct(">4sQBI")
"""A sign, the number of the wish, how it went, and how many bytes follow."""

_SIGN: Final = b"svg1"


class Garbled(Exception):
    """What came is no answer to what was asked."""


def frame(number: int, status: int, answer: bytes) -> bytes:
    """Put an answer into its frame."""
    return HEAD.pack(_SIGN, number, status, len(answer)) + answer


def length_of(head: bytes, number: int) -> tuple[int, int]:
    """Read a head: how it went, and the bytes that follow. Raises Garbled."""
    sign, answered, status, length = HEAD.unpack(head)
    if sign != _SIGN or answered != number or status not in {DRAWN, FAILED} or length > LARGEST:
        raise Garbled("that is no picture of what was asked for")
    return status, length
