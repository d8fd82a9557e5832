# SPDX-License-Identifier: Apache-2.0
# test_publisher.py: Publisher: batches in order, sent again under the same ids, bounded, and its end.
import asyncio
import logging
import math
import threading
import time

import pytest

from following import http, kill, root, until
from mcp_auth.client import BufferFull, Publisher, PublisherClosed, PublishError
from serving import API_KEY, free_port

SECONDS = 15


@pytest.fixture
def publisher(request):
    """publisher(url, token): closed at the test's end."""
    made = []

    def start(where, token=API_KEY, **more):
        made.append(Publisher(where, token, **{"retry_first": 0.05, "retry_max": 0.2, **more}))
        return made[-1]

    yield start
    for one in made:
        one.close(0)
    until_end = time.monotonic() + 2
    while any(t.name == "mcp-auth-publisher" for t in threading.enumerate()):
        assert time.monotonic() < until_end, "its thread is still there"
        time.sleep(0.01)


def event(tenant, **more):
    return {"event_type": "user_updated", "user_id": "u", "tenant_id": tenant, **more}


def kept(server, tenant):
    """The ids in the server's history, in its order."""
    ids, after = [], None
    while True:
        answer = server.request("GET", "/v1/events?limit=1000" + (f"&after={after}" if after else ""),
                                token=root(tenant)).json()
        ids += [one["id"] for one in answer["events"]]
        after = answer["next"]
        if not after:
            return ids


def results(futures):
    return [future.result(SECONDS) for future in futures]


def test_events_are_kept_in_order_and_go_in_batches_over_one_connection(
        server, proxied, publisher, tenant):
    proxy = proxied(server)
    proxy.delay(0.02)
    sends = publisher(http(proxy))
    taken = results([sends.submit(event(tenant, data={"n": n})) for n in range(1200)])
    ids = [one.id for one in taken]
    assert kept(server, tenant) == ids and len(set(ids)) == 1200
    assert all(one.position and not one.duplicate for one in taken)
    assert proxy.accepted == 1
    assert "id" not in event(tenant)


async def test_publish_waits_until_the_server_has_it(server, tenant):
    async with Publisher(server.url, API_KEY) as sends:
        one = await sends.publish(event(tenant, id="mine"))
        assert one.id == "mine" and one.position and kept(server, tenant) == ["mine"]
        again = await sends.publish(event(tenant, id="mine"))
        assert again.duplicate and again.position == one.position
        with pytest.raises(PublishError) as other:
            await sends.publish(event(tenant, id="mine", message="another"))
        assert (other.value.status, other.value.code) == (409, "conflict")
    with pytest.raises(PublisherClosed):
        await sends.publish(event(tenant))


def test_what_got_no_answer_is_sent_again_under_the_same_ids(server, proxied, publisher, tenant):
    proxy = proxied(server)
    sends = publisher(http(proxy))
    first = sends.submit(event(tenant)).result(SECONDS)
    proxy.block("down")
    second = [sends.submit(event(tenant)) for _ in range(3)]
    end = time.monotonic() + SECONDS
    while len(kept(server, tenant)) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    proxy.reset()  # the server has one or more of them, and the publisher does not know it
    proxy.heal()
    taken = results(second)
    assert kept(server, tenant) == [first.id] + [one.id for one in taken]
    assert taken[0].duplicate


@pytest.mark.seconds(50)
async def test_over_a_server_that_is_killed_and_comes_back_each_is_kept_once(
        launch, redis_server, publisher, tenant):
    env = {"REDIS_URL": redis_server.url}
    first = launch(env)
    first.wait_stats(bus="ok")
    sends = publisher(first.url, batch=20)
    futures = [sends.submit(event(tenant)) for _ in range(2000)]
    futures[300].result(SECONDS)
    kill(first)
    assert not futures[-1].done()
    futures += [sends.submit(event(tenant)) for _ in range(50)]
    second = launch(env, port=first.port)
    second.wait_stats(bus="ok")
    taken = await asyncio.to_thread(results, futures)
    ids = [one.id for one in taken]
    assert kept(second, tenant) == ids and len(set(ids)) == 2050


@pytest.mark.parametrize("wrong, status, code", [
    ({"colour": "red"}, 400, "unknown_member"), ({"tenant_id": "another"}, 403, "wrong_tenant"),
    ({"id": "e-3", "message": "other"}, 409, "conflict")])
def test_one_that_is_wrong_is_refused_alone(server, proxied, publisher, tenant, wrong, status, code):
    proxy = proxied(server)
    proxy.delay(0.01)  # so that they come together
    sends = publisher(http(proxy), root(tenant))
    made = [sends.submit(event(tenant, id=f"e-{n}")) for n in range(8)]
    refused = sends.submit({**event(tenant), **wrong})
    made += [sends.submit(event(tenant, id=f"e-{n}")) for n in range(8, 16)]
    assert [one.id for one in results(made)] == [f"e-{n}" for n in range(16)] == kept(server, tenant)
    error = refused.exception(SECONDS)
    assert isinstance(error, PublishError) and (error.status, error.code) == (status, code)
    assert str(error)


def test_who_may_not_publish_is_told_so(server, publisher, tenant):
    for token, status in (("not-the-key", 401), ("", 401)):
        error = publisher(server.url, token).submit(event(tenant)).exception(SECONDS)
        assert isinstance(error, PublishError) and error.status == status


