# SPDX-License-Identifier: Apache-2.0
# _port.py: between one asyncio loop and the core: what the core has for it, when its fd says so.
"""`Port`: one per event loop that serves or publishes."""

import asyncio
from collections import deque
from typing import Callable, Deque, Optional, Set, Tuple

from mcp_auth import _core

Answered = Callable[[int, Optional[str]], None]


class Outlet:
    """One connection as the core's messages find it: a queue that its writer drains.

    The queue is bounded by the core, which gives a connection at most 64 messages or 64 KiB that
    `Connection.sent` has not taken back.
    """

    __slots__ = ("queue", "waker", "opened", "room", "close", "closed")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queue: Deque[Tuple[str, int]] = deque()
        self.waker: Optional["asyncio.Future[None]"] = None
        # (0, None), or (HTTP status, body) when the handshake is to be refused
        self.opened: "asyncio.Future[Tuple[int, Optional[str]]]" = loop.create_future()
        self.room: Optional["asyncio.Future[None]"] = None
        self.close: Optional[Tuple[int, str]] = None
        self.closed: Optional[Callable[[], None]] = None  # called once when `close` is there

    def wake(self) -> None:
        """The writer has something to do."""
        waker, self.waker = self.waker, None
        if waker is not None and not waker.done():
            waker.set_result(None)

    def make_room(self) -> None:
        """The message that was too many may be given again."""
        room, self.room = self.room, None
        if room is not None and not room.done():
            room.set_result(None)


class Port:
    """Takes what the core has whenever its descriptor is readable."""

    def __init__(self, front: "_core.Front", loop: asyncio.AbstractEventLoop) -> None:
        self.front = front
        self.loop = loop
        self.core = front.loop()
        self._fd = self.core.fileno()
        self._asked: Set["asyncio.Future[Tuple[int, str]]"] = set()
        loop.add_reader(self._fd, self.take)

    def take(self) -> None:
        """Hands on what came. Of one event all receivers get the same str."""
        text_kind = _core.TEXT
        for kind, host, text, number in self.core.take():
            if kind == text_kind:
                host.queue.append((text, number))
                if host.waker is not None:
                    host.wake()
            else:
                self._rare(kind, host, text, number)

    def _rare(self, kind: int, host: object, text: Optional[str], number: int) -> None:
        if kind == _core.ANSWER:
            if callable(host):
                host(number, text)
        elif isinstance(host, Outlet):
            if kind == _core.CLOSE:
                host.close = (number, text or "")
                host.make_room()
                host.wake()
                if host.closed is not None:
                    host.closed()
            elif kind == _core.ROOM:
                host.make_room()
            elif not host.opened.done():
                host.opened.set_result((0, None) if kind == _core.OPEN else (number, text))

    async def ask(self, question: Callable[["_core.Loop", Answered], None]) -> Tuple[int, str]:
        """(error, text) of the answer to `question(loop, host)`. Errors: those of the question."""
        answer: "asyncio.Future[Tuple[int, str]]" = self.loop.create_future()

        def answered(error: int, text: Optional[str]) -> None:
            if not answer.done():
                answer.set_result((error, text or ""))

        question(self.core, answered)
        self._asked.add(answer)
        try:
            return await answer
        finally:
            self._asked.discard(answer)

    def close(self) -> None:
        """Its connections are over. In the loop's thread, unless the loop is closed."""
        if not self.loop.is_closed():
            self.loop.remove_reader(self._fd)
            for answer in self._asked:  # none will come
                if not answer.done():
                    answer.set_result((_core.E_STOPPING, ""))
        self.core.close()
