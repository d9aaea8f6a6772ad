"""Credentials become pseudonyms under a key that stays on the box."""

import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monitor.access.pseudonyms import Pseudonyms
from monitor.errors import SettingsError


def test_the_same_credential_has_the_same_pseudonym_for_as_long_as_the_key_lives(tmp_path: Path) -> None:
    first = Pseudonyms.open(tmp_path)("04A1B2C3")
    again = Pseudonyms.open(tmp_path)("04A1B2C3")

    assert first == again
    assert re.fullmatch(r"[0-9a-f]{24}", first)


def test_another_key_gives_another_pseudonym(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()

    assert Pseudonyms.open(tmp_path / "a")("04A1") != Pseudonyms.open(tmp_path / "b")("04A1")


def test_a_pseudonym_is_the_documented_function_of_key_and_credential() -> None:
    # hmac.new(bytes(32), b"1234", "sha256").hexdigest(), computed with OpenSSL
    assert Pseudonyms(bytes(32))("1234") == "5a697c6768fcb4f363874b4d"


def test_only_composition_and_outer_spaces_are_evened_out() -> None:
    pseudonyms = Pseudonyms(b"k" * 32)

    assert pseudonyms(" Ren\u00e9 ") == pseudonyms("Rene\u0301")
    assert len({pseudonyms(text) for text in ("ab12", "AB12", "ab:12", "ab 12", "0ab12")}) == 5


@pytest.mark.parametrize("nothing", ["", "  ", "\t\n"])
def test_nothing_has_no_pseudonym(nothing: str) -> None:
    assert Pseudonyms(b"k" * 32)(nothing) == ""


def test_the_key_is_for_its_owner_alone_and_leaves_no_draft(tmp_path: Path) -> None:
    Pseudonyms.open(tmp_path)

    assert [*tmp_path.iterdir()] == [tmp_path / "pseudonym.key"]
    assert (tmp_path / "pseudonym.key").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "pseudonym.key").read_bytes()) == 32


def test_starts_at_the_same_time_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: Pseudonyms.open(tmp_path)("1"), range(32)))

    assert len(set(found)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    Pseudonyms.open(tmp_path)
    (tmp_path / "pseudonym.key").chmod(mode)

    with pytest.raises(SettingsError, match="chmod 600"):
        Pseudonyms.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"k" * 31, b"k" * 33])
def test_what_is_no_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pseudonym.key"
    path.touch(mode=0o600)
    path.write_bytes(content)

    with pytest.raises(SettingsError, match="not a key of 32 bytes"):
        Pseudonyms.open(tmp_path)
    assert path.read_bytes() == content


def test_a_folder_that_is_absent_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        Pseudonyms.open(tmp_path / "none")


def test_the_key_cannot_be_printed_or_pickled() -> None:
    pseudonyms = Pseudonyms(b"secret-secret-secret-secret-secr")

    assert "secret" not in repr(pseudonyms)
    with pytest.raises(TypeError):
        pickle.dumps(pseudonyms)
