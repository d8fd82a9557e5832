# SPDX-License-Identifier: Apache-2.0
# echo.py: ws-echo as a server to test, and connections to it that check every byte they receive.
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import zlib

import serving
from raw import CLOSE, PING, PONG, RawClient, frame

RSV1 = 4
TAIL = b"\x00\x00\xff\xff"
OFFER = "Sec-WebSocket-Extensions: permessage-deflate"


def program():
    beside = pathlib.Path(serving.program()).resolve().parent / "tests" / "ws-echo"
    return os.environ.get("WS_ECHO_BIN") or str(beside)


class Echo:
    def __init__(self, deflate=None):
        self.process = subprocess.Popen(
            [program(), "0"], env=serving.clean_environment(WS_ECHO_DEFLATE=deflate),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], serving.START_SECONDS)
        line = self.process.stdout.readline() if ready else ""
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert found, f"ws-echo did not start: {line!r}"
        self.port = int(found[1])

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=serving.STOP_SECONDS)
        assert not serving.REPORTS.search(log), log[-12000:]
        assert self.process.returncode == 0, f"ended with {self.process.returncode}: {log[-6000:]}"


class Peer(RawClient):
    """A connection whose frames are read with their reserved bits; compressed if that was agreed."""

    def __init__(self, server, offer=None):
        super().__init__(server, *([offer] if offer else []))
        answer = re.search(rb"(?mi)^Sec-WebSocket-Extensions: *(.*?)\r?$", self.head)
        self.agreed = answer[1].decode() if answer else None
        self.deflate = bool(self.agreed)
        bits = re.search(r"server_max_window_bits=(\d+)", self.agreed or "")
        self.bits = int(bits[1]) if bits else 15
        self.socket.settimeout(20)

    def read(self):
        """(opcode, payload) of the next frame; a compressed one is inflated, its window judged."""
        first, payload = self._frame()
        assert not first & 0x30, first
        if first & 0x40:
            assert self.deflate and first & 0x0f in (1, 2)
            assert not payload.endswith(TAIL), "the tail was left in"
            # A fresh window every time: the server takes over no context.
            inflater = zlib.decompressobj(-self.bits)
            payload = inflater.decompress(payload + TAIL)
            assert not inflater.unused_data
        return first & 0x0f, payload

    def echoes(self, opcode, payload, *frames):
        """Sends the frames (or the message in one) and expects it back."""
        if isinstance(payload, str):
            payload = payload.encode()
        self.send(b"".join(frames) or frame(opcode, payload))
        kind, got = self.read()
        assert (kind, len(got)) == (opcode, len(payload)), (kind, got[:100])
        assert got == payload

    def pongs(self, payload=b""):
        self.send(frame(PING, payload))
        assert self.read() == (PONG, payload)

    def fails(self, *codes):
        """The server fails the connection: its close frame, one of these codes, then the end."""
        kind, payload = self.read()
        assert kind == CLOSE, (kind, payload[:100])
        code = struct.unpack(">H", payload[:2])[0] if payload else 1005
        assert code in codes, (code, payload[2:])
        payload[2:].decode()
        self.ends()

    def ends(self):
        """Nothing follows, and the server ends first (RFC 6455 section 7.1.1)."""
        assert self.content == b""
        try:
            assert self.socket.recv(1) == b""
        except ConnectionResetError:
            pass
        self.socket.close()

    def closes(self, payload=b""):
        """Our close is answered by the same code."""
        self.send(frame(CLOSE, payload))
        kind, got = self.read()
        assert (kind, got[:2]) == (CLOSE, payload[:2])
        self.ends()


def in_pieces(peer, content, size):
    """Sends with a segment for every `size` bytes."""
    peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(content), size):
        peer.send(content[at:at + size])


def fragments(opcode, payload, size, reserved=0):
    """The message in frames of this size; only the first bears the opcode and the reserved bits."""
    if isinstance(payload, str):
        payload = payload.encode()
    parts = [payload[at:at + size] for at in range(0, len(payload), size)] or [b""]
    return [frame(opcode if i == 0 else 0, part, fin=i == len(parts) - 1,
                  reserved=reserved if i == 0 else 0) for i, part in enumerate(parts)]


class Deflater:
    """A client's side: with or without the context of its earlier messages."""

    def __init__(self, bits=15, takeover=False, level=6):
        self.make = lambda: zlib.compressobj(level, zlib.DEFLATED, -bits)
        self.takeover, self.z = takeover, self.make()

    def __call__(self, payload):
        if isinstance(payload, str):
            payload = payload.encode()
        if not self.takeover:
            self.z = self.make()
        content = self.z.compress(payload) + self.z.flush(zlib.Z_SYNC_FLUSH)
        assert content.endswith(TAIL)
        return content[:-4]
