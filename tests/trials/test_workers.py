"""Jobs on processes: they tell how far they are, and end with whoever asked for them."""

import os
import time
from collections.abc import Callable

import psutil
import pytest

from monitor.errors import JournalError
from monitor.sinks.rejection import SinkMisconfigured
from monitor.trials.workers import spread


def doubles(job: int, reached: Callable[[int], None]) -> int:
    """What a job is, twice."""
    reached(job)
    return 2 * job


def stays(job: int, reached: Callable[[int], None]) -> int:
    """Tell its process, and go on for longer than anybody waits."""
    reached(os.getpid())
    time.sleep(600)
    return job


def dies(job: int, reached: Callable[[int], None]) -> int:
    """The second ends as a process does that the kernel ends; the others go on."""
    if job == 1:
        os._exit(9)
    return stays(job, reached)


def fails(job: int, reached: Callable[[int], None]) -> int:
    """Fail in words, beside others that go on."""
    if job == 1:
        raise SinkMisconfigured("the bucket is not there", what_to_do="make it", status=404)
    return stays(job, reached)


def children() -> set[int]:
    return {
        one.pid for one in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(one.cmdline())
    }


def test_parts_come_in_the_order_of_the_jobs() -> None:
    told: list[int] = []

    assert spread(doubles, [3, 1, 2], told.append) == [6, 2, 4]
    assert told[-1] == 6


def test_an_interrupt_ends_every_process() -> None:
    told: list[int] = []

    def reached(done: int) -> None:
        told.append(done)
        if len(told) == 2:
            assert len(children()) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread(stays, [0, 1], reached)

    assert children() == set()


def test_a_process_that_dies_is_told_and_ends_the_others() -> None:
    with pytest.raises(JournalError, match="a process that judged ended with 9"):
        spread(dies, [0, 1], lambda _: None)

    assert children() == set()


def test_an_error_comes_as_it_was_raised() -> None:
    with pytest.raises(SinkMisconfigured, match="the bucket is not there") as raised:
        spread(fails, [0, 1], lambda _: None)

    assert (raised.value.what_to_do, raised.value.status) == ("make it", 404)
    assert children() == set()
