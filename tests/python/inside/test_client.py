# SPDX-License-Identifier: Apache-2.0
# test_client.py: RealtimeClient follows a server: order, places, gaps, resuming, filters, pace.
import asyncio
import logging
import time

import pytest

from following import Following, http, kill, live, publish, root, signing_in, until
from mcp_auth.client import Event, Publisher, RealtimeClient
from mcp_auth.realtime import EventType
from minting import mint
from serving import API_KEY, free_port


async def test_events_come_in_order_with_their_members_and_positions(server, tenant):
    made = [{"event_type": "role_assigned", "target_user_id": "alice", "role_name": "editor",
             "message": "Zwölf ✓", "data": {"n": n, "deep": [None, {"x": 1.5}]}, "tenant_id": tenant}
            for n in range(300)]
    async with Following(server, root(tenant)) as client:
        await live(client)
        told = server.publish(made)
        events = await client.take(300)
        assert [(e.id, e.position) for e in events] == [(t["id"], t["position"]) for t in told]
        assert [e["data"]["n"] for e in events] == list(range(300))
        first = events[0]
        assert isinstance(first, Event) and first["data"]["deep"] == [None, {"x": 1.5}]
        assert (first.event_type, first.message, first.user_id, first.target_user_id) == (
            "role_assigned", "Zwölf ✓", None, "alice")
        assert first["security_level"] and "user_id" not in first
        assert client.position == told[-1]["position"]
        assert client.gaps == []


async def test_each_sees_what_the_token_may_see(server, tenant):
    async with Following(server, mint("alice", tenant_id=tenant)) as alice:
        await live(alice)
        publish(server, tenant, user_id="bob")
        mine = publish(server, tenant, user_id="alice")
        assert await alice.ids(1) == mine


async def test_after_a_kill_it_comes_back_and_tells_of_the_gap(launch, tenant):
    first = launch()
    async with Following(first, root(tenant)) as client:
        await live(client)
        seen = publish(first, tenant, 2)
        assert await client.ids(2) == seen
        client.iterate()
        kill(first)
        await until(lambda: not client.connected)
        second = launch(port=first.port)
        await until(lambda: client.gaps, "a gap")
        (code, position), = client.gaps
        assert code == 4301 and position == client.position == client.of("auth_ok")[-1]["position"]
        made = publish(second, tenant, 3)
        assert await client.ids(3) == made and len(client.gaps) == 1


async def test_on_gap_may_be_a_coroutine_and_events_wait_for_it(server, launch, tenant):
    other = launch()
    async with Following(other, root(tenant)) as client:
        await live(client)
        publish(other, tenant)
        lost = (await client.take())[0].position
    told = []

    async def fetch(code, position):
        told.append(f"gap {code}")
        await asyncio.sleep(0.1)
        told.append("fetched")

    async with Following(server, root(tenant), position=lost, on_gap=fetch) as client:
        await live(client)
        publish(server, tenant)
        await client.take()
        assert told == ["gap 4301", "fetched"]


async def test_without_on_gap_a_warning_is_logged(server, launch, tenant, caplog):
    other = launch()
    async with Following(other, root(tenant)) as client:
        await live(client)
        publish(other, tenant)
        lost = (await client.take())[0].position
    caplog.set_level(logging.WARNING, "mcp_auth.client")
    async with RealtimeClient(server.url, root(tenant), position=lost) as client:
        await live(client)
        made = publish(server, tenant)
        assert (await client.__anext__()).id == made[0]
    assert "events may have been missed (4301)" in caplog.text


async def test_a_kept_position_goes_on_in_another_client(server, tenant):
    async with Following(server, root(tenant)) as client:
        await live(client)
        made = publish(server, tenant, 6)
        assert await client.ids(3) == made[:3]  # it has received more than it has given
        kept = client.position
    assert client.position == kept
    made += publish(server, tenant, 2)
    async with Following(server, root(tenant), position=kept) as client:
        assert await client.ids(5) == made[3:] and client.gaps == []
        assert client.of("auth_ok")[0]["resumed"] is True


@pytest.mark.seconds(50)
async def test_with_redis_it_goes_on_at_another_instance_with_nothing_missing_or_doubled(
        launch, redis_server, tenant):
    env = {"REDIS_URL": redis_server.url}
    stays, first = launch(env), launch(env)
    for one in (stays, first):
        one.wait_stats(bus="ok")
    async with Following(first, root(tenant)) as client:
        await live(client)
        made = publish(stays, tenant, 20) + publish(first, tenant, 5)
        got = await client.ids(10)
        kill(first)
        made += publish(stays, tenant, 20)
        second = launch(env, port=first.port)
        second.wait_stats(bus="ok")
        made += publish(stays, tenant, 5) + publish(second, tenant, 5)
        got += await client.ids(len(made) - 10)
        assert got == made and client.gaps == []


