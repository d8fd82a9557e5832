# SPDX-License-Identifier: Apache-2.0
# test_cycles.py: thousands of connections come, sign in, get an event and go; nothing stays behind.
import json
import socket
import struct
import time

import raw
from serving import API_KEY
from tokens import admin, mint

CYCLES = 10000
ROUND = 50  # cycles between two events, which all that are there then get
WARM_UP = 2000
DRIFT_KB = 12 * 1024  # an instrumented build keeps freed blocks for a while, and pages of them
ASAN = "detect_leaks=1:abort_on_error=0:quarantine_size_mb=4:thread_local_quarantine_size_kb=64"
# What is retained on purpose, the history, is full after the warm-up.
SETTINGS = {"MCP_AUTH_WORKERS": 2, "MCP_AUTH_HISTORY_EVENTS": 20, "ASAN_OPTIONS": ASAN,
            "WEBSOCKET_MAX_CONNECTIONS": 2000, "MCP_AUTH_LOG_LEVEL": "error"}


def reset(s):
    """Ends it by RST, in the middle of whatever it does."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def websocket(server, request, token):
    s = raw.connect(server)
    s.sendall(request + raw.frame(raw.TEXT, json.dumps({"type": "auth", "token": token})))
    return s


def stream(server, token):
    s = raw.connect(server)
    s.sendall(f"GET /v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
              .encode())
    return s


def until(s, part):
    content = b""
    while part not in content:
        chunk = s.recv(65536)
        assert chunk, content
        content += chunk


def one_round(server, token, serial):
    """ROUND connections of all kinds, one event that those who signed in get, and their ends."""
    plain = raw.handshake_request(server)
    control = raw.handshake_request(server, "Sec-WebSocket-Protocol: mcp-auth.v1")
    listening, others = [], []
    for i in range(ROUND):
        kind = i % 5
        if kind == 0:
            listening.append(websocket(server, plain, token))
        elif kind == 1:
            listening.append(websocket(server, control, token))
        elif kind == 2:
            listening.append(stream(server, token))
        elif kind == 3:
            s = raw.connect(server)
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            others.append(s)
        else:  # goes without a word in the middle of a head, a frame, or the sign-in
            s = raw.connect(server)
            s.sendall((plain[:40], plain + b"\x81\xfe", control, b"")[i // 5 % 4])
            reset(s)
    # All that ever signed in: those of the round before may still be counted as being here.
    server.wait_stats(total_connections=(serial + 1) * len(listening))
    event_id = f"cycle-{serial}"
    server.publish({"event_type": "user_updated", "user_id": "cycler", "id": event_id})
    for i, s in enumerate(listening):
        until(s, event_id.encode())
        if i % 3 == 0:
            reset(s)
        elif i % 3 == 1:
            s.sendall(raw.frame(raw.CLOSE, b"\x03\xe8"))
    for s in others:
        until(s, b"200 OK")
    for s in listening + others:
        s.close()


def settled(server, descriptors=None):
    """The descriptors, when every connection is gone."""
    server.wait_stats(active_connections=0, waiting_connections=0)
    end = time.monotonic() + 10
    while descriptors is not None and server.descriptors() > descriptors:
        assert time.monotonic() < end, f"{server.descriptors()} descriptors, {descriptors} before"
        time.sleep(0.05)
    return server.descriptors()


def test_ten_thousand_connections_leave_nothing_behind(launch):
    server = launch(SETTINGS)
    token = mint("cycler", roles=["reader"], permissions=["a:b"])
    began = time.monotonic()
    for serial in range(WARM_UP // ROUND):
        one_round(server, token, serial)
    time.sleep(0.3)
    before, resident_kb = settled(server), server.resident_kb()
    for serial in range(WARM_UP // ROUND, CYCLES // ROUND):
        one_round(server, token, serial)
    settled(server, before)
    grown_kb = server.resident_kb() - resident_kb
    stats = server.stats()
    print(f"{CYCLES} cycles in {time.monotonic() - began:.1f} s, {stats['total_connections']} "
          f"signed in, {grown_kb} KiB more resident, {before} descriptors")
    assert stats["total_connections"] == CYCLES * 3 // 5
    assert grown_kb < DRIFT_KB
    assert server.request("GET", "/v1/stats", token=admin()).status == 200
    assert server.post({"event_type": "user_updated"}, API_KEY).status == 202
