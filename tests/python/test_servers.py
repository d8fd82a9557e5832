# SPDX-License-Identifier: Apache-2.0
# test_servers.py: under each ASGI server as people start it, and how it stops (R16, R17, R04).
import asyncio
import concurrent.futures
import signal
import time

import pytest
import requests

from application import APPS, PYTHON, gunicorn, hypercorn, uvicorn
from clients import Client, join, settle
from tokens import mint, unique

WAYS = {"uvicorn on asyncio": (uvicorn, ["--loop", "asyncio"]),
        "uvicorn on uvloop": (uvicorn, ["--loop", "uvloop"]),
        "uvicorn with wsproto": (uvicorn, ["--ws", "wsproto"]),
        "gunicorn": (gunicorn, []),
        "hypercorn": (hypercorn, [])}


@pytest.mark.parametrize("way", WAYS)
async def test_an_event_arrives_and_the_end_is_orderly(serve, way):
    how, arguments = WAYS[way]
    server = serve(server=how, arguments=arguments)
    tenant = unique("t")
    clients = [await join(server, f"u{n}", tenant, session=n % 2 == 0) for n in range(6)]
    await settle(server, tenant, *clients)
    assert server.stats()["active_connections"] == 6
    await clients.pop().close()
    end = time.monotonic() + 5
    while server.stats()["active_connections"] != 5:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    # Hypercorn ends its tasks before it tells of the shutdown; uvicorn before 0.18 its sockets.
    orderly = how is not hypercorn and PYTHON.endswith("newest/bin/python")
    stopping = asyncio.ensure_future(asyncio.to_thread(server.stop))
    for client in clients:
        code, _ = await client.closed(15)
        assert code in (4200, 1001, 1012) or not orderly, code
        assert code in (4200, 1001, 1012, 1000, 1006, 1011), code  # each says: come back
    await stopping


async def test_two_workers_are_local_each_and_say_so_once(serve):
    server = serve(arguments=["--workers", "2"])
    tenant = unique("t")
    clients = [await Client.open(server, mint("root", tenant, roles=["admin"]), session=True)
               for _ in range(12)]
    for client in clients:
        await client.signed_in()
    def ask(_):
        return requests.get(server.url + "/realtime", timeout=10).json()["pid"]
    pids, end = set(), time.monotonic() + 30
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        while len(pids) < 2:  # whoever is quicker takes the connection
            assert time.monotonic() < end, pids
            pids |= set(await asyncio.to_thread(lambda: list(pool.map(ask, range(32)))))
    for client in clients:
        await client.close()
    said = [line for line in server.lines if "REDIS_URL" in line]
    assert len(said) == 1 and said[0].startswith("mcp_auth.realtime WARNING"), server.log


async def test_reload_serves_again_after_a_change(serve, tmp_path):
    for path in APPS.glob("*.py"):
        (tmp_path / path.name).write_text(path.read_text())
    server = serve(arguments=["--reload", "--reload-dir", tmp_path], folder=tmp_path)
    client = await join(server, "u", unique("t"))
    before = server.stats()["pid"]
    for _ in range(10):  # a change that comes before it watches goes unseen
        changed = tmp_path / "service.py"
        changed.write_text(changed.read_text() + "\n# changed\n")
        try:
            code, _ = await client.closed(2)
            break
        except asyncio.TimeoutError:
            pass
    assert client.ended and code in (4200, 1001, 1012, 1006), server.log
    end = time.monotonic() + 20
    while True:
        try:
            if server.stats()["pid"] != before:
                break
        except OSError:
            pass
        assert time.monotonic() < end, server.log
        await asyncio.sleep(0.1)
    again = await join(server, "u", unique("t"))
    await again.close()


async def test_a_token_in_the_header_signs_in_at_the_handshake_and_a_bad_one_is_401(service):
    tenant = unique("t")
    good = {"Authorization": "Bearer " + mint("root", tenant, roles=["admin"])}
    client = await Client.open(service, headers=good, auth=False)
    service.publish({"event_type": "policy_updated", "tenant_id": tenant})
    await client.frame("event")
    await client.close()
    for bad in ("Bearer nonsense", "Basic YTpi", "Bearer " + mint("u", secret="z" * 64)):
        with pytest.raises(Exception) as refusal:
            await Client.open(service, headers={"Authorization": bad}, auth=False)
        assert "401" in str(refusal.value) or "403" in str(refusal.value), refusal.value


def test_a_get_without_upgrade_is_426_and_other_paths_are_the_applications(service):
    assert service.request("GET", "/ws").status == 426
    assert service.request("GET", "/nothing").status == 404


def test_ctrl_c_ends_it_too(serve):
    server = serve()
    server.stop(signal.SIGINT)