async def test_after_a_broken_connection_it_goes_on_and_keeps_the_filter(server, proxied, tenant):
    proxy = proxied(server)
    async with Following(http(proxy), root(tenant), event_types=[EventType.ROLE_ASSIGNED],
                         resources=["documents/*"]) as client:
        await live(client)

        def one_of_each():
            return [publish(server, tenant, event_type=kind, resource=resource)[0]
                    for kind in ("role_assigned", "user_created")
                    for resource in ("documents/7", "other")]

        async def lose():
            proxy.cut()
            await until(lambda: not client.connected)

        wanted = [one_of_each()[0]]
        await lose()
        wanted.append(one_of_each()[0])
        proxy.heal()
        await live(client)
        wanted.append(one_of_each()[0])
        assert await client.ids(3) == wanted
        client.iterate()
        await client.subscribe(["user_created"])
        await until(lambda: client.of("subscribed")[-1].get("event_types") == ["user_created"])
        wanted = one_of_each()[2:]
        assert await client.ids(2) == wanted
        await lose()
        wanted = one_of_each()[2:]
        proxy.heal()
        await live(client)
        wanted += one_of_each()[2:]
        assert await client.ids(4) == wanted
        await client.subscribe(min_security_level="HIGH")
        await lose()
        one_of_each()
        wanted = publish(server, tenant, security_level="critical")
        proxy.heal()
        assert await client.ids(1) == wanted
        await lose()
        await client.subscribe()  # for the next connection
        wanted = one_of_each()
        proxy.heal()
        assert await client.ids(4) == wanted and client.gaps == []


async def test_a_filter_that_is_given_during_the_sign_in_holds(server, proxied, tenant):
    proxy = proxied(server)
    proxy.delay(0.06)
    async with Following(http(proxy), root(tenant)) as client:
        await signing_in(client.iterate(), server, tenant)
        await client.subscribe(["role_assigned"])
        await until(lambda: client.of("subscribed"), "the filter in force")
        publish(server, tenant)
        wanted = publish(server, tenant, event_type="role_assigned")
        assert await client.ids(1) == wanted


@pytest.mark.seconds(50)
async def test_an_event_that_comes_twice_is_given_once(launch, redis_server, proxied, tenant):
    """While Redis is away events have no place of their own: who resumes then gets them again."""
    server = launch({"REDIS_URL": redis_server.url})
    server.wait_stats(bus="ok")
    proxy = proxied(server)
    async with Following(http(proxy), root(tenant)) as client:
        await live(client)
        publish(server, tenant)
        kept = (await client.take())[0].position
        redis_server.kill()
        made = publish(server, tenant, 3)
        assert await client.ids(3) == made and client.position == kept
        redis_server.start()
        server.wait_stats(bus="ok")
        client.iterate()
        proxy.reset()
        await until(lambda: len(client.of("auth_ok")) == 2, "back")
        made += publish(server, tenant)
        assert await client.ids(1) == made[3:] and client.gaps == []
    async with Following(server, root(tenant), position=kept) as other:
        assert await other.ids(4) == made, "they do come again"


async def test_heartbeats_move_the_position_of_who_sees_nothing(launch, tenant):
    server = launch({"WEBSOCKET_HEARTBEAT_INTERVAL": 1})
    async with Following(server, mint("alice", tenant_id=tenant)) as client:
        client.iterate()
        await live(client)
        began = client.of("auth_ok")[0]["position"]
        last = server.publish([{"event_type": "user_updated", "user_id": "bob",
                                "tenant_id": tenant}] * 3)[-1]["position"]
        await until(lambda: client.position == last, "a heartbeat")
        assert began != last and client.of("heartbeat")[-1]["position"] == last
        assert client.given == []


async def test_both_find_a_server_on_a_unix_socket(launch, tenant, tmp_path):
    port, path = free_port(), tmp_path / "socket"
    launch({"MCP_AUTH_LISTEN": f"127.0.0.1:{port},unix:{path}"}, port=port)
    async with Following(f"unix:{path}", root(tenant)) as client, \
            Publisher(f"unix:{path}", API_KEY) as publisher:
        await live(client)
        made = await publisher.publish({"event_type": "policy_updated", "tenant_id": tenant})
        assert await client.ids(1) == [made.id]


