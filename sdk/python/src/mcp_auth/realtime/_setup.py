# SPDX-License-Identifier: Apache-2.0
# _setup.py: puts /ws into an application, and the core into its lifespan.
"""`setup_realtime_system`."""

import contextlib
import sys
from typing import Any, AsyncIterator, Optional

from mcp_auth.realtime._asgi import App, Endpoint, Message, Receive, Scope, Send
from mcp_auth.realtime._config import RealtimeConfig
from mcp_auth.realtime._errors import RealtimeError
from mcp_auth.realtime._runtime import runtime

_MARK = "_mcp_auth_realtime"


class Realtime:
    """An ASGI application around another: its /ws, and its lifespan with the core in it.

    Around nothing it serves /ws alone.
    """

    def __init__(self, app: Optional[App], config: Optional[RealtimeConfig]) -> None:
        self.app = app
        self.endpoint = Endpoint(config)
        self._config = config or RealtimeConfig()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] in ("http", "websocket") and _path(scope) == self._config.path:
            await self.endpoint(scope, receive, send)
        elif self.app is not None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        first: Optional[Message] = await receive()  # lifespan.startup
        answered = False

        async def again() -> Message:
            nonlocal first
            message, first = first, None
            return message if message is not None else await receive()

        async def told(message: Message) -> None:
            nonlocal answered
            answered = True
            if message["type"] != "lifespan.startup.complete":
                await runtime.end(self._config.drain_seconds)
            await send(message)

        try:
            await runtime.begin(self.endpoint.config)
        except RealtimeError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        try:
            if self.app is not None:
                await self.app(scope, again, told)
        except Exception:
            if answered:
                raise
        if not answered:  # it knows no lifespan, which the specification allows
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await runtime.end(self._config.drain_seconds)
            await send({"type": "lifespan.shutdown.complete"})


def _path(scope: Scope) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path") or "")
    return path[len(root):] if root and path.startswith(root + "/") else path


def setup_realtime_system(app: Any, config: Optional[RealtimeConfig] = None) -> Any:
    """Gives `app` a WebSocket endpoint at /ws (or `config.path`) on its own port.

    Nothing runs yet: no loop is needed, and the core starts with the application, in the process
    that serves, or with the first connection or event. A FastAPI or Starlette application has the
    route and the start in its lifespan from here on; its own lifespan stays. Called again for the
    same application it returns what it returned.

    Returns FastAPI's APIRouter, which is included already, for a FastAPI application; for others
    an ASGI application around `app`: what is served is that, unless `app` is Starlette's.

    Errors: RealtimeError when `app` was set up with another configuration, TypeError when it is no
    application. At start-up: ConfigurationError.
    """
    if config is not None and not isinstance(config, RealtimeConfig):
        raise TypeError("config is a RealtimeConfig or None")
    if not callable(app):
        raise TypeError("app is an ASGI application")
    done = getattr(app, _MARK, None)
    if done is not None:
        if config is not None and config != done[1]:
            raise RealtimeError("this application was set up with another configuration")
        return done[0]
    if config is not None:
        runtime.config = config
    result = _in_starlette(app, config) if _is_starlette(app) else Realtime(app, config)
    with contextlib.suppress(AttributeError):  # an application that takes no attribute
        setattr(app, _MARK, (result, config))
    return result


def _is_starlette(app: Any) -> bool:
    """Whether it is one, without importing what nobody else has."""
    starlette = sys.modules.get("starlette.applications")
    return starlette is not None and isinstance(app, starlette.Starlette)


def _in_starlette(app: Any, config: Optional[RealtimeConfig]) -> Any:
    from starlette.routing import Route, WebSocketRoute

    around = Realtime(None, config)
    path = (config or RealtimeConfig()).path
    routes = [WebSocketRoute(path, around.endpoint, name="realtime"),
              Route(path, around.endpoint, name="realtime_hint", include_in_schema=False)]
    # In front: a mount of "/" would take everything that comes behind it.
    app.router.routes[0:0] = routes
    _wrap_lifespan(app.router, config)
    fastapi = sys.modules.get("fastapi")
    if fastapi is None or not isinstance(app, fastapi.FastAPI):
        around.app = app
        return around
    router = fastapi.APIRouter()
    router.routes.extend(routes)
    return router


def _wrap_lifespan(router: Any, config: Optional[RealtimeConfig]) -> None:
    inner = router.lifespan_context
    drain_seconds = (config or RealtimeConfig()).drain_seconds

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:
        await runtime.begin(config)
        try:
            async with inner(app) as state:
                yield state
        finally:
            await runtime.end(drain_seconds)

    router.lifespan_context = lifespan
