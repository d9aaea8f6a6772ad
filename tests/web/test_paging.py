"""Cursors may come from anybody."""

import base64
import json

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.paging import opened, sealed

_INTEGERS = st.integers(-(2**63) + 1, 2**63 - 1)


@given(_INTEGERS, st.text("abcdefghij-0123456789äø电", max_size=100))
def test_a_cursor_says_what_was_put_into_it(number: int, text: str) -> None:
    assert opened(sealed(number, text), int, str) == [number, text]


def test_no_cursor_is_the_first_page() -> None:
    assert opened("", int) is None


def _of(said: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "....",
        "é",
        "AAAA",
        _of({}),
        _of([]),
        _of(["a"]),
        _of([True]),
        _of([1.5]),
        _of([2**63]),
        _of([1, 2]),
        _of([None]),
        base64.urlsafe_b64encode(b"[" * 200).decode(),
        base64.urlsafe_b64encode(b"[1e999]").decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_what_is_no_cursor_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(HTTPException) as refused:
        opened(cursor, int)

    assert refused.value.status_code == 422


@given(st.text(max_size=60))
def test_no_text_does_harm(cursor: str) -> None:
    try:
        opened(cursor, int, str)
    except HTTPException as refused:
        assert refused.status_code == 422  # noqa: PT017 - it may also be one
