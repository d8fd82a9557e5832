# SPDX-License-Identifier: Apache-2.0
# ws.py: a WebSocket client and an HTTP request for hundreds at once: asyncio, and no more than needed.
import asyncio
import base64
import json
import os
import struct

from receiver import Receiver

MASK = b"\x01\x02\x03\x04"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def masked(opcode, payload):
    size = len(payload)
    head = bytes([0x80 | opcode]) + (bytes([0x80 | size]) if size < 126 else
                                     bytes([0x80 | 126]) + struct.pack(">H", size))
    repeated = (MASK * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + MASK + mixed.to_bytes(size, "big")


class Socket(Receiver):
    """Signs in by itself."""

    def __init__(self, port, session, auth, record, on_frame):
        key = base64.b64encode(os.urandom(16)).decode()
        super().__init__(record, on_frame, [
            "GET /ws HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket",
            "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
            *(["Sec-WebSocket-Protocol: mcp-auth.v1"] if session else [])])
        self.auth = auth

    def begin(self, status):
        if status == 101:
            self._say(self.auth)
        else:
            self.closed(0, f"HTTP {status}")

    def renew(self, token):
        if self.record.frames:  # it is signed in
            self._say({"type": "auth", "token": token})

    def _say(self, content):
        self.transport.write(masked(TEXT, json.dumps(content).encode()))

    def next(self):
        if len(self.buffer) < 2:
            return False
        size, start = self.buffer[1] & 0x7f, 2
        if size > 125:
            start = 4 if size == 126 else 10
            if len(self.buffer) < start:
                return False
            size = int.from_bytes(self.buffer[2:start], "big")
        if len(self.buffer) < start + size:
            return False
        opcode, payload = self.buffer[0] & 0x0f, self.buffer[start:start + size]
        self.buffer = self.buffer[start + size:]
        self._frame(opcode, payload)
        return True

    def _frame(self, opcode, payload):
        if opcode == TEXT:
            self.take(json.loads(payload))
        elif opcode == PING:
            self.transport.write(masked(PONG, payload))
        elif opcode == CLOSE:
            self.transport.write(masked(CLOSE, payload[:2]))
            self.closed(struct.unpack(">H", payload[:2])[0] if payload else 1005,
                        payload[2:].decode())


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
