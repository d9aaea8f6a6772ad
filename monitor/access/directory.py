"""Names of people by their pseudonyms: a file of its own, sealed with a secret that only the site file names.

The seal is AES-256-GCM under a key that scrypt makes of the secret (RFC 7914; 16 MiB, so that trying out secrets
is slow), as `cryptography` has it. Without the secret the file says nothing but how long it is.
"""

import csv
import io
import os
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import orjson

from monitor.accessbook import Name
from monitor.credentials import FORMS, canonical
from monitor.errors import RequestRefused, SettingsError
from monitor.ports import Pseudonymise
from monitor.wording import Sentence, joined

__all__ = ["FILE", "Directory"]

FILE: Final = "names.sealed"

_MAGIC = b"FMNAMES1"
_SALT, _NONCE = 16, 12
_MOST = 100_000
_LONGEST = 200
_LARGEST = 64 * 1024 * 1024
_TOLD = 20
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Directory:
    """The names of one state folder. Blocks for some tenths of a second; for any thread.

    Everything raises SettingsError when the file cannot be opened with this secret, or is damaged: it is never
    overwritten then. RequestRefused says what a person has to mend.
    """

    def __init__(self, path: Path, key: str) -> None:
        if not key:
            raise SettingsError("the directory of names needs a secret: access: {names: !secret NAME}")
        self._path = path
        self._secret = key
        self._guard = threading.Lock()
        self._keys: dict[bytes, bytes] = {}

    def __repr__(self) -> str:
        return f"Directory({str(self._path)!r})"

    def names(self) -> Mapping[str, Name]:
        """Everybody, by pseudonym."""
        with self._guard:
            return self._read()

    def put(self, pseudonym: str, name: str, note: str = "") -> None:
        """Name somebody, or name him anew."""
        entry = Name(name=_text(name), note=_text(note))
        if not pseudonym or not entry.name:
            raise RequestRefused(Sentence("who is named needs a credential and a name"))
        with self._guard:
            self._write({**self._read(), pseudonym: entry})

    def remove(self, pseudonym: str) -> bool:
        """Forget the name of somebody; answers whether there was one."""
        with self._guard:
            names = self._read()
            if pseudonym not in names:
                return False
            self._write({who: name for who, name in names.items() if who != pseudonym})
            return True

    def import_csv(self, text: str, pseudonymise: Pseudonymise) -> int:
        """Take names from a table with the columns credential, name, and if wanted form and note; all or nothing.

        `form` is how the credential is spelt, as in profiles: hex, hex_unpadded, decimal or text (when it is not
        said). Answers how many were taken. RequestRefused names the lines that are wrong, and quotes nothing.
        """
        taken: dict[str, Name] = {}
        wrong: list[Sentence] = []
        for line, row in _rows(text):
            fault, pseudonym, entry = _judge(row, pseudonymise)
            if not fault and taken.get(pseudonym, entry) != entry:
                fault = Sentence("the same credential has another name further up")
            if fault:
                wrong.append(Sentence("line {number}: {told}", number=line, told=fault))
            taken[pseudonym] = entry
        if wrong:
            more = [Sentence("and {count} more", count=len(wrong) - _TOLD)] if len(wrong) > _TOLD else []
            raise RequestRefused(joined([Sentence("no name was taken"), *wrong[:_TOLD], *more]))
        with self._guard:
            self._write({**self._read(), **taken})
        return len(taken)

    def _read(self) -> dict[str, Name]:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            with self._path.open("rb") as file:
                content = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SettingsError(f"the names {self._path} cannot be read: {error.strerror}") from error
        head = content[: len(_MAGIC) + _SALT]
        nonce = content[len(head) : len(head) + _NONCE]
        if not head.startswith(_MAGIC[:-1]):
            raise SettingsError(f"{self._path} is no directory of names; move it away or restore a copy")
        if not head.startswith(_MAGIC):
            raise SettingsError(f"{self._path} was written by a newer version; install that version again")
        try:
            plain = AESGCM(self._key(head[len(_MAGIC) :])).decrypt(nonce, content[len(head) + _NONCE :], head)
            return {who: Name(**name) for who, name in orjson.loads(plain).items()}
        except (InvalidTag, ValueError, TypeError) as error:
            message = (
                f"the names {self._path} cannot be opened: the secret of `access.names` is not the one they were"
                " sealed with, or the file is damaged; put the secret or a copy of the file back"
            )
            raise SettingsError(message) from error

    def _write(self, names: Mapping[str, Name]) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(names) > _MOST:
            raise RequestRefused(Sentence("there is room for {count} names", count=_MOST))
        salt, nonce = next(iter(self._keys), None) or os.urandom(_SALT), os.urandom(_NONCE)
        plain = orjson.dumps({who: {"name": name.name, "note": name.note} for who, name in names.items()})
        head = _MAGIC + salt
        content = head + nonce + AESGCM(self._key(salt)).encrypt(nonce, plain, head)
        try:
            _replace(self._path, content)
        except OSError as error:
            raise RequestRefused(
                Sentence(
                    "the names {file} cannot be written: {error}", file=str(self._path), error=str(error.strerror)
                )
            ) from error

    def _key(self, salt: bytes) -> bytes:
        if salt not in self._keys:
            from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

            scrypt = Scrypt(salt=salt, length=32, n=2**14, r=8, p=1)
            self._keys = {salt: scrypt.derive(self._secret.encode("utf-8", "surrogatepass"))}
        return self._keys[salt]


