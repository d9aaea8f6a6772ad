import asyncio
import subprocess
import sys
import threading

import pytest

from monitor.sinks.influxdb.thread import BlockingThread

HANGS = """
import asyncio, threading
from monitor.sinks.influxdb.thread import BlockingThread

async def main():
    thread = BlockingThread("test")
    waiting = asyncio.create_task(thread.do(threading.Event().wait))
    await asyncio.sleep(0)
    waiting.cancel()
    thread.end(lambda: None)

asyncio.run(main())
print("over")
"""


async def test_work_is_done_in_order_in_one_thread_and_answers():
    thread = BlockingThread("test")
    done: list[int] = []

    names = await asyncio.gather(
        *(
            thread.do(lambda number=number: (done.append(number), threading.current_thread().name)[1])
            for number in range(20)
        )
    )

    assert done == list(range(20))
    assert set(names) == {"test"}
    thread.end(lambda: None)


async def test_what_it_raises_comes_to_who_waits_and_the_thread_lives():
    thread = BlockingThread("test")

    with pytest.raises(ZeroDivisionError):
        await thread.do(lambda: 1 // 0)

    assert await thread.do(lambda: 7) == 7
    thread.end(lambda: None)


async def test_what_is_given_at_the_end_is_done_last():
    thread, ended, done = BlockingThread("test"), threading.Event(), []
    await thread.do(lambda: done.append("work"))

    thread.end(lambda: (done.append("end"), ended.set())[0])

    assert await asyncio.to_thread(ended.wait, 5)
    assert done == ["work", "end"]


def test_the_end_of_the_program_does_not_wait_for_what_hangs():
    ran = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, check=False, timeout=20)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "over\n", "")
