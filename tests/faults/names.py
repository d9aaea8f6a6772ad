"""A name server for one process: names appear, vanish, point elsewhere or are never answered, while it runs."""

from collections.abc import Mapping
from pathlib import Path

from tests.faults.power import compile_library

__all__ = ["HANGS", "Names"]

HANGS = "hangs"
"""The address of a name about which the name server says nothing at all."""

_SOURCE = Path(__file__).with_name("names.c")


class Names:
    """What names mean in a process that is started with `environ`; no name exists before it is set."""

    def __init__(self, folder: Path) -> None:
        library = compile_library(folder, _SOURCE)
        self._file = folder / "names"
        self.environ = {"LD_PRELOAD": str(library), "NAMES_FILE": str(self._file)}
        self.set({})

    def set(self, addresses: Mapping[str, str]) -> None:
        """Let these names exist and no others."""
        new = self._file.with_suffix(".new")
        new.write_text("".join(f"{name} {address}\n" for name, address in addresses.items()))
        new.replace(self._file)
