"""Coverage-guided fuzzing of whatever reads bytes from outside.

    python -m tests.fuzz [--seconds 60] [TARGET …]

Each target runs in a process of its own. What it finds is printed as hexadecimal digits, with the traceback; then
the status is 1. To see it again: `python -m tests.fuzz --again HEX TARGET`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["main"]

_LONGEST = 4096
_RUNS = re.compile(r"^#(\d+)\s.*?cov: (\d+)", re.MULTILINE)


def _fuzz(name: str, seconds: int, folder: Path) -> None:
    """Fuzz one target in this process, until the time is over or something is found; does not return."""
    import atheris

    modules = _modules_of(name)
    with atheris.instrument_imports(include=modules, enable_loader_override=False):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    seeds = folder / "seeds"
    seeds.mkdir()
    for number, seed in enumerate(target.seeds()):
        (seeds / str(number)).write_bytes(seed)
    words = ["fuzz", f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-artifact_prefix={folder}/"]
    atheris.Setup([*words, "-print_final_stats=0", str(seeds)], target.run)
    atheris.Fuzz()


def _modules_of(name: str) -> list[str]:
    """What a target wants instrumented; asked of another process, which may import it as it is."""
    ask = f"from tests.fuzz.targets import TARGETS; print(*TARGETS[{name!r}].modules)"
    return subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True).stdout.split()


def _run(name: str, seconds: int) -> bool:
    """Fuzz one target in a process; print how it went, and answer whether nothing was found."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "tests.fuzz", "--here", folder, "--seconds", str(seconds), name]
        ended = subprocess.run(words, check=False, capture_output=True, text=True, errors="replace")
        found = sorted(
            each for each in Path(folder).iterdir() if each.name.startswith(("crash-", "timeout-", "oom-"))
        )
        runs = _RUNS.findall(ended.stderr)
        tried, branches = runs[-1] if runs else ("0", "0")
        good = ended.returncode == 0 and not found
        sys.stdout.write(f"{name:<18} {tried:>10} inputs {branches:>6} branches  {'fine' if good else 'FAILED'}\n")
        if not good:
            sys.stdout.write(ended.stdout[-4000:] + ended.stderr[-4000:])
            sys.stdout.writelines(f"{each.name.split('-')[0]}: {each.read_bytes().hex()}\n" for each in found)
        sys.stdout.flush()
        return good


def main() -> int:
    """Read the command line; answers the exit status."""
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--again", metavar="HEX", help="give one input to a target, as it was printed")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.targets if name not in TARGETS]
    if unknown:
        parser.error(f"there is no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if chosen.again is not None:
        for name in chosen.targets:
            TARGETS[name].run(bytes.fromhex(chosen.again))
        return 0
    results = [_run(name, chosen.seconds) for name in chosen.targets or TARGETS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        _fuzz(sys.argv[5], int(sys.argv[4]), Path(sys.argv[2]))
    sys.exit(main())
