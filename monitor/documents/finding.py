"""What is wrong in a file that a person wrote: where, what, what is allowed, and what was probably meant."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from monitor.documents.node import Node

__all__ = ["Finding", "Findings", "nearest"]

_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake or warning. `line` and `column` count from 1; `path` is the key path, such as `devices[3].unit`.

    `allowed` says what may stand there, `hint` what was probably meant. None of them carries a secret.
    `refuses`: a warning for who checks the file, and the reason why `run` does not start.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    allowed: str = ""
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    refuses: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        key = f"{self.path}: " if self.path else ""
        hint = f"; did you mean `{self.hint}`?" if self.hint else ""
        allowed = f" (allowed: {self.allowed})" if self.allowed else ""
        return f"{where}{key}{self.message}{hint}{allowed}"


class Findings:
    """Collects findings, so that all mistakes are told at once. After 200 the rest is left out."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._known: set[Finding] = set()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The mistakes, in order of file and line."""
        return self._sorted("error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What deserves a look, in order of file and line."""
        return self._sorted("warning")

    @property
    def warnings_that_refuse(self) -> tuple[Finding, ...]:
        """Absent secrets and files."""
        return tuple(found for found in self.warnings if found.refuses)

    def _sorted(self, severity: str) -> tuple[Finding, ...]:
        chosen = [found for found in self._found if found.severity == severity]
        return tuple(sorted(chosen, key=lambda found: (found.file, found.line, found.column)))

    def add(self, finding: Finding) -> None:
        """Keep a finding, once."""
        if finding not in self._known and len(self._found) < _MOST:
            self._known.add(finding)
            self._found.append(finding)

    def error(self, node: "Node", path: str, message: str, *, allowed: str = "", hint: str = "") -> None:
        """Keep a mistake at a place."""
        self.add(
            Finding(
                file=node.file,
                line=node.line,
                column=node.column,
                path=path,
                message=message,
                allowed=allowed,
                hint=hint,
            )
        )

    def warning(self, node: "Node", path: str, message: str, *, refuses: bool = False) -> None:
        """Keep a warning at a place."""
        self.add(
            Finding(
                file=node.file,
                line=node.line,
                column=node.column,
                path=path,
                message=message,
                severity="warning",
                refuses=refuses,
            )
        )

    def absent(self, node: "Node", path: str, message: str) -> None:
        """Keep a warning of something without which `run` refuses to start."""
        self.warning(node, path, message, refuses=True)


def nearest(word: object, known: Iterable[str]) -> str:
    """The known word that `word` is probably a slip of, or an empty text."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(str(word)[:100].lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else ""
