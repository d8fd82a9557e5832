# SPDX-License-Identifier: Apache-2.0
# raw.py: a socket without manners: hand-made HTTP and WebSocket frames, for what no library sends.
import base64
import json
import os
import socket
import struct
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def connect(server, seconds=10, receive_buffer=None):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.settimeout(seconds)
    s.connect(("127.0.0.1", server.port))
    return s


def receive_all(s):
    """Everything until the peer closes (or resets)."""
    content = b""
    try:
        while chunk := s.recv(65536):
            content += chunk
    except ConnectionResetError:
        pass
    return content


def receive_answers(s, count=1):
    """`count` HTTP answers with Content-Length: [(status, head text, body)]."""
    content, answers = b"", []
    while len(answers) < count:
        while b"\r\n\r\n" not in content:
            chunk = s.recv(65536)
            assert chunk, f"closed after {len(answers)} answers: {content!r}"
            content += chunk
        head, content = content.split(b"\r\n\r\n", 1)
        text = head.decode("latin-1")
        status = int(text.split(" ")[1])
        if status == 100:
            answers.append((status, text, b""))
            continue
        fields = [line.split(":", 1) for line in text.split("\r\n")[1:]]
        size = next((int(v) for k, v in fields if k.lower() == "content-length"), 0)
        while len(content) < size:
            chunk = s.recv(65536)
            assert chunk, "closed in the body"
            content += chunk
        answers.append((status, text, content[:size]))
        content = content[size:]
    assert not content, content
    return answers


def handshake_request(server, *lines, key=None):
    key = key or base64.b64encode(os.urandom(16)).decode()
    return "\r\n".join([
        "GET /ws HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Upgrade: websocket",
        "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
        *lines, "", ""]).encode()


def frame(opcode, payload=b"", fin=True, mask=b"\x01\x02\x03\x04", reserved=0, length=None):
    """A client's frame. mask None: not masked. length: (form bytes) instead of the shortest."""
    if isinstance(payload, str):
        payload = payload.encode()
    first = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    bit, size = (0x80 if mask else 0), len(payload)
    if length is not None:
        second = length
    elif size < 126:
        second = bytes([bit | size])
    elif size < 65536:
        second = bytes([bit | 126]) + struct.pack(">H", size)
    else:
        second = bytes([bit | 127]) + struct.pack(">Q", size)
    if not mask:
        return first + second + payload
    repeated = (mask * (size // 4 + 1))[:size]
    mixed = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
    return first + second + mask + mixed


class RawClient:
    """A WebSocket connection that does only what it is told to: it answers no PING by itself."""

    def __init__(self, server, *lines, token=None, receive_buffer=None):
        self.socket = connect(server, receive_buffer=receive_buffer)
        self.socket.sendall(handshake_request(server, *lines))
        self.content = b""
        while b"\r\n\r\n" not in self.content:
            chunk = self.socket.recv(4096)
            assert chunk, f"no handshake: {self.content!r}"
            self.content += chunk
        self.head, self.content = self.content.split(b"\r\n\r\n", 1)
        assert self.head.startswith(b"HTTP/1.1 101 "), self.head
        if token:
            self.send(frame(TEXT, json.dumps({"type": "auth", "token": token})))

    def send(self, content):
        self.socket.sendall(content)

    def _take(self, size):
        while len(self.content) < size:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise EOFError
            self.content += chunk
        taken, self.content = self.content[:size], self.content[size:]
        return taken

    def _frame(self):
        """(first byte, payload) of the next frame; checks what every server frame must be."""
        first, second = self._take(2)
        assert first & 0x80, "a whole frame"
        assert not second & 0x80, "a server does not mask (RFC 6455 section 5.1)"
        size = second & 0x7f
        if size == 126:
            size = struct.unpack(">H", self._take(2))[0]
            assert size >= 126
        elif size == 127:
            size = struct.unpack(">Q", self._take(8))[0]
            assert size >= 65536
        return first, self._take(size)

    def receive(self):
        """(opcode, payload) of the next frame, which has no reserved bits."""
        first, payload = self._frame()
        assert not first & 0x70, first
        return first & 0x0f, payload

    def until(self, opcode, seconds=10):
        """The payload of the next frame of this kind; others are passed over."""
        self.socket.settimeout(seconds)
        while True:
            kind, payload = self.receive()
            if kind == opcode:
                return payload
            assert kind != CLOSE, f"closed: {payload!r}"

    def closed(self, seconds=10):
        """(code, reason) of the server's close; (None, "") when it just ends."""
        end = time.monotonic() + seconds
        try:
            while True:
                self.socket.settimeout(max(0.01, end - time.monotonic()))
                kind, payload = self.receive()
                if kind == CLOSE:
                    return (struct.unpack(">H", payload[:2])[0] if payload else 1005,
                            payload[2:].decode())
        except (EOFError, ConnectionResetError):
            return None, ""

    def close(self):
        self.socket.close()
