# SPDX-License-Identifier: Apache-2.0
# _logging.py: the core's records on logger mcp_auth.realtime, by a small thread of their own.
"""The core never waits for Python: its lines wait in a queue, and one thread hands them on."""

import logging
import os
import select
import threading
from typing import List, Optional, Tuple

from mcp_auth import _core

logger = logging.getLogger("mcp_auth.realtime")

# Debug, info, warning, error, as the core counts them.
_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)

_thread: Optional[threading.Thread] = None
_wakers: List[int] = []  # the ends of a pipe: what is written ends the thread
_level = -1


def follow_level() -> None:
    """Makes the core as talkative as the logger is at this moment."""
    global _level
    level = sum(logger.getEffectiveLevel() > python for python in _LEVELS[:3])
    if level != _level:
        _level = level
        _core.log_level(level)


def level_lost() -> None:
    """The core has set its own level, as it does when it starts."""
    global _level
    _level = -1
    follow_level()


def start() -> None:
    """Begins to hand lines on. Again: fine."""
    global _thread
    if _thread is None:
        fd = _core.log_open()
        _wakers[:] = os.pipe()
        _thread = threading.Thread(target=_run, args=(fd, _wakers[0]), name="mcp-auth-log", daemon=True)
        _thread.start()


def stop() -> None:
    """Hands on what is there and ends the thread."""
    global _thread
    thread, _thread = _thread, None
    if thread is not None:
        os.write(_wakers[1], b"!")
        thread.join(2.0)
        for end in _wakers:
            os.close(end)
        _wakers.clear()


def after_fork() -> None:
    """The parent's thread is not here."""
    global _thread, _level
    _thread, _level = None, -1
    for end in _wakers:
        os.close(end)
    _wakers.clear()


def _run(fd: int, wake: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.register(wake, select.POLLIN)
    ready: List[Tuple[int, int]] = []
    while all(one != wake for one, _ in ready):
        follow_level()
        ready = poll.poll(1000)
        _hand_on()


def _hand_on() -> None:
    lines, lost = _core.log_take()
    for level, line in lines:
        logger.log(_LEVELS[level], "%s", _words(line))
    if lost:
        logger.warning("%d records were lost: they came faster than logging takes them", lost)


def _words(line: str) -> str:
    """Without the time and the level, which logging has its own of; JSON stays as it is."""
    if line.startswith("{"):
        return line
    parts = line.split(" ", 2)
    return parts[2].lstrip() if len(parts) == 3 else line
