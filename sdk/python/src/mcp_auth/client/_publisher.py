# SPDX-License-Identifier: Apache-2.0
# _publisher.py: events to a server: kept in order, batched, sent again under the same id.
"""`Publisher`."""

import asyncio
import atexit
import http.client
import json
import logging
import os
import ssl
import threading
import time
import uuid
from collections import deque
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Deque, Dict, List, Mapping, NamedTuple, Optional, Protocol, Type, Union

from mcp_auth.client._backoff import Backoff
from mcp_auth.client._errors import BufferFull, PublisherClosed, PublishError
from mcp_auth.client._http import Answer, HttpLink
from mcp_auth.client._websocket import parse_url

_log = logging.getLogger("mcp_auth.client")

_BATCH_SIZE_MAX = 3 << 20  # the server takes 4 MiB
_EVENT_SIZE_MAX = 64 << 10


class EventLike(Protocol):
    """What mcp_auth.realtime.RBACEvent is."""

    def to_dict(self) -> Dict[str, Any]:
        """The members that are given."""


class Accepted(NamedTuple):
    """An event the server has taken. `position` is None while its bus is away."""

    id: str
    position: Optional[str]
    duplicate: bool


class _Waiting(NamedTuple):
    body: bytes
    done: "Future[Accepted]"


class Publisher:
    """Publishes to POST /v1/events, from any thread or event loop.

    One thread of its own sends what waits in batches over one kept connection, in the order of the
    calls. An event without an id gets one here, so that what is sent again after a broken
    connection is delivered once. While the server is away events wait, up to `buffer_events`; an
    answer of 429 or 503 is waited out. After a fork the child has a thread and a buffer of its
    own.

    `url` is the server's (else MCP_AUTH_URL), `token` a publisher's token or the API key (else
    MCP_AUTH_TOKEN, then MCP_AUTH_API_KEY).

    Errors: ValueError for a URL that is none or absent.
    """

    def __init__(self, url: Optional[str] = None, token: Optional[str] = None, *,
                 buffer_events: int = 10000, batch: int = 500, timeout: float = 10.0,
                 retry_first: float = 0.25, retry_max: float = 15.0,
                 ssl_context: Optional[ssl.SSLContext] = None) -> None:
        url = url or os.environ.get("MCP_AUTH_URL")
        if not url:
            raise ValueError("neither url nor MCP_AUTH_URL says where the server is")
        if token is None:
            token = os.environ.get("MCP_AUTH_TOKEN") or os.environ.get("MCP_AUTH_API_KEY") or ""
        if not 1 <= batch <= 1000 or buffer_events < 1:
            raise ValueError("batch is 1 to 1000, buffer_events at least 1")
        if not token.isascii() or any(ord(letter) <= 32 for letter in token):
            raise ValueError("the token has a character that no token has")
        self._address = parse_url(url)
        self._token, self._timeout, self._ssl = token, timeout, ssl_context
        self._buffer_events = buffer_events
        self._batch = batch
        self._backoff = Backoff(retry_first, retry_max)
        self._begin()
        atexit.register(self.close, 2.0)  # the thread is a daemon: it would end with the program

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._link = HttpLink(self._address, self._token, self._timeout, self._ssl)
        self._changed = threading.Condition()
        self._waiting: Deque[_Waiting] = deque()
        self._closing_at: Optional[float] = None
        self._thread: Optional[threading.Thread] = None

    def submit(self, event: Union[EventLike, Mapping[str, Any]]) -> "Future[Accepted]":
        """Takes one event and returns at once. The future may be left alone: a refusal is logged.

        Errors: BufferFull, PublisherClosed, ValueError (no JSON, or over 64 KiB). The future:
        PublishError, PublisherClosed.
        """
        if self._pid != os.getpid():  # the parent sends what it had taken
            self._begin()
        members = dict(event) if isinstance(event, Mapping) else event.to_dict()
        if members.get("id") is None:
            members["id"] = str(uuid.uuid4())
        try:
            body = json.dumps(members, ensure_ascii=False, allow_nan=False,
                              separators=(",", ":")).encode()
        except (TypeError, RecursionError) as error:
            raise ValueError(f"data: {error}") from None
        if len(body) > _EVENT_SIZE_MAX:
            raise ValueError("the event is over 64 KiB")
        item = _Waiting(body, Future())
        with self._changed:
            if self._closing_at is not None:
                raise PublisherClosed("the publisher is closed")
            if len(self._waiting) >= self._buffer_events:
                raise BufferFull(f"{len(self._waiting)} events wait for the server")
            self._waiting.append(item)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mcp-auth-publisher",
                                                daemon=True)
                self._thread.start()
            self._changed.notify()
        return item.done

    async def publish(self, event: Union[EventLike, Mapping[str, Any]]) -> Accepted:
        """Takes one event and waits until the server has it. Errors: as `submit` and its future."""
        return await asyncio.wrap_future(self.submit(event))

    def close(self, timeout: float = 5.0) -> None:
        """Sends what waits, for at most `timeout` seconds; the rest fails with PublisherClosed."""
        if self._pid != os.getpid():
            return
        with self._changed:
            if self._closing_at is None:
                self._closing_at = time.monotonic() + max(0.0, timeout)
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, timeout))
            if thread.is_alive():
                self._link.abort()  # an answer that did not come in time is waited for no more
                thread.join(0.2)
        self._fail_all()
        atexit.unregister(self.close)

    async def __aenter__(self) -> "Publisher":
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    # -- the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        alone = 0  # events that are sent one by one, because their batch was refused
        while True:
            items = self._next(1 if alone else self._batch)
            if not items:
                break
            try:
                answer = self._link.post("/v1/events", _array(items))
            except (OSError, http.client.HTTPException) as error:
                _log.warning("no answer from the server: %s", str(error) or type(error).__name__)
                self._pause(0.0)
                continue
            except Exception as error:  # a fault of ours must not end the thread without a word
                self._settle(items, PublishError(0, "internal", repr(error)))
                continue
            if answer.status in (408, 429) or answer.status >= 500:
                _log.warning("the server answered %d: %s", answer.status, _message(answer))
                self._pause(answer.retry_after)
                continue
            self._backoff.reset()
            if answer.status // 100 == 2:
                self._settle(items, _outcomes(answer, len(items)))
                alone = max(0, alone - len(items))
            elif len(items) > 1 and (answer.status in (400, 409, 413) or
                                     _code(answer) == "wrong_tenant"):
                alone = len(items)  # one of them is the reason, and only that one is refused
            else:
                self._settle(items, _refusal(answer))
                alone = max(0, alone - len(items))
        self._link.close()
        self._fail_all()

    def _next(self, most: int) -> List[_Waiting]:
        """The oldest that wait; none when it is over. They stay in the buffer until settled."""
        with self._changed:
            while not self._waiting:
                if self._closing_at is not None:
                    return []
                self._changed.wait()
            if self._closing_at is not None and time.monotonic() >= self._closing_at:
                return []
            items: List[_Waiting] = []
            size = 0
            for item in self._waiting:
                size += len(item.body) + 1
                if items and (len(items) >= most or size > _BATCH_SIZE_MAX):
                    break
                items.append(item)
            return items

    def _pause(self, retry_after: float) -> None:
        until = time.monotonic() + self._backoff.next(min(retry_after, 60.0))
        with self._changed:
            while True:
                end = until if self._closing_at is None else min(until, self._closing_at)
                left = end - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(left)

    def _settle(self, items: List[_Waiting], outcome: Union[List[Accepted], PublishError]) -> None:
        with self._changed:
            if not self._waiting:
                return  # close() did not wait for this answer
            for _ in items:
                self._waiting.popleft()
        if isinstance(outcome, PublishError):
            _log.error("the server refused %d event(s): %s", len(items), outcome)
            for item in items:
                _finish(item.done, error=outcome)
        else:
            for item, accepted in zip(items, outcome):
                _finish(item.done, accepted)

    def _fail_all(self) -> None:
        with self._changed:
            left = list(self._waiting)
            self._waiting.clear()
        if left:
            _log.error("%d event(s) were not sent: the publisher was closed", len(left))
        for item in left:
            _finish(item.done, error=PublisherClosed("closed before it was sent"))


