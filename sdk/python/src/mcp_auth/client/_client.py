# SPDX-License-Identifier: Apache-2.0
# _client.py: a session that lasts: it comes back, resumes, renews, and removes doubles.
"""`RealtimeClient`."""

import asyncio
import datetime
import inspect
import logging
import ssl
import time
from collections import OrderedDict
from types import TracebackType
from typing import Any, Awaitable, Callable, Coroutine, Dict, Optional, Sequence, Type, Union

from mcp_auth.client._backoff import Backoff, CloseAction, close_action
from mcp_auth.client._errors import (Closed, ConnectionLost, HandshakeFailed, Refused, TokenNeeded)
from mcp_auth.client._event import Event
from mcp_auth.client._inbox import Gap, Inbox, Place
from mcp_auth.client._session import SUBPROTOCOL, Session
from mcp_auth.client._websocket import WebSocket, parse_url

_log = logging.getLogger("mcp_auth.client")

TokenSource = Union[str, Callable[[], Union[str, Awaitable[str]]]]
GapHandler = Callable[[int, str], Union[None, Awaitable[None]]]
ControlHandler = Callable[[Dict[str, Any]], Union[None, Awaitable[None]]]

_HELD_SECONDS = 5.0  # a connection that lasted so long makes the next wait short again


class RealtimeClient:
    """Follows the events that a token may see.

        async with RealtimeClient("https://realtime.example", token=get_token) as client:
            async for event in client:
                ...

    It comes back after every loss, behind the last event it gave; an event that comes twice is
    given once. What the close code says decides (protocol/PROTOCOL.md, "Close codes"): stop, renew
    the token, retry with back-off, or begin anew.

    `token` is a text, or a function (also `async`) that is asked before every sign-in that needs a
    new one and before the old one ends. `on_gap(code, position)` is called when events may have
    been missed: fetch fresh state then; from `position` on nothing is missed. Without it a warning
    is logged. `on_control(frame)` gets every frame that is no event. Both run in order with the
    events, and may be `async`.

    Errors: ValueError for a URL that is none. While iterating: Refused, TokenNeeded, Closed,
    and whatever the functions raise. Source: src/client/client_state.c does the same in C.
    """

    def __init__(self, url: str, token: TokenSource, *, position: Optional[str] = None,
                 event_types: Optional[Sequence[str]] = None,
                 resources: Optional[Sequence[str]] = None,
                 min_security_level: Optional[str] = None,
                 on_gap: Optional[GapHandler] = None,
                 on_control: Optional[ControlHandler] = None,
                 ssl_context: Optional[ssl.SSLContext] = None,
                 connect_timeout: float = 10.0, retry_first: float = 0.5, retry_max: float = 30.0,
                 renew_before: float = 60.0, dedupe_ids: int = 4096,
                 queue_events: int = 1024) -> None:
        parse_url(url, "/ws")
        self._url = url
        self._source = token
        self._token: Optional[str] = token if isinstance(token, str) else None
        self._position = position or ""  # of what the program has seen
        self._asked = self._position  # where the next connection goes on
        self._filter = _filter(event_types, resources, min_security_level)
        self._on_gap = on_gap
        self._on_control = on_control
        self._ssl = ssl_context
        self._connect_timeout = connect_timeout
        self._backoff = Backoff(retry_first, retry_max)
        self._renew_before = renew_before
        self._dedupe_ids = max(1, dedupe_ids)
        self._queue_events = max(2, queue_events)
        self._seen: "OrderedDict[str, None]" = OrderedDict()
        self._gap_code = 0
        self._inbox: Optional[Inbox] = None
        self._task: Optional["asyncio.Task[None]"] = None
        self._session: Optional[Session] = None
        self._closed = False
        self._untried = False  # whether the token has not been judged by the server yet
        self._told: Dict[str, Any] = {}  # the last sign-in
        self._renewal: Optional["asyncio.Task[None]"] = None  # waits until it is time
        self._asking: Optional["asyncio.Task[None]"] = None  # and then asks
        self.connected = False
        """Whether it is signed in at this moment."""

    @property
    def position(self) -> str:
        """Behind the last event that was given. Keep it to go on in another process."""
        return self._position

    async def __aenter__(self) -> "RealtimeClient":
        self.start()
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        await self.close()

    def start(self) -> None:
        """Begins to connect, in the running loop. Iterating does it too."""
        if self._task is None and not self._closed:
            self._inbox = self._inbox or Inbox(self._queue_events)
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Says goodbye and forgets everything but the position. Who iterates gets what has come
        already, and then Closed."""
        session = self._session
        if not self._closed:
            self._closed, self._token = True, None
            self._inbox = self._inbox or Inbox(self._queue_events)
            self._inbox.end(Closed())
            for task in (self._task, self._asking):
                if task is not None:
                    task.cancel()
        # One of them may be calling this out of the token function: it ends when it comes back.
        left = {task for task in (self._task, self._asking)
                if task is not None and task is not asyncio.current_task() and not task.done()}
        if left:
            await asyncio.wait(left)
        if session is not None and asyncio.current_task() is not self._task:
            await session.gone()

    def __aiter__(self) -> "RealtimeClient":
        return self

    async def __anext__(self) -> Event:
        self.start()
        assert self._inbox is not None
        while True:
            item = await self._inbox.take()
            if isinstance(item, Event):
                self._position = item.position
                return item
            if isinstance(item, Place):
                self._position = item.position
            elif isinstance(item, Gap):
                self._position = item.position
                await self._tell_gap(item)
            else:
                await _call(self._on_control, item)

    async def _tell_gap(self, gap: Gap) -> None:
        if self._on_gap is None:
            _log.warning("events may have been missed (%d): fetch fresh state", gap.code)
        else:
            await _call(self._on_gap, gap.code, gap.position)

    async def set_token(self, token: str) -> None:
        """The token from now on; renewed at once on a live connection."""
        if self._closed:
            return
        self._token, self._untried = token, True
        if self._session is not None and self.connected:
            await self._send({"type": "auth", "token": token})

    async def subscribe(self, event_types: Optional[Sequence[str]] = None,
                        resources: Optional[Sequence[str]] = None,
                        min_security_level: Optional[str] = None) -> None:
        """Replaces the filter, now and for later connections; without arguments: everything."""
        self._filter = _filter(event_types, resources, min_security_level)
        if self._session is not None and self.connected:
            await self._send({"type": "subscribe", **self._filter})

    async def _send(self, message: Dict[str, Any]) -> None:
        try:
            if self._session is not None:
                await self._session.send(message)
        except ConnectionLost:
            pass  # the next connection begins with what was said here

    # -- the task ---------------------------------------------------------------------------

    async def _run(self) -> None:
        assert self._inbox is not None
        try:
            while True:
                await asyncio.sleep(await self._once())
        except asyncio.CancelledError:
            self._inbox.end(Closed())
            raise
        except BaseException as error:  # the program gets it where it iterates
            self._inbox.end(error)
        finally:
            self._left()
            if self._closed:
                self._token = None

    async def _once(self) -> float:
        """One connection, from its begin to its end. Seconds to wait before the next."""
        if self._token is None:
            await self._ask_token(0, "there is no token yet")
        since = None
        try:
            session = await _within(self._connect_timeout, self._sign_in())
            since = time.monotonic()
            await session.run()
            return 0.0
        except HandshakeFailed as failed:
            if failed.status < 500 and failed.status not in (408, 425, 429):
                raise Refused(failed.status, str(failed)) from None
            return self._backoff.next(failed.retry_after)
        except (OSError, asyncio.TimeoutError) as error:
            _log.info("cannot connect: %s", str(error) or "no answer in time")
            return self._backoff.next()
        except ConnectionLost as lost:
            _log.info("the connection ended: %d %s", lost.code, lost.reason)
            if since is not None and time.monotonic() - since >= _HELD_SECONDS:
                self._backoff.reset()
            return await self._lost(lost)
        finally:
            self._left()

    async def _lost(self, lost: ConnectionLost) -> float:
        retry_after = self._session.retry_after() if self._session is not None else 0.0
        action = close_action(lost.code)
        if action is CloseAction.STOP:
            hint = ""
            if lost.reason == "Authentication required" and "subscribe" in self._told:
                hint = ": the filter has an event type or a level that the server does not know"
            raise Refused(lost.code, lost.reason + hint)
        if action is CloseAction.RENEW and not self._untried:
            self._token = None
            await self._ask_token(lost.code, lost.reason)
        elif action is CloseAction.RESYNC:
            self._asked = ""
            self._gap_code = lost.code
        return self._backoff.next(retry_after)

    def _left(self) -> None:
        self.connected = False
        self._told = {}
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        if self._session is not None:
            self._session.close()
            self._session = None

    async def _ask_token(self, code: int, reason: str) -> None:
        if callable(self._source):
            self._token = await _ask(self._source)
        elif self._token is None:
            raise TokenNeeded(code, reason)

    async def _sign_in(self) -> Session:
        socket = await WebSocket.connect(self._url, SUBPROTOCOL, self._ssl)
        self._session = session = Session(socket, self._deliver)
        self._told, self._untried = {"type": "auth", "token": self._token or ""}, False
        if self._asked:
            self._told["position"] = self._asked
        if self._filter:
            self._told["subscribe"] = self._filter
        await session.send(self._told)
        await session.answer()
        return session

    async def _deliver(self, frame: Dict[str, Any]) -> None:
        assert self._inbox is not None
        kind = frame["type"]
        position = frame.get("position")
        if kind == "event" and isinstance(position, str):
            self._asked = position
            if self._first_time(str(frame.get("id"))):
                await self._inbox.put(Event(frame))
            else:
                await self._inbox.put(Place(position))
            return
        if kind == "auth_ok":
            await self._signed_in(frame, str(position or ""))
        elif kind == "heartbeat" and isinstance(position, str):
            self._asked = position
            await self._inbox.put(Place(position))
        if self._on_control is not None:
            await self._inbox.put(frame)

    async def _signed_in(self, frame: Dict[str, Any], position: str) -> None:
        assert self._inbox is not None and self._session is not None
        first, self.connected, self._untried = not self.connected, True, False
        interval = frame.get("heartbeat_interval")
        if isinstance(interval, (int, float)):
            self._session.silence = 2.0 * interval + 1.0
        self._renew_at(frame.get("expires_at"))
        if first:
            await self._catch_up()
            if self._gap_code or (self._asked and frame.get("resumed") is not True):
                await self._inbox.put(Gap(self._gap_code or 4301, position))
            else:
                await self._inbox.put(Place(position))
            self._gap_code = 0
            self._asked = position

    async def _catch_up(self) -> None:
        """What the program said while the server was judging the sign-in."""
        if self._token is not None and self._token != self._told.get("token"):
            await self.set_token(self._token)
        if self._filter != self._told.get("subscribe", {}):
            await self._send({"type": "subscribe", **self._filter})

    def _first_time(self, event_id: str) -> bool:
        if event_id in self._seen:
            return False
        self._seen[event_id] = None
        if len(self._seen) > self._dedupe_ids:
            self._seen.popitem(last=False)
        return True

    def _renew_at(self, expires_at: object) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        left = _seconds_until(expires_at)
        # A clock that says it is over already is wrong about it: the server has just accepted it.
        if left > 0 and callable(self._source):
            wait = max(1.0, left - min(self._renew_before, left / 4))
            self._renewal = asyncio.ensure_future(self._renew(wait, self._source))

    async def _renew(self, wait: float, source: Callable[[], Union[str, Awaitable[str]]]) -> None:
        await asyncio.sleep(wait)
        # From here on neither its own answer nor the end of the connection cancels it.
        self._renewal, self._asking = None, self._renewal
        try:
            await self.set_token(await _ask(source))
        except Exception as error:  # it is asked again when the server says 4101
            _log.warning("no new token: %s", str(error) or type(error).__name__)
        finally:
            self._asking = None


async def _within(seconds: float, work: Coroutine[Any, Any, Session]) -> Session:
    """asyncio.wait_for() forgets, before Python 3.12, a cancellation that comes with the result."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if task.done() and not task.cancelled():
            task.exception()  # looked at, also when this was cancelled in the same moment


