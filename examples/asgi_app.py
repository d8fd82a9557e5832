# SPDX-License-Identifier: Apache-2.0
# asgi_app.py: events inside a bare ASGI application: no framework, nothing to install but a server.
"""Run it: MCP_AUTH_JWT_SECRET=... uvicorn asgi_app:app

`setup_realtime_system(app)` gives back an ASGI application that answers /ws itself and hands
everything else on; that one is served.
"""
from typing import Any, Awaitable, Callable, Dict
from urllib.parse import unquote

from mcp_auth.realtime import EventType, RBACEvent, notify_rbac_event, setup_realtime_system

Scope = Dict[str, Any]
Receive = Callable[[], Awaitable[Dict[str, Any]]]
Send = Callable[[Dict[str, Any]], Awaitable[None]]


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    """POST /users/ID/roles/NAME assigns a role; anything else is 404."""
    if scope["type"] != "http":
        return
    parts = scope["path"].split("/")
    status = 404
    if scope["method"] == "POST" and len(parts) == 5 and (parts[1], parts[3]) == ("users", "roles"):
        await notify_rbac_event(RBACEvent(event_type=EventType.ROLE_ASSIGNED,
                                          target_user_id=unquote(parts[2]),
                                          role_name=unquote(parts[4])))
        status = 202
    await send({"type": "http.response.start", "status": status,
                "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


app = setup_realtime_system(inner)