def _finish(done: "Future[Accepted]", result: Optional[Accepted] = None,
            error: Optional[BaseException] = None) -> None:
    if not done.set_running_or_notify_cancel():
        return
    if error is not None:
        done.set_exception(error)
    elif result is not None:
        done.set_result(result)


def _array(items: List[_Waiting]) -> bytes:
    return b"[" + b",".join(item.body for item in items) + b"]"


def _outcomes(answer: Answer, count: int) -> Union[List[Accepted], PublishError]:
    told = answer.body.get("events")
    if not isinstance(told, list) or len(told) != count or not all(
            isinstance(one, dict) and isinstance(one.get("id"), str) for one in told):
        return PublishError(answer.status, "", f"HTTP {answer.status}, but no answer of this "
                                               "server's kind; is this the address of a server?")
    return [Accepted(one["id"], one.get("position") or None, bool(one.get("duplicate")))
            for one in told]


def _error(answer: Answer, member: str) -> str:
    error = answer.body.get("error")
    return str(error.get(member, "")) if isinstance(error, dict) else ""


def _code(answer: Answer) -> str:
    return _error(answer, "code")


def _message(answer: Answer) -> str:
    return _error(answer, "message")


def _refusal(answer: Answer) -> PublishError:
    return PublishError(answer.status, _code(answer), _message(answer) or f"HTTP {answer.status}")