async def _ask(source: Callable[[], Union[str, Awaitable[str]]]) -> str:
    answer = source()
    token = await answer if inspect.isawaitable(answer) else answer
    if not isinstance(token, str) or not token:
        raise TypeError("a token is a text")
    return token


async def _call(handler: Optional[Callable[..., Any]], *arguments: Any) -> None:
    if handler is not None:
        answer = handler(*arguments)
        if inspect.isawaitable(answer):
            await answer


def _filter(event_types: Optional[Sequence[str]], resources: Optional[Sequence[str]],
            min_security_level: Optional[str]) -> Dict[str, Any]:
    chosen: Dict[str, Any] = {}
    for name, texts in (("event_types", event_types), ("resources", resources)):
        if texts is not None:
            if isinstance(texts, str):
                raise TypeError(f"{name} is a list of texts")
            chosen[name] = [str(getattr(text, "value", text)) for text in texts]
    if min_security_level is not None:
        chosen["min_security_level"] = min_security_level
    return chosen


def _seconds_until(when: object) -> float:
    """`when` is RFC 3339, or seconds since 1970."""
    if isinstance(when, (int, float)) and not isinstance(when, bool):
        return float(when) - time.time()
    if isinstance(when, str):
        try:
            at = datetime.datetime.fromisoformat(when.replace("Z", "+00:00"))
        except ValueError:
            return 0.0
        return at.timestamp() - time.time()
    return 0.0
