"""Runs every benchmark of this folder, or those that are named: `python -m tests.bench [NAME …]`."""

import importlib
import os
import pkgutil
import sys
from pathlib import Path


def main() -> None:
    """Run `main` of each module, in the order of their names."""
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    names = [name for name in names if name != "__main__"]
    unknown = sorted(set(sys.argv[1:]) - set(names))
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(names)}")
    for name in sys.argv[1:] or names:
        module = importlib.import_module(f"tests.bench.{name}")
        if hasattr(module, "main"):
            print(f"== {name} (load of this machine now: {os.getloadavg()[0]:.1f})", flush=True)  # noqa: T201 - it prints
            module.main()


main()
