# SPDX-License-Identifier: Apache-2.0
# _manager.py: the limits of this process, its counters, and who is connected.
"""`connection_manager`."""

import json
from typing import Any, Callable, Dict, List, Optional

from mcp_auth import _core
from mcp_auth.realtime._errors import PublishBufferFull, RealtimeError
from mcp_auth.realtime._port import Answered
from mcp_auth.realtime._runtime import LIMITS, runtime

_PAGE = 1000


def _limit(index: int, text: str) -> Any:
    name, unit, _ = LIMITS[index]
    kinds = (int,) if unit == 1 else (int, float)  # seconds may have a fraction

    def read(self: "ConnectionManager") -> float:
        return runtime.limit(index)

    def write(self: "ConnectionManager", value: float) -> None:
        if not isinstance(value, kinds) or isinstance(value, bool) or value != value:
            raise ValueError(f"{name} is a number, not {value!r}")
        runtime.set_limit(index, value)

    return property(read, write, doc=text)


class ConnectionManager:
    """The connections of this process. There is one: `connection_manager`.

    The four limits can be set at any time, before set-up too, and count at once; lowering
    `max_connections` keeps who is there. Errors: ValueError for what is out of range, with the
    range.
    """

    max_connections: int = _limit(0, "How many may be signed in (WEBSOCKET_MAX_CONNECTIONS).")
    heartbeat_interval: float = _limit(1, "Seconds (WEBSOCKET_HEARTBEAT_INTERVAL).")
    rate_limit_messages: int = _limit(2, "Of one client within the window.")
    rate_limit_window: float = _limit(3, "Seconds.")

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(getattr(type(self), name, None), property):
            raise AttributeError(f"connection_manager has no limit named {name!r}")
        super().__setattr__(name, value)

    def get_connection_stats(self) -> Dict[str, Any]:
        """The counters of this process: `active_connections` (signed in), `total_messages_sent`,
        `auth_failures`, and those of GET /v1/stats. Zeros before the first connection; after the
        end of the application those of its end."""
        zeros = {"active_connections": 0, "total_messages_sent": 0, "auth_failures": 0}
        return {**zeros, **runtime.stats(), "max_connections": self.max_connections}

    def connections(self, user_id: Optional[str] = None,
                    tenant_id: Optional[str] = None) -> List[Dict[str, Any]]:
        """Who is connected to this process, each as GET /v1/connections shows it; of one user or
        one tenant when they are named. Errors: RealtimeError."""
        front = runtime.running
        found: List[Dict[str, Any]] = []
        if front is None:
            return found
        after: Optional[int] = 0
        loop = front.loop()
        try:
            while after is not None:
                answers: List[Any] = []
                front.connections(tenant_id, user_id, _PAGE, after, loop, answers)
                if not loop.wait(5000):
                    raise RealtimeError("the core does not answer")
                for _, _, text, error in loop.take():
                    page = json.loads(_answered(error, text))
                    found += page["connections"]
                    after = page["next"]
        except _core.Error as error:
            raise RealtimeError(error.args[1]) from None
        finally:
            loop.close()
        return found

    async def disconnect(self, user_id: str, tenant_id: Optional[str] = None,
                         reason: Optional[str] = None) -> int:
        """Closes that user's connections on every instance (4004): how many of this process.

        Errors: ValueError, RealtimeError.
        """
        said = _said(tenant_id=tenant_id, reason=reason)
        front = await runtime.started()
        return await _ask(front, lambda loop, host: front.disconnect_user(user_id, said, loop, host))

    async def revoke(self, user_id: Optional[str] = None, token_id: Optional[str] = None,
                     tenant_id: Optional[str] = None, reason: Optional[str] = None) -> int:
        """No token that this user has, or the one token with this `jti`, is accepted from here on;
        their connections close (4102). How many of this process.

        Errors: ValueError unless exactly one of both is named, RealtimeError.
        """
        if (user_id is None) == (token_id is None):
            raise ValueError("revoke takes user_id or token_id")
        said = _said(user_id=user_id, token_id=token_id, tenant_id=tenant_id, reason=reason)
        front = await runtime.started()
        return await _ask(front, lambda loop, host: front.revoke(said, loop, host))


def _said(**members: Optional[str]) -> str:
    return json.dumps({name: value for name, value in members.items() if value is not None})


async def _ask(front: "_core.Front", question: Callable[["_core.Loop", Answered], None]) -> int:
    try:
        error, text = await runtime.port(front).ask(question)
    except _core.Error as refused:
        code, why = refused.args
        if code in (_core.E_INVALID, _core.E_TOO_BIG):
            raise ValueError(why) from None
        raise RealtimeError(why) from None
    return int(json.loads(_answered(error, text))["disconnected"])


def _answered(error: int, text: Optional[str]) -> str:
    if error == _core.E_FULL:
        raise PublishBufferFull("too much is waiting for Redis")
    if error:
        raise RealtimeError(f"the core refused: {error}")
    return text or "{}"


connection_manager = ConnectionManager()
