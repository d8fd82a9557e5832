# SPDX-License-Identifier: Apache-2.0
# _http.py: POST over one kept connection, for the publisher's thread.
"""A kept HTTP connection of the standard library."""

import http.client
import json
import socket
import ssl
from typing import Any, Dict, NamedTuple, Optional

from mcp_auth.client._backoff import retry_after
from mcp_auth.client._websocket import Address

_BODY_SIZE_MAX = 4 << 20


class Answer(NamedTuple):
    """What the server said; `body` is {} when it was no JSON object."""

    status: int
    body: Dict[str, Any]
    retry_after: float


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class HttpLink:
    """One connection at a time, opened when needed, kept while both want it."""

    def __init__(self, address: Address, token: str, timeout: float,
                 context: Optional[ssl.SSLContext] = None) -> None:
        self._address = address
        self._token = token
        self._timeout = timeout
        self._context = context
        self._connection: Optional[http.client.HTTPConnection] = None

    def post(self, path: str, body: bytes) -> Answer:
        """Sends JSON. Errors: OSError and http.client.HTTPException when no answer came."""
        if self._connection is not None:
            try:
                return self._post(self._connection, path, body)
            except (ConnectionError, ssl.SSLError):
                pass  # the server leaves a connection that was silent for a minute
        self._connection = self._open()
        return self._post(self._connection, path, body)

    def _post(self, connection: http.client.HTTPConnection, path: str, body: bytes) -> Answer:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = "Bearer " + self._token
        base = "" if self._address.path == "/" else self._address.path.rstrip("/")
        try:
            connection.request("POST", base + path, body, headers)
            response = connection.getresponse()
            text = response.read(_BODY_SIZE_MAX)
        except BaseException:
            self.close()
            raise
        if response.will_close:
            self.close()
        return Answer(response.status, _object(text), retry_after(response.headers.get("Retry-After")))

    def _open(self) -> http.client.HTTPConnection:
        address = self._address
        if address.unix is not None:
            return _UnixConnection(address.unix, self._timeout)
        if address.secure:
            return http.client.HTTPSConnection(
                address.host, address.port, timeout=self._timeout,
                context=self._context or ssl.create_default_context())
        return http.client.HTTPConnection(address.host, address.port, timeout=self._timeout)

    def abort(self) -> None:
        """From another thread: a post that waits for its answer fails now."""
        connection = self._connection
        try:
            if connection is not None and connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is over already

    def close(self) -> None:
        """The next post opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _object(text: bytes) -> Dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
