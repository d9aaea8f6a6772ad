"""Links: what is signed reads back, and whatever else is none."""

import base64
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.notify.links import Claim, Purpose, read, sign

KEY, OTHER = b"k" * 32, b"o" * 32
CLAIM = Claim(purpose=Purpose.ACKNOWLEDGE, occurrence="0123456789abcdef", person="ana", expires=1_795_378_523_000)
TOKEN = sign(KEY, CLAIM)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_what_is_signed_reads_back_and_is_short() -> None:
    assert read(KEY, TOKEN, Purpose.ACKNOWLEDGE) == CLAIM
    assert len(TOKEN) == 56
    assert set(TOKEN) <= set(ALPHABET)


def test_another_key_another_version_and_another_purpose_are_refused() -> None:
    whole = base64.urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4))

    assert read(OTHER, TOKEN, Purpose.ACKNOWLEDGE) is None
    for place in (0, 1):  # signed well, by a version or for a purpose that we do not know
        said = bytearray(whole[:-16])
        said[place] = 9
        mac = hmac.digest(KEY, b"facility-monitor link\0" + bytes(said), "sha256")[:16]
        forged = base64.urlsafe_b64encode(bytes(said) + mac).rstrip(b"=").decode()
        assert read(KEY, forged, Purpose.ACKNOWLEDGE) is None


def test_a_token_that_was_changed_in_one_place_is_refused() -> None:
    for place, letter in enumerate(TOKEN[:-1]):
        other = ALPHABET[(ALPHABET.index(letter) + 1) % 64]
        assert read(KEY, TOKEN[:place] + other + TOKEN[place + 1 :], Purpose.ACKNOWLEDGE) is None


def test_the_person_cannot_be_made_longer_at_the_cost_of_the_occurrence() -> None:
    shifted = replace(CLAIM, occurrence="0123456789abcde", person="fana")

    assert sign(KEY, shifted) != TOKEN
    assert read(KEY, sign(KEY, shifted), Purpose.ACKNOWLEDGE) == shifted


def test_it_is_over_from_the_second_that_it_says() -> None:
    assert not CLAIM.is_over(CLAIM.expires - 1)
    assert CLAIM.is_over(CLAIM.expires)


def test_a_link_that_cannot_be_said_is_not_made() -> None:
    with pytest.raises(ValueError, match="so long"):
        sign(KEY, replace(CLAIM, expires=2**32 * 1000))
    with pytest.raises(ValueError, match="too long"):
        sign(KEY, replace(CLAIM, person="a" * 500))


@given(st.text(max_size=500))
def test_no_text_makes_it_fail(text: str) -> None:
    assert read(KEY, text, Purpose.ACKNOWLEDGE) is None


@given(st.binary(max_size=60))
def test_no_bytes_make_it_fail(whole: bytes) -> None:
    token = base64.urlsafe_b64encode(whole).rstrip(b"=").decode()

    assert read(KEY, token, Purpose.ACKNOWLEDGE) is None


@given(
    st.builds(
        Claim,
        purpose=st.just(Purpose.ACKNOWLEDGE),
        occurrence=st.text(alphabet="0123456789abcdef", max_size=32),
        person=st.from_regex(r"[a-z0-9][a-z0-9-]{0,40}", fullmatch=True),
        expires=st.integers(0, 2**32 - 1).map(lambda seconds: seconds * 1000),
    )
)
def test_every_claim_reads_back(claim: Claim) -> None:
    assert read(KEY, sign(KEY, claim), Purpose.ACKNOWLEDGE) == claim
