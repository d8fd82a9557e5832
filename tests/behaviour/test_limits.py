# SPDX-License-Identifier: Apache-2.0
# test_limits.py: how many, how fast, how slow: clients, readers, publishers (R14, R63, R64).
import asyncio
import json
import time

import raw
from clients import Client, join, refused, settle
from events import event
from tokens import admin, mint, unique

FULL = (4204, "Connection limit reached")


async def test_the_connection_beyond_the_limit_is_refused_with_a_reason(launch):
    server = launch({"WEBSOCKET_MAX_CONNECTIONS": 10, "MCP_AUTH_WORKERS": 4})
    clients = [await join(server, "u", session=i % 2 == 0) for i in range(10)]
    assert await refused(server, mint("u")) == FULL
    assert await refused(server, mint("root", roles=["admin"]), session=True) == FULL
    waiting = [await Client.open(server) for _ in range(5)]  # who has not signed in does not count
    await settle(server, None, *clients)
    assert server.stats()["active_connections"] == 10 == server.stats()["max_connections"]
    assert server.request("GET", "/readyz").status == 503
    await clients.pop().close()
    await asyncio.to_thread(server.wait_stats, active_connections=9)
    clients.append(await join(server, "u"))
    await asyncio.gather(*(c.close() for c in clients + waiting))
    await asyncio.to_thread(server.wait_stats, active_connections=0)


async def test_the_limit_is_1000_when_unset(server):
    assert server.stats()["max_connections"] == 1000


async def test_the_101st_message_within_the_window_closes(server):
    client = await join(server, "u", unique("t"))
    for i in range(99):  # with the auth these are 100
        await client.send({"type": "ping", "id": i})
    await client.frame("pong", 99)
    await client.send({"type": "ping"})
    assert await client.closed() == (4203, "Rate limit exceeded")
    closing = client.frames[-1]
    assert closing["type"] == "closing" and 0 < closing["retry_after_ms"] <= 60000


async def test_messages_before_sign_in_and_bad_ones_count_too_and_binary_is_no_way_round(server):
    client = await join(server, "u", unique("t"), session=False)
    for _ in range(120):
        try:
            await client.send({"type": "subscribe"})
        except Exception:
            break
    assert await client.closed() == (4203, "Rate limit exceeded")


async def test_after_the_window_messages_are_taken_again(launch):
    server = launch({"WEBSOCKET_RATE_LIMIT_MESSAGES": 5, "WEBSOCKET_RATE_LIMIT_WINDOW": "0.5"})
    client = await join(server, "u")
    sent = 0
    for _ in range(3):
        for _ in range(4):
            await client.send({"type": "ping"})
            sent += 1
        await client.frame("pong", sent)
        await asyncio.sleep(0.7)
    for _ in range(6):
        await client.send({"type": "ping"})
    assert (await client.closed())[0] == 4203


async def test_a_reader_that_stops_is_closed_4202_and_nobody_else_notices(launch):
    server = launch({"MCP_AUTH_WORKERS": 1})
    slow = raw.RawClient(server, token=mint("u"), receive_buffer=4096)
    others = [await join(server, "u", session=i % 2 == 0) for i in range(4)]
    await asyncio.to_thread(server.wait_stats, active_connections=5)
    big = [event("user_updated", user_id="u", data={"x": "y" * 8000}) for _ in range(50)]
    made, worst = [], 0.0
    for _ in range(40):  # 16 MB: more than any buffer between us holds
        made += await asyncio.to_thread(server.publish, big)
        began = time.monotonic()
        await asyncio.gather(*(c.event(made[-1]["id"]) for c in others))
        worst = max(worst, time.monotonic() - began)
        if server.stats()["closes"].get("4202 Slow consumer"):
            break
    assert server.stats()["closes"] == {"4202 Slow consumer": 1}
    assert worst < 5  # a hang detector
    wanted = [m["id"] for m in made]
    for client in others:
        assert [i for i in client.ids if i in set(wanted)] == wanted
    await asyncio.to_thread(server.wait_stats, active_connections=4)
    # What it had not read is let go: a few segments that are being filled stay.
    assert server.stats()["frame_log_bytes"] < 512 * 1024
    # What it was sent before is whole and in order; then it is told why.
    seen, code = [], None
    try:
        while code is None:
            opcode, payload = slow.receive()
            if opcode == raw.CLOSE:
                code = int.from_bytes(payload[:2], "big")
            elif opcode == raw.TEXT:
                seen.append(json.loads(payload)["id"])
    except (EOFError, ConnectionResetError):
        pass
    got = [i for i in seen if i in set(wanted)]
    assert got == wanted[:len(got)]
    assert code in (4202, None)  # None: it took longer than its close may linger
    slow.close()
    await asyncio.gather(*(c.close() for c in others))


async def test_a_slow_reader_that_catches_up_gets_everything_once_in_order(server):
    tenant = unique("t")
    slow = raw.RawClient(server, token=mint("u", tenant), receive_buffer=4096)
    witness = await join(server, "u", tenant)
    await settle(server, tenant, witness)
    await asyncio.sleep(0.2)
    made = server.publish([event("user_updated", user_id="u", tenant_id=tenant,
                                 data={"x": "y" * 500}) for _ in range(300)])  # ~230 KB
    await witness.event(made[-1]["id"])
    await asyncio.sleep(0.3)

    def read_all():
        seen = []
        while made[-1]["id"] not in seen:
            seen.append(json.loads(slow.until(raw.TEXT))["id"])
        return seen

    seen = await asyncio.to_thread(read_all)
    wanted = [m["id"] for m in made]
    assert [i for i in seen if i in set(wanted)] == wanted
    slow.close()
    await witness.close()


async def test_a_publisher_has_a_limit_of_its_own(launch):
    server = launch({"MCP_AUTH_PUBLISH_RATE": 10})
    one, two = admin(user="one"), admin(user="two")
    statuses = [server.post(event("user_updated", user_id="u"), one).status for _ in range(40)]
    assert statuses[:10] == [202] * 10 and 429 in statuses
    refused_ = server.post([event("user_updated", user_id="u")] * 30, one)
    assert refused_.status == 429 and refused_.error["code"] == "rate_limited"
    assert int(refused_.headers["Retry-After"]) >= 1
    assert server.post(event("user_updated", user_id="u"), two).status == 202
    time.sleep(1.2)
    assert server.post(event("user_updated", user_id="u"), one).status in (202, 429)
    assert server.stats()["publish_refused"] >= 30


async def test_a_batch_over_the_publishers_limit_publishes_none_of_it(launch):
    server = launch({"MCP_AUTH_PUBLISH_RATE": 5, "MCP_AUTH_HISTORY_EVENTS": 100})
    client = await join(server, "u")
    token = admin()
    total = 0
    for _ in range(6):
        answer = server.post([event("user_updated", user_id="u")] * 3, token)
        assert answer.status in (202, 429)
        total += 3 if answer.status == 202 else 0
    await settle(server, None, client)
    assert len([i for i in client.ids if not i.startswith("settle-")]) == total
    await client.close()
