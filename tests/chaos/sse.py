# SPDX-License-Identifier: Apache-2.0
# sse.py: a reader of GET /v1/events/stream for hundreds at once; to the crowd, a ws.Socket.
import asyncio
import json
import time

from ws import KEPT


class Stream(asyncio.Protocol):
    """Its token, position and filter go with the request; HTTP/1.0, so that nothing is chunked."""

    def __init__(self, port, auth, record, on_frame):
        self.record, self.on_frame, self.transport = record, on_frame, None
        self.buffer, self.begun, self.closing = b"", False, None
        self.done = asyncio.get_running_loop().create_future()
        types = ",".join(auth.get("subscribe", {}).get("event_types", []))
        self.request = "\r\n".join([
            f"GET /v1/events/stream{'?event_types=' if types else ''}{types} HTTP/1.0",
            f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {auth['token']}",
            *([f"Last-Event-ID: {auth['position']}"] if "position" in auth else []), "", ""]).encode()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def connection_lost(self, _):
        if not self.done.done():
            self.record.ended = time.time()
            self.record.closed = self.closing
            self.done.set_result(None)

    def abort(self):
        """As a network that is gone: what was not read by now was not received."""
        self.closing = None
        self.transport.abort()
        self.connection_lost(None)

    def data_received(self, data):
        self.buffer += data
        if not self.begun:
            if b"\r\n\r\n" not in self.buffer:
                return
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            status = int(head.split(b" ")[1])
            if status != 200:  # a token that is not accepted any more is 4102 on a WebSocket
                self.closing = [4102 if status == 401 else 0, f"HTTP {status}"]
                self.transport.close()
                return
            self.begun = True
        while b"\n\n" in self.buffer and not self.done.done():
            block, self.buffer = self.buffer.split(b"\n\n", 1)
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if line[:1] != b":")
            if b"data" in fields:
                self._frame(json.loads(fields[b"data"]))

    def _frame(self, content):
        frame = {k: v for k, v in content.items() if k in KEPT}
        if frame["type"] == "closing":
            self.closing = [frame["code"], frame["reason"]]
        self.record.frames.append([time.time(), frame])
        self.on_frame(frame)
