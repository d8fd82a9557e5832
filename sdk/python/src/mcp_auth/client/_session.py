# SPDX-License-Identifier: Apache-2.0
# _session.py: one connection of a session: sign-in, frames, silence, renewal.
"""What happens between a handshake and a close."""

import asyncio
import json
import time
from typing import Any, Awaitable, Callable, Dict, Optional

from mcp_auth.client._errors import ConnectionLost
from mcp_auth.client._websocket import WebSocket

SUBPROTOCOL = "mcp-auth.v1"
_GOODBYE_SECONDS = 1.0


class Session:
    """A live connection. `deliver` is awaited with every frame, in order."""

    def __init__(self, socket: WebSocket,
                 deliver: Callable[[Dict[str, Any]], Awaitable[None]]) -> None:
        self._socket = socket
        self._deliver = deliver
        self._heard = time.monotonic()
        self._answer: Optional[Dict[str, Any]] = None
        self.silence = 60.0  # until the sign-in tells the heartbeat interval
        self.closing: Optional[Dict[str, Any]] = None  # the last words, should the close get lost

    async def send(self, message: Dict[str, Any]) -> None:
        """Sends one message. Errors: ConnectionLost."""
        await self._socket.send(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    async def frame(self) -> Optional[Dict[str, Any]]:
        """The next frame; None for a sign of life. Errors: ConnectionLost."""
        text = await self._socket.receive()
        self._heard = time.monotonic()
        if text is None:
            return None
        try:
            frame = json.loads(text)
        except ValueError:
            frame = None
        if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
            raise ConnectionLost(1006, "the server sent what is no frame of this protocol")
        if frame["type"] == "closing":
            self.closing = frame
        return frame

    async def answer(self) -> None:
        """Until the server has answered; run() delivers it. Errors: ConnectionLost."""
        while self._answer is None:
            self._answer = await self.frame()

    async def run(self) -> None:
        """Delivers frames until the connection ends: always by ConnectionLost."""
        watch = asyncio.ensure_future(self._watch())
        frame = self._answer
        try:
            while True:
                if frame is not None:
                    await self._deliver(frame)
                    self._heard = time.monotonic()  # a slow reader is not the server's silence
                frame = await self.frame()
        except ConnectionLost as lost:
            if lost.code == 1006 and self.closing is not None:
                raise ConnectionLost(_int(self.closing.get("code"), 1006),
                                     str(self.closing.get("reason", ""))) from lost
            raise
        finally:
            watch.cancel()

    def retry_after(self) -> float:
        """Seconds that the server asked to stay away."""
        closing = self.closing or {}
        return max(0, _int(closing.get("retry_after_ms"), 0)) / 1000.0

    def close(self, code: int = 1000) -> None:
        """Says goodbye."""
        self._socket.close(code)

    async def gone(self) -> None:
        """After close(): until nothing is left of it, soon."""
        await self._socket.gone(_GOODBYE_SECONDS)

    async def _watch(self) -> None:
        while True:
            left = self._heard + self.silence - time.monotonic()
            if left <= 0:
                self._socket.close(1001)
                return
            await asyncio.sleep(left)


def _int(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
