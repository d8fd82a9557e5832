# SPDX-License-Identifier: Apache-2.0
# test_examples.py: the programs in examples/ run and do what they say.
import asyncio
import subprocess

import pytest
import requests

from application import EXAMPLES, PYTHON
from clients import Client
from serving import clean_environment
from tokens import admin, mint, unique


async def test_fastapi(serve):
    server = serve(app="fastapi_app:app", folder=EXAMPLES)
    alice = await Client.open(server, mint("alice"), session=True)
    await alice.signed_in()
    as_alice = {"X-User": "alice"}
    assert requests.post(server.url + "/permissions?resource=documents/7&action=read",
                         headers=as_alice, timeout=5).status_code == 202
    assert requests.post(server.url + "/users/alice/roles/editor", headers={"X-User": "root"},
                         timeout=5).status_code == 202
    assert requests.post(server.url + "/violations?kind=tailgating", headers=as_alice,
                         timeout=5).status_code == 202
    await alice.frame("event", 3)
    assert [e["message"] for e in alice.events] == [
        "Permission granted for read on documents/7", "Role editor assigned to user alice",
        "Security violation: tailgating"]
    assert requests.delete(server.url + "/users/alice/roles/editor", headers={"X-User": "root"},
                           timeout=5).status_code == 202
    assert (await alice.frame("event", 4))["event_type"] == "role_revoked"
    await alice.close()


@pytest.mark.parametrize("app", ["starlette_app:app", "asgi_app:app"])
async def test_the_others(serve, app):
    server = serve(app=app, folder=EXAMPLES, ready="/nothing")
    alice = await Client.open(server, mint("alice"), session=True)
    await alice.signed_in()
    assert requests.post(server.url + "/users/alice/roles/editor", timeout=5).status_code == 202
    event = await alice.frame("event")
    assert (event["event_type"], event["role_name"]) == ("role_assigned", "editor")
    assert requests.get(server.url + "/nothing", timeout=5).status_code == 404
    await alice.close()


@pytest.mark.seconds(60)
async def test_policy_enforcement_forgets_what_is_revoked_and_allows_nothing_while_unsure(launch):
    server = launch()
    tenant = unique("t")
    process = await asyncio.create_subprocess_exec(
        PYTHON, str(EXAMPLES / "policy_enforcement.py"), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env=clean_environment(
            MCP_AUTH_URL=server.url, MCP_AUTH_TOKEN=admin(tenant), PYTHONUNBUFFERED="1"))

    async def line():
        return (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()

    async def ask(text):
        process.stdin.write(text.encode() + b"\n")
        return await line()

    try:
        process.stdin.write(b"assume alice docs:read\nassume alice docs:write\nassume bob x:y\n")
        while await ask("alice docs:read") != "allow":
            await asyncio.sleep(0.1)  # not connected yet
        server.publish({"event_type": "permission_revoked", "user_id": "root", "tenant_id": tenant,
                        "target_user_id": "alice", "resource": "docs", "action": "read"})
        assert await line() == "seen permission_revoked alice"
        assert await ask("alice docs:read") == "deny"
        assert await ask("alice docs:write") == "allow"
        assert await ask("bob x:y") == "allow"
        server.publish({"event_type": "policy_updated", "tenant_id": tenant})
        assert await line() == "seen policy_updated -"
        assert await ask("bob x:y") == "deny"
        process.stdin.write(b"assume bob x:y\n")
        assert await ask("bob x:y") == "allow"
        await asyncio.to_thread(server.stop)
        for _ in range(100):
            if await ask("bob x:y") == "deny":
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("it still allows although nobody tells it of revocations")
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except asyncio.TimeoutError:
            process.kill()
