# SPDX-License-Identifier: Apache-2.0
# receiver.py: what all readers of a server have in common: their record, and how they end.
import asyncio
import time

KEPT = {"type", "id", "event_type", "user_id", "target_user_id", "position", "roles", "resumed",
        "bus", "code", "reason"}


class Receiver(asyncio.Protocol):
    """Sends `request` and reads the answer's head; then each frame goes to `record` (a
    record.Connection) and to `on_frame`. `done` is a future, set when it has ended."""

    def __init__(self, record, on_frame, request):
        self.record, self.on_frame, self.transport = record, on_frame, None
        self.request = "\r\n".join([*request, "", ""]).encode()
        self.buffer, self.begun = b"", False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def connection_lost(self, _):
        if not self.done.done():
            self.record.ended = time.time()
            self.done.set_result(None)

    def abort(self):
        """As a network that is gone: what was not read by now was not received."""
        self.transport.abort()
        self.connection_lost(None)

    def closed(self, code, reason):
        """The server's last words."""
        self.record.closed = [code, reason]
        self.transport.close()
        self.connection_lost(None)

    def data_received(self, data):
        if self.done.done():
            return
        self.buffer += data
        if not self.begun:
            if b"\r\n\r\n" not in self.buffer:
                return
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            self.begun = True
            self.begin(int(head.split(b" ")[1]))
        while not self.done.done() and self.next():
            pass

    def begin(self, status):
        """The answer's head has come."""
        raise NotImplementedError

    def next(self):
        """Takes one frame out of the buffer; False when there is no whole one."""
        raise NotImplementedError

    def take(self, content):
        frame = {k: v for k, v in content.items() if k in KEPT}
        self.record.frames.append([time.time(), frame])
        self.on_frame(frame)