def _replace(path: Path, content: bytes) -> None:
    """Put a file in its place whole, or not at all."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a table with a head, each with its line; of commas or, as spreadsheets have it, semicolons."""
    text = text.removeprefix("\ufeff")
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first else ",", strict=True)
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        if not {"credential", "name"} <= set(head) <= {"credential", "name", "form", "note"}:
            raise RequestRefused(
                Sentence(
                    "no name was taken; line 1: the columns are credential and name, and if wanted form and note"
                )
            )
        for row in reader:
            if any(cell.strip() for cell in row):
                yield (
                    reader.line_num,
                    dict(zip(head, row, strict=False)) | ({"": ""} if len(row) != len(head) else {}),
                )
    except csv.Error as error:
        raise RequestRefused(
            Sentence("no name was taken; line {line}: this is no table of texts", line=reader.line_num)
        ) from error


def _judge(row: Mapping[str, str], pseudonymise: Pseudonymise) -> tuple[Sentence | None, str, Name]:
    """What is wrong with a row (None: nothing), the pseudonym and the name."""
    form = row.get("form", "").strip() or "text"
    entry = Name(name=_text(row.get("name", "")), note=_text(row.get("note", "")))
    credential = row.get("credential", "")
    if "" in row:
        return Sentence("it does not have as many columns as the first line"), "", entry
    if form not in FORMS:
        return Sentence("`form` is one of {known}", known=", ".join(FORMS)), "", entry
    spelt = canonical(credential, form)
    if not spelt:
        return Sentence("the credential is empty"), "", entry
    if (form.startswith("hex") and not _is_hex(spelt)) or (form == "decimal" and not spelt.isdigit()):
        return Sentence("the credential is not {form}", form=form), "", entry
    if not entry.name or max(len(entry.name), len(entry.note)) > _LONGEST:
        fault = Sentence(
            "name and note have at most {count} characters, and the name one at least", count=_LONGEST
        )
        return fault, "", entry
    return None, pseudonymise(spelt), entry


def _is_hex(text: str) -> bool:
    return set(text) <= set("0123456789abcdef")


def _text(text: str) -> str:
    """A text as people write it: one line, composed, without what steers terminals or turns lines round."""
    return " ".join(_UNFIT.sub(" ", unicodedata.normalize("NFC", text)).split())
