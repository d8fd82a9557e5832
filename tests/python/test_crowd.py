# SPDX-License-Identifier: Apache-2.0
# test_crowd.py: one client of 1,000 that never reads; and nothing left of many connects (R64, R84).
import asyncio
import json
import os
import socket
import struct
import time

import pytest

import raw
from clients import join
from tokens import mint, unique

LONG = os.environ.get("MCP_AUTH_PYTHON_LONG") == "1"
CROWD = 1000
CONNECTS, ROUNDS = 10000 if LONG else 1200, 3


class Reader(asyncio.Protocol):
    """Counts event frames of a plain client, by where each payload ends; keeps none of them."""

    def __init__(self, server, token):
        self.content, self.open, self.events, self.ended = b"", False, 0, None
        self.request = raw.handshake_request(server)
        self.auth = raw.frame(raw.TEXT, json.dumps({"type": "auth", "token": token}))

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        self.content += data
        if not self.open:
            head, found, rest = self.content.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101 "), head
            self.open, self.content = True, rest
            self.transport.write(self.auth)
        while self._frame():
            pass

    def _frame(self):
        content = self.content
        if len(content) < 2:
            return False
        size, at = content[1] & 0x7f, 2
        if size == 126:
            at = 4
            size = struct.unpack(">H", content[2:4])[0] if len(content) >= 4 else 1 << 30
        elif size == 127:
            at = 10
            size = struct.unpack(">Q", content[2:10])[0] if len(content) >= 10 else 1 << 30
        if len(content) < at + size:
            return False
        kind, payload = content[0] & 15, content[at:at + size]
        self.content = content[at + size:]
        if kind == raw.TEXT:
            self.events += 1
        elif kind == raw.PING:
            self.transport.write(raw.frame(raw.PONG, payload))
        elif kind == raw.CLOSE:
            self.ended = struct.unpack(">H", payload[:2])[0] if payload else 1005
            self.transport.close()
        return True

    def connection_lost(self, error):
        self.ended = self.ended or 1006


async def crowd(server, token, count):
    loop, readers = asyncio.get_running_loop(), []
    for begin in range(0, count, 50):
        made = await asyncio.gather(*(
            loop.create_connection(lambda: Reader(server, token), "127.0.0.1", server.port)
            for _ in range(begin, min(count, begin + 50))))
        readers += [protocol for _, protocol in made]
    return readers


async def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        await asyncio.sleep(0.05)


def signed_in(server, count):
    return lambda: server.stats()["active_connections"] == count


@pytest.mark.seconds(150)
async def test_one_of_a_thousand_that_never_reads_is_closed_and_nobody_else_notices(serve):
    server = serve({"WEBSOCKET_MAX_CONNECTIONS": CROWD + 10},
                   arguments=["--ws-ping-interval", "120", "--ws-ping-timeout", "120",
                              "--no-access-log"])
    tenant = unique("t")
    token = mint("root", tenant, roles=["admin"])
    readers = await crowd(server, token, CROWD - 1)
    await until(signed_in(server, CROWD - 1), server.stats)
    slow = await asyncio.to_thread(raw.RawClient, server, token=mint("slow", tenant),
                                   receive_buffer=4096)
    await until(signed_in(server, CROWD), server.stats)
    assert server.post_json("/log-level?name=DEBUG", None).status == 200
    before = server.resident_kb()
    sent = 0
    # To the slow one and to all administrators: 8 KB each, until it is cut off.
    end = time.monotonic() + 60
    while server.stats()["active_connections"] == CROWD:
        assert time.monotonic() < end, server.stats()
        await asyncio.to_thread(server.publish, [
            {"event_type": "user_updated", "user_id": "slow", "tenant_id": tenant,
             "data": {"x": "y" * 8000}} for _ in range(10)])
        sent += 10
        await until(lambda: all(r.events >= sent for r in readers),
                    lambda: (sent, min(r.events for r in readers), server.stats()))
    assert sent * 8 < 32 << 10, "it was let lag without bound"
    grown = server.resident_kb() - before
    assert grown < 64 << 10, f"{grown} KiB more for one client that does not read"
    assert all(r.ended is None for r in readers), {r.ended for r in readers}
    began = time.monotonic()
    await asyncio.to_thread(server.publish, {"event_type": "policy_updated", "tenant_id": tenant})
    await until(lambda: all(r.events == sent + 1 for r in readers),
                lambda: (sent, min(r.events for r in readers)))
    assert time.monotonic() - began < 5
    # What it was sent before is still in its socket; behind it comes why, or just the end.
    code = await asyncio.to_thread(slow.closed, 20)
    assert code[0] in (4202, None), code
    assert [line for line in server.lines if "4202" in line and "mcp_auth" in line], server.log
    for reader in readers:
        reader.transport.close()
    await until(signed_in(server, 0), server.stats)


