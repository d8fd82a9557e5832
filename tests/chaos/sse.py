# SPDX-License-Identifier: Apache-2.0
# sse.py: a reader of GET /v1/events/stream for hundreds at once; to the crowd, a ws.Socket.
import json

from receiver import Receiver


class Stream(Receiver):
    """Its token, position and filter go with the request; HTTP/1.0, so that nothing is chunked."""

    def __init__(self, port, auth, record, on_frame):
        types = ",".join(auth.get("subscribe", {}).get("event_types", []))
        super().__init__(record, on_frame, [
            f"GET /v1/events/stream{'?event_types=' if types else ''}{types} HTTP/1.0",
            f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {auth['token']}",
            *([f"Last-Event-ID: {auth['position']}"] if "position" in auth else [])])

    def begin(self, status):
        if status != 200:  # a token that is not accepted any more is 4102 on a WebSocket
            self.closed(4102 if status == 401 else 0, f"HTTP {status}")

    def next(self):
        if b"\n\n" not in self.buffer:
            return False
        block, self.buffer = self.buffer.split(b"\n\n", 1)
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if line[:1] != b":")
        if b"data" in fields:
            content = json.loads(fields[b"data"])
            self.take(content)
            if content["type"] == "closing":
                self.closed(content["code"], content["reason"])
        return True
