# SPDX-License-Identifier: Apache-2.0
# _errors.py: what the client side raises.
"""Errors of `mcp_auth.client`."""

from typing import Optional


class ClientError(Exception):
    """The base of all errors of `mcp_auth.client` but ValueError and TypeError."""


class Refused(ClientError):
    """The server will not have this client: coming back would be refused again.

    `code` is the close code (4000 to 4099), or the HTTP status that answered the handshake.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class TokenNeeded(ClientError):
    """The token is over or was withdrawn (4100 to 4199), and nobody gives another one."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class ConnectionLost(ClientError):
    """The connection ended; `code` is its close code, 1006 when it said none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class HandshakeFailed(ClientError):
    """The server answered the WebSocket handshake with something else."""

    def __init__(self, status: int, text: str, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class PublishError(ClientError):
    """The server did not take an event. `status` is the HTTP status, `code` the error's name."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class BufferFull(ClientError):
    """As many events wait as may wait: this one was not taken."""


class PublisherClosed(ClientError):
    """The publisher was closed before the server had taken the event."""


class Closed(ClientError):
    """The client was closed by its own program."""

    def __init__(self, reason: Optional[str] = None) -> None:
        super().__init__(reason or "the client is closed")
