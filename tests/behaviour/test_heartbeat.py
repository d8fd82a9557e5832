# SPDX-License-Identifier: Apache-2.0
# test_heartbeat.py: pings and their answers, heartbeats, peers that go silent (R13, R61, R62).
import asyncio
import json
import socket
import struct
import time

import pytest

import raw
from clients import join, settle
from serving import run
from tokens import mint

FAST = {"WEBSOCKET_HEARTBEAT_INTERVAL": "0.5  # seconds"}


def test_a_ping_comes_each_interval(launch):
    server = launch(FAST)
    client = raw.RawClient(server, token=mint("u"))
    began = time.monotonic()
    for _ in range(4):
        assert client.until(raw.PING) == b""
        client.send(raw.frame(raw.PONG))
    # Not too often; each may come late on a busy machine, and the next is then the sooner.
    assert 1.5 < time.monotonic() - began < 30
    client.close()


@pytest.mark.parametrize("subprotocol", [(), ("Sec-WebSocket-Protocol: mcp-auth.v1",)],
                         ids=["plain", "session"])
def test_without_an_answer_by_the_next_ping_it_closes_4201(launch, subprotocol):
    server = launch(FAST)
    client = raw.RawClient(server, *subprotocol, token=mint("u"))
    began = time.monotonic()
    assert client.closed(8) == (4201, "Heartbeat timeout")
    assert 0.7 < time.monotonic() - began < 3
    server.wait_stats(active_connections=0)


def test_any_message_counts_as_an_answer(launch):
    server = launch(FAST)
    client = raw.RawClient(server, token=mint("u"))
    for _ in range(3):
        client.until(raw.PING)
        client.send(raw.frame(raw.TEXT, '{"type":"ping"}'))
    client.until(raw.PING)
    client.close()


def test_a_clients_ping_is_answered_with_its_payload_before_and_after_sign_in(server):
    client = raw.RawClient(server)
    for payload in (b"", b"x", b"y" * 125):
        client.send(raw.frame(raw.PING, payload))
        assert client.until(raw.PONG) == payload
    client.send(raw.frame(raw.TEXT, json.dumps({"type": "auth", "token": mint("u")})))
    client.send(raw.frame(raw.PING, b"\xff\x00"))
    assert client.until(raw.PONG) == b"\xff\x00"
    client.send(raw.frame(raw.PONG, b"never asked for"))
    client.send(raw.frame(raw.PING, b"z"))
    assert client.until(raw.PONG) == b"z"
    client.close()


async def test_a_session_client_gets_heartbeats_and_a_plain_one_none(launch):
    server = launch(FAST)
    session, plain = await join(server, "u"), await join(server, "u", session=False)
    beat = await session.frame("heartbeat", 2)
    assert set(beat) == {"type", "position", "timestamp", "bus"} and beat["bus"] == "none"
    await settle(server, None, session, plain)
    seen = len(session.of("heartbeat"))
    assert (await session.frame("heartbeat",
                                seen + 1))["position"] == session.events[-1]["position"]
    assert {f["type"] for f in plain.frames} == {"event"}
    assert session.frames[0]["heartbeat_interval"] == 0.5
    await session.close()
    await plain.close()


async def test_while_there_is_no_bus_a_heartbeat_comes_every_five_seconds(server):
    client = await join(server, "u")
    began = time.monotonic()
    await client.frame("heartbeat")
    assert 4 < time.monotonic() - began < 7
    await client.close()


@pytest.mark.parametrize("way", ["close frame", "FIN", "RST", "silence"])
async def test_every_end_takes_the_connection_off_the_count(launch, way):
    server = launch({**FAST, "WEBSOCKET_HEARTBEAT_INTERVAL": "1"})
    clients = [raw.RawClient(server, token=mint("u")) for _ in range(10)]
    await asyncio.to_thread(server.wait_stats, active_connections=10)
    for client in clients:
        if way == "close frame":
            client.send(raw.frame(raw.CLOSE, struct.pack(">H", 1000) + b"bye"))
            assert client.closed()[0] == 1000
        elif way == "FIN":
            client.socket.shutdown(socket.SHUT_WR)
        elif way == "RST":
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
    await asyncio.to_thread(server.wait_stats, active_connections=0)
    for client in clients:
        client.close()


def test_a_close_frame_is_answered_with_its_code(server):
    for code in (1000, 1001, 3000, 4999):
        client = raw.RawClient(server, token=mint("u"))
        client.send(raw.frame(raw.CLOSE, struct.pack(">H", code)))
        assert client.closed()[0] in (code, 1000)
        assert client.socket.recv(1) == b""


def test_an_invalid_interval_stops_the_start():
    for value in ("0", "-1", "thirty", "1e9", "30s", "0.01", "nan"):
        done = run("serve", env={"MCP_AUTH_JWT_SECRET": "x" * 32, "MCP_AUTH_LISTEN": "127.0.0.1:1",
                                 "WEBSOCKET_HEARTBEAT_INTERVAL": value})
        assert done.returncode == 1, value
        assert "WEBSOCKET_HEARTBEAT_INTERVAL" in done.stderr and "0.1" in done.stderr
        assert "3600" in done.stderr and value in done.stderr
