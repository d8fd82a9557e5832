# SPDX-License-Identifier: Apache-2.0
# _port.py: between one asyncio loop and the core: what the core has for it, when its fd says so.
"""`Port`: one per event loop that serves or publishes."""

import asyncio
import contextvars
from asyncio.tasks import _enter_task, _leave_task  # documented: "Extending asyncio"
from collections import deque
from functools import partial
from types import CoroutineType
from typing import (Any, Awaitable, Callable, Deque, Dict, Generator, Iterator, Optional, Set,
                    Tuple)

from mcp_auth import _core

Answered = Callable[[int, Optional[str]], None]


# How many messages are sent before the loop is let do something else.
_SLICE = 128

# The core is told of what was sent in lots below its credit (64 messages, 64 KiB), so that each
# message costs no call.
_LOT_MESSAGES, _LOT_BYTES = 16, 16384

_Send = Callable[[Dict[str, Any]], Any]


class Outlet:
    """One connection as the core's messages find it: its writer, or the queue that it drains.

    While the writer has nothing to do its `send` is called at once, in its name: a wake-up of a
    task costs a quarter of what the whole message does. Only when that has to wait (the socket
    takes no more) the rest is the writer's, and what comes meanwhile is queued. The queue is
    bounded by the core, which gives a connection at most 64 messages or 64 KiB that
    `Connection.sent` has not taken back.
    """

    __slots__ = ("queue", "waker", "opened", "room", "close", "closed", "connection", "send",
                 "task", "run", "messages", "size", "rest", "failed")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queue: Deque[Tuple[str, int]] = deque()
        self.waker: Optional["asyncio.Future[None]"] = None  # there while the writer waits
        # (0, None), or (HTTP status, body) when the handshake is to be refused
        self.opened: "asyncio.Future[Tuple[int, Optional[str]]]" = loop.create_future()
        self.room: Optional["asyncio.Future[None]"] = None
        self.close: Optional[Tuple[int, str]] = None
        self.closed: Optional[Callable[[], None]] = None  # called once when `close` is there
        self.connection: Optional["_core.Connection"] = None
        self.send: Optional[_Send] = None
        self.task: Any = None
        self.run = contextvars.copy_context().run
        self.messages = self.size = 0  # sent, and not told to the core
        self.rest: Optional[Awaitable[Any]] = None  # of a send that had to wait
        self.failed: Optional[BaseException] = None

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

    def sent(self, size: int) -> None:
        """One message more is on its way."""
        self.messages += 1
        self.size += size
        if self.messages >= _LOT_MESSAGES or self.size >= _LOT_BYTES:
            self.tell()

    def tell(self) -> None:
        """The core gives more."""
        if self.connection is not None:
            self.connection.sent(self.messages, self.size)
        self.messages = self.size = 0

    def send_now(self, text: str, size: int, loop: asyncio.AbstractEventLoop) -> None:
        """In the writer's name, as far as it goes without waiting."""
        assert self.send is not None
        task = self.task
        _enter_task(loop, task)
        try:
            sending = self.send({"type": "websocket.send", "text": text})
            if type(sending) is not CoroutineType and not hasattr(sending, "send"):
                self.rest = _whole(sending, size)  # awaitable, but the writer's altogether
                self.wake()
                return
            waits_for = self.run(sending.send, None)
        except StopIteration:
            self.messages += 1
            self.size += size
            if self.messages >= _LOT_MESSAGES or self.size >= _LOT_BYTES:
                self.tell()
        except BaseException as error:
            self.failed = error
            self.wake()
        else:
            self.rest = _Rest(sending, waits_for, size)
            self.wake()
        finally:
            _leave_task(loop, task)


async def _whole(sending: Awaitable[Any], size: int) -> int:
    await sending
    return size


class _Rest:
    """What is left of a coroutine that somebody else has begun; awaiting it gives the size."""

    def __init__(self, coroutine: Any, waits_for: Any, size: int) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for
        self._size = size

    def __await__(self) -> Generator[Any, Any, int]:
        coroutine, waits_for = self._coroutine, self._waits_for
        while True:
            try:
                value = yield waits_for
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                step = partial(coroutine.throw, error)
            else:
                step = partial(coroutine.send, value)
            try:
                waits_for = step()
            except StopIteration:
                return self._size


class Port:
    """Takes what the core has whenever its descriptor is readable."""

    def __init__(self, front: "_core.Front", loop: asyncio.AbstractEventLoop) -> None:
        self.front = front
        self.loop = loop
        self.core = front.loop()
        self._fd = self.core.fileno()
        self._items: Iterator[Tuple[int, Any, Optional[str], int]] = iter(())
        self._asked: Set["asyncio.Future[Tuple[int, str]]"] = set()
        loop.add_reader(self._fd, self.take)

    def take(self) -> None:
        """Hands on what came, a slice at a time. Of one event all receivers get the same str.

        No more is taken before the last of it was handed on: so the core sees how far this loop
        is, and does not take its clients for slow (src/front/pace.c).
        """
        if self._slice():
            self._items = iter(self.core.take())
            if self._slice():
                return
        self.loop.call_soon(self.take)

    def _slice(self) -> bool:
        """Whether all has been handed on."""
        loop, text_kind, count = self.loop, _core.TEXT, 0
        for kind, host, text, number in self._items:
            if kind != text_kind:
                self._rare(kind, host, text, number)
            elif host.waker is not None:
                host.send_now(text, number, loop)
            else:
                host.queue.append((text, number))
            count += 1
            if count == _SLICE:
                return False
        return True

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
