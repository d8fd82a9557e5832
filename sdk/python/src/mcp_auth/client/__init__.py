# SPDX-License-Identifier: Apache-2.0
# __init__.py: what programs beside the server use: follow events, and publish them.
"""Following and publishing events from another program. Needs the standard library only."""

from mcp_auth.client._backoff import CloseAction, close_action
from mcp_auth.client._client import RealtimeClient
from mcp_auth.client._errors import (BufferFull, ClientError, Closed, ConnectionLost,
                                     HandshakeFailed, PublisherClosed, PublishError, Refused,
                                     TokenNeeded)
from mcp_auth.client._event import Event
from mcp_auth.client._publisher import Accepted, Publisher

__all__ = ["Accepted", "BufferFull", "ClientError", "CloseAction", "Closed", "ConnectionLost",
           "Event", "HandshakeFailed", "PublishError", "Publisher", "PublisherClosed",
           "RealtimeClient", "Refused", "TokenNeeded", "close_action"]
