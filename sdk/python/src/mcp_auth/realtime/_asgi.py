# SPDX-License-Identifier: Apache-2.0
# _asgi.py: one WebSocket of an ASGI server: its reader, its writer, its end.
"""`Endpoint`, the ASGI application behind /ws."""

import asyncio
from typing import Any, Awaitable, Callable, Dict, List, MutableMapping, Optional, Tuple

from mcp_auth import _core
from mcp_auth.realtime._config import RealtimeConfig
from mcp_auth.realtime._errors import RealtimeError
from mcp_auth.realtime._logging import follow_level, logger
from mcp_auth.realtime._port import Outlet
from mcp_auth.realtime._runtime import runtime

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SUBPROTOCOL = "mcp-auth.v1"

# A client that does not read holds up its writer. It is told why it is closed for so long, and then
# is left to the server, which ends its connection when the application returns.
_LINGER_SECONDS = 5.0

_HINT = (b'{"error":{"code":"upgrade_required","message":'
         b'"This path speaks WebSocket: connect with ws:// or wss://"}}')
_BODIES = {
    401: '{"error":{"code":"unauthorized","message":"Authentication required"}}',
    403: '{"error":{"code":"forbidden","message":"This identity may not do that"}}',
    503: '{"error":{"code":"overloaded","message":"The server is overloaded"}}',
}


class Endpoint:
    """Serves what a route sends it: WebSockets, and a hint to everybody else.

    Source: the ASGI specification, "HTTP & WebSocket ASGI Message Format".
    """

    def __init__(self, config: Optional[RealtimeConfig]) -> None:
        self.config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            upgrade = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade")]  # RFC 9110 15.5.22
            if not str(scope.get("http_version", "1.1")).startswith("1"):
                upgrade = []  # HTTP/2 has no such fields (RFC 9113 section 8.2.2)
            await _answer(send, "http.response", 426, _HINT, upgrade)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        follow_level()
        outlet = Outlet(asyncio.get_running_loop())
        try:
            if not runtime.serves_here(self.config):
                raise RealtimeError("MCP_AUTH_URL says that the server there serves /ws")
            front = await runtime.started(self.config)
            connection = _connect(runtime.port(front).core, outlet, scope)
        except (RealtimeError, _core.Error) as error:
            logger.error("no connection is taken: %s", error.args[-1])
            await _refuse(scope, send, 503, "")
            return
        try:
            status, body = await outlet.opened
            if status:
                await _refuse(scope, send, status, body or "")
                return
            await send({"type": "websocket.accept", "subprotocol": _subprotocol(scope)})
            await _serve(connection, outlet, receive, send)
        finally:
            connection.disconnect()


def _subprotocol(scope: Scope) -> Optional[str]:
    return SUBPROTOCOL if SUBPROTOCOL in (scope.get("subprotocols") or ()) else None


def _connect(loop: "_core.Loop", outlet: Outlet, scope: Scope) -> "_core.Connection":
    fields: Dict[bytes, List[bytes]] = {}
    for name, value in scope.get("headers") or ():
        fields.setdefault(bytes(name).lower(), []).append(bytes(value))
    client = scope.get("client") or (None, 0)
    kind = _core.SESSION if _subprotocol(scope) else _core.PLAIN
    port = client[1] if isinstance(client[1], int) and 0 <= client[1] < 65536 else 0
    return loop.connect(outlet, kind, _one(fields.get(b"authorization")),
                        _one(fields.get(b"origin")), client[0] or None, port)


def _one(values: Optional[List[bytes]]) -> Optional[bytes]:
    """None: absent. A field that comes twice is there and of no use."""
    return None if values is None else values[0] if len(values) == 1 else b""


async def _serve(connection: "_core.Connection", outlet: Outlet, receive: Receive,
                 send: Send) -> None:
    reader = asyncio.ensure_future(_read(connection, outlet, receive))
    task, timer = asyncio.current_task(), None
    loop = asyncio.get_running_loop()
    stuck = False

    def give_up() -> None:
        nonlocal stuck
        stuck = True
        if task is not None:
            task.cancel()

    def closed() -> None:
        nonlocal timer
        timer = loop.call_later(_LINGER_SECONDS, give_up)

    outlet.closed = closed
    if outlet.close is not None:
        closed()
    try:
        await _write(connection, outlet, send, reader)
    except asyncio.CancelledError:
        if not stuck:
            await _say_draining(send)
            raise
        if task is not None and hasattr(task, "uncancel"):  # Python 3.11
            task.uncancel()
    except Exception as error:  # the server's own way to say that the client is gone
        logger.debug("a connection ended while it was written to: %r", error)
    finally:
        outlet.closed = None
        if timer is not None:
            timer.cancel()
        reader.cancel()


async def _say_draining(send: Send) -> None:
    """The server ends us: the client is told to come back, if that can be done without waiting."""
    try:
        await asyncio.wait_for(send({"type": "websocket.close", "code": 4200,
                                     "reason": "Server is shutting down"}), 0.5)
    except (Exception, asyncio.CancelledError) as error:
        logger.debug("a connection was cut off: %r", error)


async def _write(connection: "_core.Connection", outlet: Outlet, send: Send,
                 reader: "asyncio.Task[None]") -> None:
    """Drains the queue until the core closes the connection, or the reader finds it gone."""
    queue, loop = outlet.queue, asyncio.get_running_loop()
    outlet.connection, outlet.send, outlet.task = connection, send, asyncio.current_task()
    reader.add_done_callback(lambda _: outlet.wake())
    while True:
        if outlet.failed is not None:
            raise outlet.failed
        if outlet.rest is not None:
            rest, outlet.rest = outlet.rest, None
            outlet.sent(await rest)
        while queue:
            text, size = queue.popleft()
            await send({"type": "websocket.send", "text": text})
            outlet.sent(size)
        if outlet.close is not None:
            code, reason = outlet.close
            await send({"type": "websocket.close", "code": code, "reason": reason})
            return
        if reader.done():
            return
        outlet.waker = loop.create_future()
        try:
            await outlet.waker
        finally:
            outlet.waker = None  # from here on messages are queued


async def _read(connection: "_core.Connection", outlet: Outlet, receive: Receive) -> None:
    """Gives what the client says to the core; ends when there will be no more."""
    try:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if message["type"] != "websocket.receive":
                continue
            text = message.get("text")
            while not (connection.receive_binary() if text is None else connection.receive(text)):
                outlet.room = asyncio.get_running_loop().create_future()
                await outlet.room
    except _core.Error:
        pass  # it was disconnected, or everything stops
    except Exception as error:  # the server's own way to say that the client is gone
        logger.debug("a connection ended while it was read: %r", error)


async def _refuse(scope: Scope, send: Send, status: int, body: str) -> None:
    """An HTTP answer where the server can give one; else the close before the accept is a 403."""
    if "websocket.http.response" not in (scope.get("extensions") or ()):
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    headers = [(b"www-authenticate", b"Bearer")] if status == 401 else []
    body = body or _BODIES.get(status, "")
    await _answer(send, "websocket.http.response", status, body.encode(), headers)


async def _answer(send: Send, kind: str, status: int, body: bytes,
                  headers: List[Tuple[bytes, bytes]]) -> None:
    headers = [(b"content-type", b"application/json"),
               (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": kind + ".start", "status": status, "headers": headers})
    await send({"type": kind + ".body", "body": body})
