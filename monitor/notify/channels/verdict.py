"""What an attempt came to, read from what Apprise logged of it: Apprise itself answers only yes or no.

Pure. The reasons it gives are our own words and numbers: a log's text may hold an address's secrets.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

__all__ = ["Verdict", "judge", "judge_http"]

_HTTP_ERROR = re.compile(r"\berror[=: ]+(\d{3})\b", re.IGNORECASE)
_SMTP_ANSWER = re.compile(r"\((\d{3}), b['\"]")
_SMTP_REFUSED = re.compile(r"was refused: (\d{3})\b")
_READ_TIMED_OUT = re.compile(r"read timed out|read operation timed out", re.IGNORECASE)
_TIMED_OUT = re.compile(r"timed out", re.IGNORECASE)
_BROKEN_OFF = re.compile(
    r"Remote end closed connection|Connection aborted|Connection broken|IncompleteRead|BadStatusLine"
)
_CLOSING: Final = 421
_UNTRUSTED = re.compile(r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError")
_CONNECTING = "Connection error while submitting email"

_WORTH_ANOTHER_TRY: Final = frozenset({408, 409, 421, 423, 425, 429})
"""Answers of 4xx that speak of now, not of the address (RFC 9110 §15.5; 421, 425 and 429 in their own RFCs)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why nothing was delivered; `permanent`: it never will be; `maybe_delivered`: it is not certain.

    `answered`: the service works, and puts off only this message.
    """

    reason: str
    permanent: bool = False
    maybe_delivered: bool = False
    answered: bool = False


def judge(lines: Sequence[str]) -> Verdict:
    """Judge a failed attempt by the lines logged during it."""
    text = "\n".join(lines)
    if found := _HTTP_ERROR.search(text):
        return judge_http(int(found[1]))
    answers = [*_SMTP_ANSWER.findall(text), *_SMTP_REFUSED.findall(text)]
    if answers:
        return _smtp([int(code) for code in answers])
    return _of_connection(text)


def _of_connection(text: str) -> Verdict:
    """Judge an attempt that got no answer, by how the connection ended."""
    if _UNTRUSTED.search(text):
        return Verdict("the server's certificate is not trusted")
    if _READ_TIMED_OUT.search(text) or (_TIMED_OUT.search(text) and _was_sending(text)):
        return Verdict("no answer in time; it may have been delivered", maybe_delivered=True)
    if _BROKEN_OFF.search(text):
        return Verdict("it hung up without an answer; it may have been delivered", maybe_delivered=True)
    if _TIMED_OUT.search(text):
        return Verdict("could not connect in time")
    return Verdict("could not be delivered")


def _was_sending(text: str) -> bool:
    """Whether a mail server had already been reached and logged in to."""
    return "Sending email to" in text and _CONNECTING not in text


def judge_http(code: int) -> Verdict:
    """Judge an answer of HTTP that is none of success."""
    try:
        phrase = f" {HTTPStatus(code).phrase}"
    except ValueError:
        phrase = ""
    refused = HTTPStatus.BAD_REQUEST <= code < HTTPStatus.INTERNAL_SERVER_ERROR
    return Verdict(f"HTTP {code}{phrase}", permanent=refused and code not in _WORTH_ANOTHER_TRY)


def _smtp(codes: Sequence[int]) -> Verdict:
    """5yz is for good, 4yz for now (RFC 5321 §4.2.1); one answer for now makes it worth another try.

    421 is about the server, the other 4yz about this message or recipient (greylisting).
    """
    return Verdict(
        f"the mail server answered {codes[-1]}",
        permanent=all(code >= 500 for code in codes),  # noqa: PLR2004
        answered=_CLOSING not in codes,
    )
