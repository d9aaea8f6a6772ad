"""Jobs on processes of their own: told how far they are, and ended with whoever asked for them."""

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final, TypeVar

from monitor.cycles import looking_seldom
from monitor.errors import FacilityMonitorError, JournalError

__all__ = ["spread"]

_ENDS_WITHIN: Final = 5.0

Job = TypeVar("Job")
Part = TypeVar("Part")
Work = Callable[[Any, Callable[[int], None]], Any]
"""A function of a module: does a job, and tells how far it is."""


def spread(
    work: Callable[[Job, Callable[[int], None]], Part], jobs: Sequence[Job], reached: Callable[[int], None]
) -> list[Part]:
    """Do each job in a process; `reached` is told the sum of how far they are.

    Whatever ends this, Ctrl-C too, ends all of them. Raises what a job raises, and JournalError for one that dies.
    """
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, tuple[int, SpawnProcess]] = {}
    parts: dict[int, Part] = {}
    done = [0] * len(jobs)
    try:
        for number, job in enumerate(jobs):
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_run, args=(work, job, there), daemon=True)
            running[here] = number, process
            process.start()
            there.close()
        while running:
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                number, process = running[ready]
                said = _heard(ready, process)
                if said[0] == "reached":
                    done[number] = said[1]
                    reached(sum(done))
                else:
                    parts[number] = said[1]
                    del running[ready]
                    ready.close()
                    process.join(_ENDS_WITHIN)
    finally:
        for connection, (_, process) in running.items():
            if process.pid is not None:
                process.terminate()
                process.join(_ENDS_WITHIN)
            connection.close()
    return [parts[number] for number in range(len(jobs))]


def _heard(connection: Connection, process: SpawnProcess) -> tuple[str, Any]:
    try:
        said: tuple[str, Any] = connection.recv()
    except EOFError:
        process.join(_ENDS_WITHIN)
        raise JournalError(
            f"a process that judged ended with {process.exitcode}: is there too little memory?"
        ) from None
    if said[0] == "failed":
        kind, message, more = said[1]
        error = kind.__new__(kind, message)
        error.__dict__.update(more)
        raise error
    return said


def _run(work: Work, job: Any, connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked is interrupted, and ends this
    try:
        with looking_seldom():
            part = work(job, lambda done: connection.send(("reached", done)))
        connection.send(("done", part))
    except FacilityMonitorError as error:
        connection.send(("failed", (type(error), str(error), error.__dict__)))
    except BrokenPipeError:  # nobody waits for it any more
        pass
    finally:
        connection.close()
