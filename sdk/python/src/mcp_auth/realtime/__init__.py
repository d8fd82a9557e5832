# SPDX-License-Identifier: Apache-2.0
# __init__.py: what applications import.
"""Authorization events in real time, served by an ASGI application on its own port."""

from mcp_auth.realtime._config import RealtimeConfig
from mcp_auth.realtime._errors import ConfigurationError, PublishBufferFull, RealtimeError
from mcp_auth.realtime._events import EventType, RBACEvent
from mcp_auth.realtime._manager import ConnectionManager, connection_manager
from mcp_auth.realtime._notify import notify_rbac_event
from mcp_auth.realtime._setup import setup_realtime_system

__all__ = ["ConfigurationError", "ConnectionManager", "EventType", "PublishBufferFull",
           "RBACEvent", "RealtimeConfig", "RealtimeError", "connection_manager",
           "notify_rbac_event", "setup_realtime_system"]
