# SPDX-License-Identifier: Apache-2.0
# test_client_close.py: close() of a RealtimeClient ends it soon wherever it is, and leaves nothing.
import asyncio
import socket
import time

import pytest

from following import Following, Leftovers, http, live, publish, root, signing_in, until
from mcp_auth.client import Closed

SOON = 5  # a time-out of its own is 10


async def closed_soon(client, before):
    """Closes it. At once there is no task and no socket left of it."""
    await asyncio.wait_for(client.close(), SOON)
    assert not client.connected
    before.check()
    assert isinstance(await client.error(), Closed)


async def test_while_it_is_live(server, tenant):
    before = Leftovers()
    client = Following(server, root(tenant))
    client.start()
    await live(client)
    await closed_soon(client, before)
    await asyncio.to_thread(server.wait_stats, active_connections=0)


@pytest.mark.parametrize("turns", range(9))
async def test_turns_after_its_sign_in_was_answered(server, tenant, turns):
    before = Leftovers()
    client = Following(server, root(tenant))
    client.start()
    while client._session is None or client._session._answer is None:
        await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    await closed_soon(client, before)


async def test_at_any_moment_from_its_start_to_its_sign_in(server, tenant):
    before = Leftovers()
    for step in range(25):
        client = Following(server, root(tenant))
        client.start()
        await asyncio.sleep(step * 0.0005)
        await closed_soon(client, before)


async def test_turns_after_its_start_where_nobody_listens():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        before = Leftovers()
        for turns in range(30):
            client = Following(f"http://127.0.0.1:{nobody.getsockname()[1]}", "token")
            client.start()
            for _ in range(turns):
                await asyncio.sleep(0)
            await closed_soon(client, before)


async def test_before_it_has_run_and_before_it_was_started(server, tenant):
    before = Leftovers()
    client = Following(server, root(tenant))
    client.start()
    await closed_soon(client, before)
    asked = []
    client = Following(server, lambda: asked.append(1) or root(tenant))
    await closed_soon(client, before)
    assert not asked, "what was closed is not started by iterating"


async def test_while_the_server_does_not_answer_the_handshake():
    before = Leftovers()
    with socket.create_server(("127.0.0.1", 0)) as door:
        client = Following(f"http://127.0.0.1:{door.getsockname()[1]}", "token")
        client.start()
        peer = await asyncio.to_thread(door.accept)
        await asyncio.sleep(0.02)
        await client.close()
        peer[0].close()
    before.check()


async def test_while_it_connects(tenant):
    before = Leftovers()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as door:
        address = door.getsockname()
        waiting = [socket.socket() for _ in range(3)]  # the kernel answers no more of them
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        client = Following(f"http://127.0.0.1:{address[1]}", "token")
        client.start()
        await asyncio.sleep(0.05)
        assert client._session is None
        await asyncio.wait_for(client.close(), SOON)
        for one in waiting:
            one.close()
    before.check()


async def test_while_it_signs_in(server, proxied, tenant):
    proxy = proxied(server)
    proxy.delay(0.1)
    before = Leftovers()
    client = Following(http(proxy), root(tenant))
    client.start()
    await signing_in(client, server, tenant)
    proxy.stall()
    await asyncio.wait_for(client.close(), SOON)
    assert asyncio.all_tasks() <= before.tasks
    proxy.heal()


async def test_while_it_waits_to_come_back():
    before = Leftovers()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        client = Following(f"http://127.0.0.1:{nobody.getsockname()[1]}", "token",
                           retry_first=60, retry_max=60)
        client.start()
        await asyncio.sleep(0.05)
        await client.close()
    before.check()


@pytest.mark.parametrize("when", ["sign-in", "renewal"])
async def test_while_it_asks_for_a_token(server, tenant, when):
    before, asked = Leftovers(), []

    async def source():
        asked.append(1)
        if len(asked) == 1 and when == "renewal":
            return root(tenant)
        await asyncio.sleep(3600)

    client = Following(server, source)
    client.start()
    if when == "renewal":
        await live(client)
        client._renew_at(time.time() + 1)  # as if that one were over then
    await until(lambda: len(asked) == (2 if when == "renewal" else 1), "asked")
    await closed_soon(client, before)
    assert client._token is None


async def test_while_the_program_does_not_read(server, tenant):
    before = Leftovers()
    client = Following(server, root(tenant), queue_events=2)
    client.start()
    await live(client)
    publish(server, tenant, 50)
    await asyncio.sleep(0.1)
    await asyncio.wait_for(client.close(), SOON)
    before.check()


async def test_while_another_task_iterates_and_twice_at_once(server, tenant):
    before = Leftovers()
    client = Following(server, root(tenant)).iterate()
    await live(client)
    await asyncio.gather(client.close(), client.close())
    await asyncio.wait_for(client.task, SOON)
    assert isinstance(client.given[-1], Closed)
    await client.close()
    before.check()


async def test_out_of_the_functions_it_was_given(server, tenant):
    for name in ("token", "on_control"):
        before = Leftovers()

        async def close(*_):
            await client.close()
            return root(tenant)

        if name == "token":
            client = Following(server, close)
        else:
            client = Following(server, root(tenant), on_control=close)
        assert isinstance(await client.error(SOON), Closed)
        await client.close()  # once more, from outside: waits for the end
        before.check()


async def test_with_its_block_and_its_error(server, tenant):
    before = Leftovers()
    with pytest.raises(ZeroDivisionError):
        async with Following(server, root(tenant)) as client:
            await live(client)
            raise ZeroDivisionError
    before.check()