@pytest.mark.seconds(600)
async def test_many_connects_leave_nothing(serve):
    server = serve(app="counting:app")
    token = mint("u", unique("t"))

    async def cycles(count):
        for begin in range(0, count, 50):
            readers = await crowd(server, token, min(50, count - begin))
            await until(signed_in(server, len(readers)), server.stats)
            for n, reader in enumerate(readers):
                if n % 3 == 0:
                    reader.transport.abort()
                elif n % 3 == 1:
                    reader.transport.write(raw.frame(raw.CLOSE, struct.pack(">H", 1000)))
                else:
                    reader.transport.close()
            await until(signed_in(server, 0), server.stats)
            await until(lambda: all(r.ended for r in readers), lambda: "not all ended")

    def memory(largest=0):
        answer = server.request("GET", f"/memory?largest={largest}", seconds=60)
        assert answer.status == 200, answer
        return answer.json()

    async def settled():
        """When the ASGI server has let go of its connections, too."""
        end, found = time.monotonic() + 20, memory()
        while time.monotonic() < end:
            await asyncio.sleep(0.5)
            before, found = found, memory()
            if abs(found["objects"] - before["objects"]) < 10:
                break
        return found, server.descriptors(), server.resident_kb()

    await cycles(300)
    rounds = [await settled()]
    for _ in range(ROUNDS):
        await cycles(CONNECTS // ROUNDS)
        rounds.append(await settled())
    pairs = list(zip(rounds, rounds[1:]))
    # A table of the interpreter that grows does so in one round; a leak grows in each.
    grown = min(b[0]["traced"] - a[0]["traced"] for a, b in pairs)
    assert grown < 16 * CONNECTS // ROUNDS, f"{grown} bytes more a round: {memory(9)}"
    assert min(b[0]["objects"] - a[0]["objects"] for a, b in pairs) < 100, rounds
    assert rounds[-1][1] <= rounds[0][1] + 2, rounds
    assert min(b[2] - a[2] for a, b in pairs) < 1024, rounds
    print([(r[0]["traced"], r[0]["objects"], *r[1:]) for r in rounds])
    stats = rounds[-1][0]["stats"]
    assert stats["active_connections"] == 0 and stats["auth_failures"] == 0, stats


async def test_a_reader_that_sends_and_never_reads_is_bounded_too(serve):
    server = serve()
    tenant = unique("t")
    other = await join(server, "o", tenant)
    s = await asyncio.to_thread(raw.RawClient, server, "Sec-WebSocket-Protocol: mcp-auth.v1",
                                token=mint("u", tenant), receive_buffer=4096)
    server.set(rate_limit_messages=1000000)
    ping = raw.frame(raw.TEXT, json.dumps({"type": "ping", "id": "x" * 4000}))
    s.socket.settimeout(1.0)
    before = server.resident_kb()
    try:
        for _ in range(10000):
            s.send(ping)
    except (socket.timeout, ConnectionError):
        pass
    assert server.resident_kb() - before < 32 << 10
    await other.send({"type": "ping"})
    await other.frame("pong", 1, seconds=10)
    s.close()
    await other.close()
