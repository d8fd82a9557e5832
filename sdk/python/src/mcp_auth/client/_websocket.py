# SPDX-License-Identifier: Apache-2.0
# _websocket.py: the client's half of RFC 6455 over asyncio streams; no session in it.
"""One WebSocket connection. Written here so that the package needs no other one."""

import asyncio
import base64
import hashlib
import os
import ssl
import struct
from typing import Dict, List, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

from mcp_auth.client._backoff import retry_after
from mcp_auth.client._errors import ConnectionLost, HandshakeFailed

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_MESSAGE_SIZE_MAX = 1 << 20  # an event is at most 64 KiB; a server that sends more is none of ours
_HEAD_SIZE_MAX = 16 << 10


class Address(NamedTuple):
    """Where a server is, out of its URL."""

    host: str
    port: int
    path: str
    secure: bool
    unix: Optional[str]

    @property
    def authority(self) -> str:
        """The Host field (RFC 9112 section 3.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def parse_url(url: str, default_path: str = "") -> Address:
    """`ws://`, `wss://`, `http://`, `https://` or `unix:PATH`.

    Errors: ValueError; also for a user, a query or a fragment, since tokens never go there.
    """
    if url.startswith("unix:") and len(url) > 5:
        return Address("localhost", 80, default_path or "/", False, url[5:])
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
        raise ValueError(f"{parts.scheme or 'no'}:// is not ws://, wss://, http:// or https://HOST")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the URL has a user, a query or a fragment")
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise ValueError("the URL has a space or a control character")
    secure = parts.scheme in ("wss", "https")
    path = parts.path if parts.path not in ("", "/") else (default_path or "/")
    return Address(parts.hostname, parts.port or (443 if secure else 80), path, secure, None)


async def open_stream(address: Address, context: Optional[ssl.SSLContext]
                      ) -> Tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connected socket. Errors: OSError."""
    if address.unix is not None:
        return await asyncio.open_unix_connection(address.unix, limit=_HEAD_SIZE_MAX)
    if not address.secure:
        return await asyncio.open_connection(address.host, address.port, limit=_HEAD_SIZE_MAX)
    return await asyncio.open_connection(address.host, address.port, limit=_HEAD_SIZE_MAX,
                                         ssl=context or ssl.create_default_context())


def _mask(data: bytes, key: bytes) -> bytes:
    if not data:
        return data
    pad = (key * (len(data) // 4 + 1))[:len(data)]
    number = int.from_bytes(data, "little") ^ int.from_bytes(pad, "little")
    return number.to_bytes(len(data), "little")


def _parse_head(head: bytes) -> Tuple[int, Dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise HandshakeFailed(0, "the answer to the handshake is no HTTP")
    fields: Dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            fields[name.lower()] = value.strip()
    return int(words[1]), fields


class WebSocket:
    """An open connection. One task reads, any may send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._close_sent = False

    @classmethod
    async def connect(cls, url: str, subprotocol: str,
                      context: Optional[ssl.SSLContext] = None) -> "WebSocket":
        """Connects and agrees on `subprotocol`.

        Errors: OSError, ValueError (the URL), HandshakeFailed, ConnectionLost.
        """
        address = parse_url(url, "/ws")
        reader, writer = await open_stream(address, context)
        try:
            await cls._shake_hands(reader, writer, address, subprotocol)
        except BaseException:
            writer.close()
            raise
        return cls(reader, writer)

    @staticmethod
    async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
                           address: Address, subprotocol: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET {address.path} HTTP/1.1\r\nHost: {address.authority}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n".encode())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            raise ConnectionLost(1006, "the server closed during the handshake") from None
        except asyncio.LimitOverrunError:
            raise HandshakeFailed(0, "the answer to the handshake is too long") from None
        status, fields = _parse_head(head[:-4])
        if status != 101:
            hint = "; is this the address of a server?" if status in (404, 426) else ""
            raise HandshakeFailed(status, f"the handshake was answered with HTTP {status}{hint}",
                                  retry_after(fields.get("retry-after")))
        digest = hashlib.sha1((key + _GUID).encode()).digest()
        if fields.get("sec-websocket-accept") != base64.b64encode(digest).decode():
            raise HandshakeFailed(0, "the answer to the handshake is not for this one")
        if fields.get("sec-websocket-protocol") != subprotocol:
            raise HandshakeFailed(0, f"the server does not speak {subprotocol}")

    async def receive(self) -> Optional[str]:
        """The next text message, or None for a control frame: the peer is there.

        Errors: ConnectionLost. It may not be cancelled half-way and called again.
        """
        whole: List[bytes] = []
        size = 0
        try:
            while True:
                final, opcode, payload = await self._frame(_MESSAGE_SIZE_MAX - size)
                if opcode >= 8:
                    self._control(opcode, payload)
                    if not whole:
                        return None
                    continue
                if opcode == _BINARY or (opcode == 0) != bool(whole) or opcode > _BINARY:
                    raise self._fail(1003 if opcode == _BINARY else 1002)
                whole.append(payload)
                size += len(payload)
                if final:
                    return b"".join(whole).decode("utf-8")
        except UnicodeDecodeError:
            raise self._fail(1007) from None
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ConnectionLost(1006, "the connection broke") from error

    async def _frame(self, size_max: int) -> Tuple[bool, int, bytes]:
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
        if second & 0x80 or first & 0x70:  # RFC 6455 sections 5.1 and 5.2
            raise self._fail(1002)
        opcode = first & 0x0F
        if opcode >= 8 and (size > 125 or not first & 0x80):  # section 5.5
            raise self._fail(1002)
        if size > size_max:
            raise self._fail(1009)
        return bool(first & 0x80), opcode, await self._reader.readexactly(size)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._write(_PONG, payload)
        elif opcode == _CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
            self.close(code if len(payload) >= 2 else 1000)
            raise ConnectionLost(code, payload[2:].decode("utf-8", "replace"))

    def _fail(self, code: int) -> ConnectionLost:
        self.close(code)
        return ConnectionLost(code, "the server broke the protocol")

    def _write(self, opcode: int, payload: bytes) -> None:
        if self._close_sent:
            return
        size, key = len(payload), os.urandom(4)
        head = bytes((0x80 | opcode,))
        if size < 126:
            head += bytes((0x80 | size,))
        elif size < 1 << 16:
            head += struct.pack("!BH", 0x80 | 126, size)
        else:
            head += struct.pack("!BQ", 0x80 | 127, size)
        self._writer.write(head + key + _mask(payload, key))

    async def send(self, text: Union[str, bytes]) -> None:
        """Sends one text message. Errors: ConnectionLost."""
        if self._close_sent:
            raise ConnectionLost(1006, "the connection is closed")
        self._write(_TEXT, text.encode() if isinstance(text, str) else text)
        try:
            await self._writer.drain()
        except OSError as error:
            raise ConnectionLost(1006, "the connection broke") from error

    def close(self, code: int = 1000) -> None:
        """Says goodbye and leaves; does not wait for the answer."""
        if not self._close_sent:
            self._write(_CLOSE, struct.pack("!H", code))
            self._close_sent = True
            self._writer.close()

    async def gone(self, seconds: float) -> None:
        """After close(): until the socket is closed, which TLS asks the peer about; then it is cut.
        """
        gone = asyncio.ensure_future(self._writer.wait_closed())
        await asyncio.wait([gone], timeout=seconds)
        if not gone.done():
            self._writer.transport.abort()
            await asyncio.wait([gone])
        if not gone.cancelled():
            gone.exception()  # however it ended
