# SPDX-License-Identifier: Apache-2.0
# _notify.py: an event on its way, from this process or by a server elsewhere.
"""`notify_rbac_event`."""

import json
import os
import threading
from operator import attrgetter
from typing import Dict, Optional, Tuple

from mcp_auth import _core
from mcp_auth.client import BufferFull, Publisher
from mcp_auth.realtime._errors import PublishBufferFull, RealtimeError
from mcp_auth.realtime._events import RBACEvent
from mcp_auth.realtime._logging import logger
from mcp_auth.realtime._port import Port
from mcp_auth.realtime._runtime import runtime

# The order of the tuple that Front.publish takes.
_members = attrgetter("event_type", "id", "message", "security_level", "user_id", "user_name",
                      "target_user_id", "resource", "resource_id", "action", "role_name",
                      "permission", "tenant_id")

# A program that publishes without ever letting its loop run waits for the core from here on.
_UNANSWERED_MAX = 512


class _Sent:
    """What became of the events of this process."""

    def __init__(self) -> None:
        self.unanswered = 0
        self.careful = False  # the bus is away: each event's answer is waited for

    def answered(self, error: int, text: Optional[str]) -> None:
        """Called with every answer that nobody waits for."""
        self.unanswered = max(0, self.unanswered - 1)
        if error:
            self.careful = True
            logger.error("an event was not taken: %s", _why(error, text))
        else:
            self.careful = text is not None and text.endswith('"degraded":true}')


_sent = _Sent()
_publishers: Dict[Tuple[int, str], Publisher] = {}
_publishers_lock = threading.Lock()


async def notify_rbac_event(event: RBACEvent) -> None:
    """Publishes one event to everybody who may see it, and returns when it is queued.

    It waits for no client, and goes on without Redis. With MCP_AUTH_URL set the event goes to the
    server there, with the token in MCP_AUTH_TOKEN or MCP_AUTH_API_KEY; while that is away events
    wait in a bounded buffer.

    Errors: TypeError when `event` is no RBACEvent, ValueError when a member of it is not allowed,
    PublishBufferFull when too much waits, ConfigurationError when the settings cannot be served.
    """
    if not isinstance(event, RBACEvent):
        raise TypeError("notify_rbac_event takes an RBACEvent")
    url = os.environ.get("MCP_AUTH_URL")
    if url:
        _to_server(url, event)
        return
    front = runtime.running
    if front is None:
        front = await runtime.started()
    port = runtime.port(front)
    if _sent.careful or _sent.unanswered >= _UNANSWERED_MAX:
        await _carefully(port, event)
        return
    _sent.unanswered += 1
    try:
        front.publish((*_members(event), _data(event)), port.core, _sent.answered)
    except _core.Error as error:
        _sent.unanswered -= 1
        raise _refusal(error) from None
    except BaseException:
        _sent.unanswered -= 1
        raise


async def _carefully(port: Port, event: RBACEvent) -> None:
    members = (*_members(event), _data(event))
    try:
        error, text = await port.ask(lambda loop, host: port.front.publish(members, loop, host))
    except _core.Error as refused:
        raise _refusal(refused) from None
    _sent.unanswered = 0  # answers come in order: all before this one are here
    _sent.careful = error != 0 or text.endswith('"degraded":true}')
    if error == _core.E_FULL:
        raise PublishBufferFull("too many events wait for Redis")
    if error == _core.E_CONFLICT:
        raise ValueError("id: it was used for another event")
    if error:
        raise RealtimeError(_why(error, text))


def _data(event: RBACEvent) -> Optional[str]:
    if event.data is None:
        return None
    try:
        return json.dumps(event.data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"data: {error}") from None


def _why(error: int, text: Optional[str]) -> str:
    if error == _core.E_FULL:
        return "too much is waiting"
    if error == _core.E_CONFLICT:
        return "its id was used for another event"
    return "the core is stopping" if error == _core.E_STOPPING else f"error {error} {text or ''}"


def _refusal(error: "_core.Error") -> Exception:
    code, text = error.args
    if code in (_core.E_INVALID, _core.E_TOO_BIG):
        return ValueError(text)
    if code == _core.E_FULL:
        return PublishBufferFull(text)
    return RealtimeError(text)


def _to_server(url: str, event: RBACEvent) -> None:
    token = os.environ.get("MCP_AUTH_TOKEN") or os.environ.get("MCP_AUTH_API_KEY") or ""
    with _publishers_lock:
        publisher = _publishers.get((hash(token), url))
        if publisher is None:
            publisher = _publishers[hash(token), url] = Publisher(url, token)
    try:
        publisher.submit(event)
    except BufferFull as full:
        raise PublishBufferFull(str(full)) from None


def _after_fork() -> None:
    global _publishers_lock
    _publishers_lock = threading.Lock()
    _sent.unanswered, _sent.careful = 0, False


os.register_at_fork(after_in_child=_after_fork)
