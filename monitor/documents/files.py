"""Reads a file and all that it takes in: `!include`, `!csv`, `!env` and `!secret`; or a folder of files."""

import csv
import io
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from monitor.documents.finding import Findings, nearest
from monitor.documents.node import Entry, Node, join
from monitor.documents.reader import MAX_BYTES, parse, resolve_scalar

__all__ = ["ABSENT", "Files", "default_credentials", "folder_of"]

TAGS: Final = ("!csv", "!env", "!include", "!secret")
ABSENT: Final = "absent"
FOLDER_PREFIX: Final = "secret_"
"""What systemd puts before the names of credentials that our unit takes from a folder."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MAX_SECRET: Final = 64 * 1024
_MAX_INCLUDES: Final = 100
_MAX_ROWS: Final = 20_000
_NOT_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_STANDARD_INPUT = Path("/dev/stdin")


class Files:
    """Reads documents; what is wrong goes to `findings`.

    `folder` is where `secrets/` lies. `credentials` is systemd's folder of credentials, if there is one.
    """

    def __init__(
        self, findings: Findings, *, folder: Path, environ: Mapping[str, str], credentials: Path | None
    ) -> None:
        self.findings = findings
        self.read_files: list[Path] = []
        self._folder = folder
        self._environ = environ
        self._credentials = credentials
        self._under_way: list[Path] = []

    def read(self, path: Path) -> Node | None:
        """Read a file, or all `*.yaml` of a folder joined into one document."""
        if not path.is_dir():
            return self._read_file(path, Node("scalar", str(path), 1, 1))
        files = sorted(file for file in path.glob("*.yaml") if not file.name.startswith("."))
        if not files:
            place = Node("scalar", str(path), 1, 1)
            self.findings.error(place, "", "the folder holds no file that ends with .yaml")
            return None
        joined: Node | None = None
        for file in files:
            root = self._read_file(file, Node("scalar", str(file), 1, 1))
            if root is None or (root.kind == "scalar" and root.scalar is None):
                continue
            joined = root if joined is None else self._join(joined, root, "")
        return joined

    def _join(self, first: Node, second: Node, path: str) -> Node:
        """Join what two files say: lists one after the other, mappings key by key; all else is a collision."""
        if first.kind == second.kind == "list":
            return Node("list", first.file, first.line, first.column, items=first.items + second.items)
        if first.kind == second.kind == "mapping":
            entries = dict(first.entries)
            for key, entry in second.entries.items():
                known = entries.get(key)
                value = entry.value
                if known is not None:
                    value = self._join(known.value, value, join(path, key))
                entries[key] = Entry(entry.key if known is None else known.key, value)
            return Node("mapping", first.file, first.line, first.column, entries=entries)
        self.findings.error(second, path, f"this is said in {first.file}, line {first.line}, already")
        return first

    def _read_file(self, path: Path, place: Node) -> Node | None:
        content = self._content(path, place)
        if content is None:
            return None
        self.read_files.append(path)
        self._under_way.append(path)
        try:
            return parse(
                content, str(path), self.findings, lambda node, key: self._resolve(node, key, path.parent)
            )
        finally:
            self._under_way.pop()

    def _content(self, path: Path, place: Node) -> bytes | None:
        try:
            if path.is_dir():
                self.findings.error(place, "", f"{path} is a folder; write the name of a file")
                return None
            if path.exists() and not path.is_file() and path != _STANDARD_INPUT:  # a pipe could hang for ever
                self.findings.error(place, "", f"{path} is no ordinary file")
                return None
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            near = nearest(path.name, (other.name for other in path.parent.glob("*")))
            self.findings.error(place, "", f"there is no file {path}", hint=near)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "the name is not possible"
            self.findings.error(place, "", f"{path} cannot be read: {reason}")
        return None

    def _resolve(self, node: Node, key: str, folder: Path) -> Node:
        tag, node.tag = node.tag, ""
        if tag not in TAGS:
            allowed = ", ".join(TAGS)
            self.findings.error(node, key, f"the tag `{tag[:60]}` means nothing here", allowed=allowed)
            return node
        text = node.scalar if node.kind == "scalar" and isinstance(node.scalar, str) else ""
        if not text or "\0" in text:
            self.findings.error(node, key, f"write a name after `{tag}`")
            return node
        if tag == "!env":
            return self._env(node, key, text)
        if tag == "!secret":
            return self._secret(node, key, text)
        return self._include(node, folder / text) if tag == "!include" else self._csv(node, folder / text)

    # Secrets -------------------------------------------------------------------------------------------

    def _env(self, node: Node, key: str, name: str) -> Node:
        node.secret = True
        value = self._environ.get(name)
        if not value:
            node.scalar, node.absent = ABSENT, True
            self.findings.absent(node, key, f"the environment variable {name} is not set; `run` will refuse")
        else:
            node.scalar = value
        return node

    def _secret(self, node: Node, key: str, name: str) -> Node:
        node.secret = True
        node.scalar, node.absent = ABSENT, True
        if not _NAME.fullmatch(name):
            self.findings.error(node, key, "the name of a secret has letters, digits, `_`, `.` and `-` only")
            return node
        node.named = name
        beside = self._folder / "secrets" / name
        given = self._credentials
        for path in (*(() if given is None else (given / name, given / f"{FOLDER_PREFIX}{name}")), beside):
            try:
                if not path.is_file():
                    continue
            except PermissionError:
                continue
            if path == beside and self._open_to_others(path):
                self.findings.error(node, key, f"others may read {path}: run `chmod 600 {path}`")
                return node
            return self._secret_from(node, key, path)
        self.findings.absent(
            node,
            key,
            f"the secret `{name}` is absent: neither a systemd credential nor {beside}; `run` will refuse",
        )
        return node

    @staticmethod
    def _open_to_others(path: Path) -> bool:
        return bool(path.stat().st_mode & _NOT_OTHERS)

    def _secret_from(self, node: Node, key: str, path: Path) -> Node:
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_SECRET + 1)
            if len(content) > _MAX_SECRET:
                self.findings.error(node, key, f"{path} is larger than {_MAX_SECRET // 1024} KiB")
                return node
            node.scalar = content.decode().rstrip("\r\n")
            node.absent = False
        except OSError as error:
            self.findings.error(node, key, f"{path} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self.findings.error(node, key, f"{path} is not UTF-8 text")
        return node

    # Other files ---------------------------------------------------------------------------------------

    def _include(self, node: Node, path: Path) -> Node:
        if path in self._under_way:
            self.findings.error(node, "", f"{path} takes itself in")
            return node
        if len(self.read_files) >= _MAX_INCLUDES:
            self.findings.error(node, "", f"more than {_MAX_INCLUDES} files are taken in")
            return node
        root = self._read_file(path, node)
        if root is None:
            return Node("list", node.file, node.line, node.column, splice=True)
        root.splice = root.kind == "list"
        return root

    def _csv(self, node: Node, path: Path) -> Node:
        """One mapping for each row; the first row names the keys, an empty cell leaves its key out."""
        result = Node("list", str(path), 1, 1, splice=True)
        if len(self.read_files) >= _MAX_INCLUDES:
            self.findings.error(node, "", f"more than {_MAX_INCLUDES} files are taken in")
            return result
        content = self._content(path, node)
        if content is None:
            return result
        self.read_files.append(path)
        try:
            text = content.decode("utf-8-sig")
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
            self._rows(rows, result)
        except UnicodeDecodeError:
            self.findings.error(result, "", "this is not UTF-8 text: save the file as UTF-8")
        except csv.Error as error:
            place = Node("scalar", str(path), rows.line_num, 1)
            self.findings.error(place, "", f"not valid CSV: {error}")
        return result

    def _rows(self, rows: Any, result: Node) -> None:
        head = [name.strip() for name in next(rows, [])]
        line = rows.line_num + 1
        if not any(head):
            self.findings.error(result, "", "the first line names the keys: `id,profile,connection,unit`")
            return
        if len(set(head)) < len(head) or "" in head:
            self.findings.error(result, "", "each column has a name of its own in the first line")
            return
        for row in rows:
            if len(result.items) >= _MAX_ROWS:
                self.findings.error(result, "", f"the table has more than {_MAX_ROWS} rows")
                return
            if any(cell.strip() for cell in row):
                self._row(head, row, line, result)
            line = rows.line_num + 1

    def _row(self, head: list[str], row: list[str], line: int, result: Node) -> None:
        item = Node("mapping", result.file, line, 1)
        if len(row) > len(head):
            self.findings.error(item, "", f"{len(row)} cells, and the first line names {len(head)}")
        for number, (name, cell) in enumerate(zip(head, row, strict=False), start=1):
            text = cell.strip()
            if text:
                value = Node("scalar", result.file, line, number, scalar=resolve_scalar(text))
                item.entries[name] = Entry(Node("scalar", result.file, line, number, scalar=name), value)
        result.items.append(item)


def _delimiter(text: str) -> str:
    """What is between the cells: spreadsheets write `;` where the comma is in numbers. Keys have none of them."""
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def default_credentials(environ: Mapping[str, str]) -> Path | None:
    """The folder of systemd's credentials, when it gave us one."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None


def folder_of(path: Path) -> Path:
    """The folder that the paths of a site file are relative to."""
    return path if path.is_dir() else path.parent