async def test_what_no_server_of_ours_says_is_no_acceptance(publisher, tenant):
    async def page(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")
        writer.close()

    door = await asyncio.start_server(page, "127.0.0.1", 0)
    sends = publisher(f"http://127.0.0.1:{door.sockets[0].getsockname()[1]}")
    with pytest.raises(PublishError, match="no answer of this server's kind"):
        await asyncio.wait_for(sends.publish(event(tenant)), SECONDS)
    door.close()


@pytest.mark.parametrize("wrong", [{"data": {"x": object()}}, {"data": {"x": math.nan}},
                                   {"message": "x" * (64 << 10)}, {"message": "\ud800"}])
def test_what_is_no_event_is_told_at_once(server, publisher, tenant, wrong):
    with pytest.raises(ValueError):
        publisher(server.url).submit(event(tenant, **wrong))


@pytest.mark.parametrize("arguments", [("", "t"), ("ftp://x", "t"), ("http://x", "a b")])
def test_what_is_no_address_or_token_is_told_at_once(arguments, monkeypatch):
    monkeypatch.delenv("MCP_AUTH_URL", raising=False)
    with pytest.raises(ValueError):
        Publisher(*arguments)


def test_a_full_buffer_says_so_and_the_end_says_what_was_not_sent(publisher, tenant):
    sends = publisher(f"http://127.0.0.1:{free_port()}", buffer_events=5)
    futures = [sends.submit(event(tenant)) for _ in range(5)]
    with pytest.raises(BufferFull):
        sends.submit(event(tenant))
    began = time.monotonic()
    sends.close(0.2)
    assert 0.1 < time.monotonic() - began < SECONDS
    for future in futures:
        assert isinstance(future.exception(0), PublisherClosed)
    with pytest.raises(PublisherClosed):
        sends.submit(event(tenant))


def test_close_sends_what_waits(server, proxied, publisher, tenant):
    proxy = proxied(server)
    proxy.delay(0.05)
    sends = publisher(http(proxy), batch=100)
    futures = [sends.submit(event(tenant)) for _ in range(300)]
    sends.close()
    assert all(future.done() for future in futures)
    assert kept(server, tenant) == [one.id for one in results(futures)]


def test_close_does_not_wait_for_an_answer_that_does_not_come(server, proxied, publisher, tenant):
    died = []
    threading.excepthook, before = died.append, threading.excepthook
    proxy = proxied(server)
    proxy.block("down")
    sends = publisher(http(proxy), timeout=60)
    futures = [sends.submit(event(tenant)) for _ in range(3)]
    try:
        time.sleep(0.1)
        began = time.monotonic()
        sends.close(0.3)
        assert time.monotonic() - began < SECONDS
        assert "mcp-auth-publisher" not in [thread.name for thread in threading.enumerate()]
        for future in futures:
            assert isinstance(future.exception(0), PublisherClosed)
        proxy.heal()
        time.sleep(0.2)
        assert not died, died
    finally:
        threading.excepthook = before


def test_a_connection_that_the_server_has_left_costs_no_warning(
        server, proxied, publisher, tenant, caplog):
    caplog.set_level(logging.WARNING, "mcp_auth.client")
    proxy = proxied(server)
    sends = publisher(http(proxy), retry_first=5, retry_max=5)
    for _ in range(3):
        sends.submit(event(tenant)).result(SECONDS)
        proxy.reset()  # as after a minute of silence
    sends.submit(event(tenant)).result(SECONDS)
    assert not caplog.records and proxy.accepted == 4


def test_a_server_that_asks_to_wait_is_waited_for(launch, publisher, tenant):
    server = launch({"MCP_AUTH_PUBLISH_RATE": 100})
    sends = publisher(server.url, batch=50)
    taken = results([sends.submit(event(tenant)) for _ in range(205)])
    assert kept(server, tenant) == [one.id for one in taken]
    assert server.stats()["publish_refused"]


async def test_a_call_that_is_given_up_leaves_the_others_alone(publisher, launch, tenant):
    port = free_port()
    sends = publisher(f"http://127.0.0.1:{port}")
    calls = [asyncio.ensure_future(sends.publish(event(tenant, id=f"e-{n}"))) for n in range(3)]
    await asyncio.sleep(0.05)
    calls[1].cancel()
    server = launch(port=port)
    await asyncio.wait(calls, timeout=SECONDS)
    assert [calls[n].result().id for n in (0, 2)] == ["e-0", "e-2"] and calls[1].cancelled()
    await until(lambda: kept(server, tenant) == ["e-0", "e-1", "e-2"])


def test_a_child_of_a_fork_sends_its_own_and_the_parent_the_rest(server, alone, tenant):
    alone(f"""
    import os
    from mcp_auth.client import Publisher

    def event(name):
        return {{"event_type": "user_updated", "user_id": "u", "tenant_id": {tenant!r}, "id": name}}

    sends = Publisher({server.url!r}, {API_KEY!r})
    sends.submit(event("before")).result(10)
    waits = [sends.submit(event(f"parent-{{n}}")) for n in range(20)]
    child = os.fork()
    if child == 0:
        sends.submit(event("child")).result(10)
        sends.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    for one in waits:
        one.result(10)
    sends.submit(event("left-to-the-end"))
    """)
    ids = kept(server, tenant)
    assert [name for name in ids if name != "child"] == [
        "before", *(f"parent-{n}" for n in range(20)), "left-to-the-end"]
    assert ids.count("child") == 1
