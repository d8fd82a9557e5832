# SPDX-License-Identifier: Apache-2.0
# ws.py: a WebSocket client and an HTTP request for hundreds at once: asyncio, and no more than needed.
import asyncio
import base64
import json
import os
import struct
import time

KEPT = {"type", "id", "event_type", "user_id", "target_user_id", "position", "roles", "resumed",
        "bus", "code", "reason"}
MASK = b"\x01\x02\x03\x04"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def masked(opcode, payload):
    size = len(payload)
    head = bytes([0x80 | opcode]) + (bytes([0x80 | size]) if size < 126 else
                                     bytes([0x80 | 126]) + struct.pack(">H", size))
    repeated = (MASK * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + MASK + mixed.to_bytes(size, "big")


class Socket(asyncio.Protocol):
    """Signs in by itself; gives each frame to `record` (a record.Connection) and to `on_frame`."""

    def __init__(self, port, session, auth, record, on_frame):
        self.auth, self.record, self.on_frame = auth, record, on_frame
        self.buffer, self.upgraded, self.transport = b"", False, None
        self.done = asyncio.get_running_loop().create_future()
        key = base64.b64encode(os.urandom(16)).decode()
        self.request = "\r\n".join([
            "GET /ws HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket",
            "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
            *(["Sec-WebSocket-Protocol: mcp-auth.v1"] if session else []), "", ""]).encode()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def connection_lost(self, _):
        if not self.done.done():
            self.record.ended = time.time()
            self.done.set_result(None)

    def renew(self, token):
        if self.record.frames:  # it is signed in
            self.transport.write(masked(TEXT, json.dumps({"type": "auth", "token": token})
                                        .encode()))

    def abort(self):
        """As a network that is gone: what was not read by now was not received."""
        self.transport.abort()
        self.connection_lost(None)

    def data_received(self, data):
        if self.done.done():
            return
        self.buffer += data
        if not self.upgraded:
            if b"\r\n\r\n" not in self.buffer:
                return
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            if not head.startswith(b"HTTP/1.1 101 "):
                self.record.closed = [0, head.split(b"\r\n")[0].decode()]
                self.transport.abort()
                return
            self.upgraded = True
            self.transport.write(masked(TEXT, json.dumps(self.auth).encode()))
        self._frames()

    def _frames(self):
        while len(self.buffer) >= 2 and not self.done.done():
            size, start = self.buffer[1] & 0x7f, 2
            if size > 125:
                start = 4 if size == 126 else 10
                if len(self.buffer) < start:
                    return
                size = int.from_bytes(self.buffer[2:start], "big")
            if len(self.buffer) < start + size:
                return
            opcode, payload = self.buffer[0] & 0x0f, self.buffer[start:start + size]
            self.buffer = self.buffer[start + size:]
            self._frame(opcode, payload)

    def _frame(self, opcode, payload):
        if opcode == TEXT:
            frame = {k: v for k, v in json.loads(payload).items() if k in KEPT}
            self.record.frames.append([time.time(), frame])
            self.on_frame(frame)
        elif opcode == PING:
            self.transport.write(masked(PONG, payload))
        elif opcode == CLOSE:
            self.record.closed = [struct.unpack(">H", payload[:2])[0] if payload else 1005,
                                  payload[2:].decode()]
            self.transport.write(masked(CLOSE, payload[:2]))
            self.transport.close()
            self.connection_lost(None)


async def post(port, path, token, body, seconds):
    """(status, JSON) of a request on a connection of its own; OSError, TimeoutError, EOFError."""
    async def ask():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            content = json.dumps(body).encode()
            writer.write("\r\n".join([
                f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}",
                "Content-Type: application/json", f"Content-Length: {len(content)}",
                "Connection: close", "", ""]).encode() + content)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            size = next(int(line.split(":")[1]) for line in head.split("\r\n")
                        if line.lower().startswith("content-length:"))
            return int(head.split(" ")[1]), json.loads(await reader.readexactly(size) or b"null")
        finally:
            writer.transport.abort()

    return await asyncio.wait_for(ask(), seconds)
