# SPDX-License-Identifier: Apache-2.0
# tasks.py: the end of tasks, and of a run that has no end by itself.
import asyncio
import sys


async def ended(tasks):
    """Cancels until they are: before Python 3.12 wait_for() forgets a cancellation that comes
    together with what it waits for. What one of them failed with is raised."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.5)
    for task in tasks:
        if not task.cancelled() and task.exception():
            raise task.exception()


async def within(seconds, work):
    """The result of `work`; when it takes longer, where every task stands, and TimeoutError."""
    task = asyncio.ensure_future(work)
    await asyncio.wait([task], timeout=seconds)
    if not task.done():
        for other in asyncio.all_tasks():
            other.print_stack(limit=6, file=sys.stdout)
        raise asyncio.TimeoutError(f"the run has no end: {seconds:.0f} s are over")
    return task.result()
