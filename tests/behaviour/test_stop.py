# SPDX-License-Identifier: Apache-2.0
# test_stop.py: how the server ends: told to, told twice, or by a signal of no meaning (R04).
import asyncio
import signal
import time

import pytest

import raw
from clients import Client, join, settle
from events import event
from tokens import mint

DRAINING = (4200, "Server is shutting down")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_closes_everyone_with_4200_in_bounded_time(launch, number):
    server = launch({"MCP_AUTH_WORKERS": 4})
    clients = [await join(server, "u", session=i % 2 == 0) for i in range(20)]
    waiting = await Client.open(server)
    began = time.monotonic()
    server.signal(number)
    for client in [*clients, waiting]:
        assert await client.closed() == DRAINING
    assert await asyncio.to_thread(server.wait_end) == 0
    assert time.monotonic() - began < 6
    closing = clients[0].frames[-1]
    assert closing["type"] == "closing" and closing["code"] == 4200 and "retry_after_ms" in closing
    with pytest.raises(OSError):
        raw.connect(server, 2)


def test_who_does_not_close_is_cut_off_in_bounded_time(launch):
    server = launch()
    stubborn = [raw.RawClient(server, token=mint("u")) for _ in range(3)]
    half = [raw.connect(server) for _ in range(3)]
    half[0].sendall(b"GET / HTTP/1.1\r\nHost:")
    half[1].sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                    b"an-api-key-for-tests-only\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 99\r\n\r\n{")
    time.sleep(0.2)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait_end() == 0
    assert time.monotonic() - began < 8
    for client in stubborn:
        assert client.closed() == DRAINING
    for s in (*half, *(c.socket for c in stubborn)):
        s.close()


def test_a_second_signal_ends_it_at_once(launch):
    server = launch()
    stubborn = raw.RawClient(server, token=mint("u"))
    server.wait_stats(active_connections=1)
    server.signal(signal.SIGTERM)
    server.wait_log("stopping")
    time.sleep(0.2)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait_end() == 0
    assert time.monotonic() - began < 2.5
    stubborn.close()


def test_a_stop_without_clients_is_quick(launch):
    server = launch()
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait_end() == 0 and time.monotonic() - began < 3


async def test_signals_that_mean_nothing_are_harmless(launch):
    server = launch()
    client = await join(server, "u")
    for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGPIPE, signal.SIGWINCH):
        server.signal(number)
    await asyncio.sleep(0.2)
    await settle(server, None, client)
    server.wait_log("INFO reloaded")
    await client.close()


def test_peers_that_go_while_they_are_answered_are_harmless(launch):
    server = launch()
    for _ in range(50):
        s = raw.connect(server)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        s.close()
    assert server.request("GET", "/healthz").status == 200


async def test_what_was_accepted_before_the_stop_is_still_delivered(launch):
    server = launch()
    client = await join(server, "u")
    made = server.publish([event("user_updated", user_id="u") for _ in range(500)])
    server.signal(signal.SIGTERM)
    assert await client.closed() == DRAINING
    assert client.ids == [m["id"] for m in made]


async def test_after_a_kill_clients_come_back(launch):
    server = launch()
    client = await join(server, "u", session=False)
    server.process.kill()
    server.expected_status = -signal.SIGKILL
    await client.closed()
    assert client.code == 1006
    server.wait_end()
    again = launch(port=server.port)
    client = await join(again, "u", session=False)
    await client.close()


async def test_nothing_is_left_behind_after_many_connections(launch):
    server = launch()
    for _ in range(3):  # what is allocated once is there before we look
        await asyncio.gather(*[cycle(server, i) for i in range(20)])
    await asyncio.to_thread(server.wait_stats, active_connections=0, waiting_connections=0)
    files, memory = server.descriptors(), server.resident_kb()
    for _ in range(20):
        await asyncio.gather(*[cycle(server, i) for i in range(20)])
    await asyncio.to_thread(server.wait_stats, active_connections=0, waiting_connections=0)
    await asyncio.sleep(0.2)
    assert server.descriptors() <= files + 2
    assert server.resident_kb() < memory + 30000  # the sanitizer keeps what was freed for a while


async def cycle(server, i):
    """One life of a connection, which ends in one of four ways."""
    client = await Client.open(server, mint("u") if i % 4 else None, session=i % 2 == 0, user="u")
    if i % 4 == 1:
        client.ws.transport.abort()
        await client.closed()
    elif i % 4 == 2:
        await client.send("nonsense")
        await client.closed()
    else:
        await client.close()
