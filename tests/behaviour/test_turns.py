# SPDX-License-Identifier: Apache-2.0
# test_turns.py: a burst to many holds up nobody else; half of them not reading, neither (R63, R74).
import asyncio
import json
import pathlib
import re
import resource
import selectors

import raw
from clients import join
from events import event
from serving import API_KEY
from tokens import mint, unique

MANY = 1000
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * MANY)), hard))


class Crowd:
    """Connections of one user, of which nobody reads."""

    def __init__(self, server, count, tenant, receive_buffer=None):
        self.sockets = []
        head = [f"Authorization: Bearer {mint('crowd', tenant)}"]
        for _ in range(count):
            s = raw.connect(server, receive_buffer=receive_buffer)
            s.sendall(raw.handshake_request(server, *head))
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += s.recv(4096)
            assert answer.startswith(b"HTTP/1.1 101 "), answer
            self.sockets.append(s)

    def close(self):
        for s in self.sockets:
            s.close()


def anonymous_kb(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1])


def ask(server, path, content):
    """The request is on its way; nobody waits for the answer."""
    s = raw.connect(server)
    body = json.dumps(content).encode()
    s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\n"
              "Content-Type: application/json\r\nConnection: close\r\n"
              f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return s


def answered_in_order(sockets):
    """Which look it was that found each of them answered."""
    found, look = {}, 0
    with selectors.DefaultSelector() as selector:
        for s in sockets:
            selector.register(s, selectors.EVENT_READ)
        while len(found) < len(sockets):
            ready = selector.select(30)
            assert ready, "no answer"
            look += 1
            for key, _ in ready:
                found[key.fileobj] = look
                selector.unregister(key.fileobj)
    return [found[s] for s in sockets]


def test_a_burst_to_many_holds_up_neither_a_revocation_nor_a_ping(launch):
    """By order, not by time: both are answered before the last event of the burst has gone out,
    which is when its publisher is. The machine may stop us while the server goes on: so, of some
    rounds, one must show it."""
    server = launch({"MCP_AUTH_WORKERS": 1, "WEBSOCKET_MAX_CONNECTIONS": MANY + 10,
                     "MCP_AUTH_PUBLISH_RATE": 1000000})
    tenant = unique("t")
    batch = [event("user_updated", user_id="crowd", tenant_id=tenant) for _ in range(100)]
    rounds = []
    for i in range(10):
        crowd = Crowd(server, MANY, tenant)
        pinger = raw.RawClient(server, token=mint("p", unique("t")))
        victim = raw.RawClient(server, token=mint(f"v{i}", tenant))
        server.wait_stats(active_connections=MANY + 2)
        burst = [ask(server, "/v1/events", batch) for _ in range(6)]
        revocation = ask(server, "/v1/revocations", {"user_id": f"v{i}", "tenant_id": tenant})
        pinger.send(raw.frame(raw.PING, "in between"))
        *told, revoked, ponged = answered_in_order([*burst, revocation, pinger.socket])
        for s in burst:
            assert raw.receive_all(s).startswith(b"HTTP/1.1 202 ")
        assert raw.receive_all(revocation).startswith(b"HTTP/1.1 200 ")
        assert pinger.until(raw.PONG) == b"in between"
        assert victim.closed()[0] == 4102
        for s in [crowd, pinger, victim, *burst, revocation]:
            s.close()
        server.wait_stats(active_connections=0)
        rounds.append((told, revoked, ponged))
        if revoked < max(told) and ponged < max(told):
            return
    raise AssertionError(rounds)


async def test_half_of_many_do_not_read_and_go_while_the_others_get_all_in_order(launch):
    # Memory that a sanitizer keeps to itself would be counted.
    server = launch({"ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=0:"
                                     "thread_local_quarantine_size_kb=0",
                     "MCP_AUTH_WORKERS": 2, "MCP_AUTH_PUBLISH_RATE": 100000,
                     "MCP_AUTH_HISTORY_EVENTS": 100})
    tenant = unique("t")
    stalled = await asyncio.to_thread(Crowd, server, 200, tenant, 4096)
    readers = await asyncio.gather(*(join(server, "crowd", tenant) for _ in range(200)))
    empty_kb = anonymous_kb(server)
    made, most_kb = [], 0
    batch = [event("user_updated", user_id="crowd", tenant_id=tenant, data={"x": "y" * 8000})
             for _ in range(10)]
    for _ in range(150):
        made += await asyncio.to_thread(server.publish, batch)
        await asyncio.gather(*(r.event(made[-1]["id"], 60) for r in readers))
        most_kb = max(most_kb, anonymous_kb(server))
        if server.stats()["closes"].get("4202 Slow consumer", 0) == len(stalled.sockets):
            break
    assert server.stats()["closes"] == {"4202 Slow consumer": len(stalled.sockets)}
    wanted = [m["id"] for m in made]
    for reader in readers:
        assert reader.ids == wanted
    # Two frame logs, in which each view has the outboxes' 256 KiB and two segments at most, the
    # events of the history and what 200 readers had in pieces: not 200 times an outbox.
    assert most_kb - empty_kb < 32 * 1024, (empty_kb, most_kb)
    stalled.close()
    await asyncio.gather(*(r.close() for r in readers))