@pytest.mark.seconds(50)
async def test_when_the_history_was_lost_it_begins_anew(launch, start_redis, tenant):
    redis_server = start_redis(appendonly=False)
    server = launch({"REDIS_URL": redis_server.url})
    server.wait_stats(bus="ok")
    async with Following(server, root(tenant)) as client:
        await live(client)
        publish(server, tenant, 3)
        before = (await client.take(3))[-1].position
        client.iterate()
        await asyncio.to_thread(redis_server.restart)
        await until(lambda: client.gaps, "a gap")
        assert client.gaps == [(4302, client.position)] and client.position != before
        server.wait_stats(bus="ok")
        made = publish(server, tenant)
        assert await client.ids(1) == made


async def test_who_finds_no_place_tries_again(launch, tenant):
    server = launch({"WEBSOCKET_MAX_CONNECTIONS": 1})
    async with Following(server, root(tenant)) as first:
        await live(first)
        async with Following(server, root(tenant)) as second:
            second.iterate()
            await until(lambda: len(second.of("closing")) > 1, "refused twice")
            assert {one["code"] for one in second.of("closing")} == {4204}
            await first.close()
            await live(second)


async def test_a_connection_that_has_died_in_silence_is_left(launch, proxied, tenant):
    server = launch({"WEBSOCKET_HEARTBEAT_INTERVAL": 1})
    proxy = proxied(server)
    async with Following(http(proxy), root(tenant)) as client:
        await live(client)
        proxy.half_open()
        made = publish(server, tenant)
        assert await client.ids(1) == made and client.gaps == [] and proxy.accepted == 2


async def test_it_stays_away_for_as_long_as_the_closing_says(launch, tenant):
    server = launch({"WEBSOCKET_RATE_LIMIT_MESSAGES": 3, "WEBSOCKET_RATE_LIMIT_WINDOW": 1})
    async with Following(server, root(tenant), retry_max=0.05) as client:
        client.iterate()
        await live(client)
        for _ in range(4):
            await client.subscribe(["role_assigned"])
        await until(lambda: client.of("closing"), "a close")
        closed = time.monotonic()
        closing, = client.of("closing")
        assert closing["code"] == 4203 and closing["retry_after_ms"] > 300
        await until(lambda: len(client.of("auth_ok")) == 2, "signed in again")
        assert time.monotonic() - closed >= closing["retry_after_ms"] / 1000 - 0.02


async def test_it_stays_away_for_as_long_as_the_handshakes_answer_says():
    times = []

    async def busy(reader, writer):  # as a server that is full, or a proxy before it
        times.append(time.monotonic())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                     b"Retry-After: 1\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    door = await asyncio.start_server(busy, "127.0.0.1", 0)
    port = door.sockets[0].getsockname()[1]
    async with Following(f"http://127.0.0.1:{port}", "token", retry_max=0.05):
        await until(lambda: len(times) == 2)
    assert times[1] - times[0] >= 0.99
    door.close()


async def test_a_server_that_says_nothing_is_left_and_the_log_says_why(
        server, proxied, tenant, caplog):
    caplog.set_level(logging.INFO, "mcp_auth.client")
    proxy = proxied(server)
    proxy.stall()
    async with Following(http(proxy), root(tenant), connect_timeout=0.1) as client:
        await until(lambda: proxy.accepted > 1)
        proxy.heal()
        await live(client)
    assert "cannot connect: no answer in time" in caplog.text


@pytest.mark.seconds(50)
async def test_a_program_that_does_not_read_is_bounded_and_misses_nothing(launch, tenant):
    server = launch()
    async with Following(server, root(tenant), queue_events=4) as client:
        await live(client)
        made, end = [], time.monotonic() + 20
        while server.stats()["active_connections"]:  # it waits there and in the kernel, not here
            assert time.monotonic() < end, (len(made), server.stats())
            made += publish(server, tenant, 100, data={"x": "y" * 20000})
            await asyncio.sleep(0.02)
        assert len(client._inbox._items) <= 4
        assert list(server.stats()["closes"]) == ["4202 Slow consumer"]
        got = await client.ids(len(made))
        assert got == made and client.gaps == []


async def test_a_program_that_pauses_over_a_sign_in_makes_no_storm_of_connections(
        server, proxied, tenant):
    proxy = proxied(server)
    async with Following(http(proxy), root(tenant), queue_events=2, connect_timeout=1) as client:
        await live(client)  # its place and the auth_ok fill the queue
        before = proxy.accepted
        proxy.reset()
        await until(lambda: proxy.accepted > before)
        await asyncio.sleep(1.5)
        assert proxy.accepted == before + 1 and client.connected
        made = publish(server, tenant, 5)
        assert await client.ids(5) == made and client.gaps == []
