# SPDX-License-Identifier: Apache-2.0
# apps.py: the two applications measured: ours, and a loop that sends one string to every socket.
"""GET /one sends one event to everybody; GET /count says how many are there."""
import json

from mcp_auth.realtime import (RBACEvent, connection_manager, notify_rbac_event,
                               setup_realtime_system)

# As long as the event of `ours` to the byte is: the driver checks it.
TEXT = json.dumps({
    "type": "event", "id": "019eb1f2-0000-7000-8000-000000000000", "event_type": "policy_updated",
    "timestamp": "2026-11-23T08:00:00.000Z", "message": "m" * 200, "security_level": "LOW",
    "position": "x" * 32}, separators=(",", ":"))


async def answer(send, text):
    body = str(text).encode()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


async def lifespan(receive, send):
    while True:
        kind = (await receive())["type"]
        await send({"type": kind + ".complete"})
        if kind == "lifespan.shutdown":
            return


async def pages(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["path"] == "/count":
        await answer(send, connection_manager.get_connection_stats()["active_connections"])
    else:
        await notify_rbac_event(RBACEvent(event_type="policy_updated", message="m" * 200))
        await answer(send, "sent")


ours = setup_realtime_system(pages)

sockets = set()


async def loop(scope, receive, send):
    """The least there is: no token, no audience, no order, no limit."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()  # the message that signs in elsewhere
        sockets.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        sockets.discard(send)
    elif scope["path"] == "/count":
        await answer(send, len(sockets))
    else:
        for one in list(sockets):
            await one({"type": "websocket.send", "text": TEXT})
        await answer(send, "sent")
