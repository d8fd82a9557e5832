# SPDX-License-Identifier: Apache-2.0
# test_server_mode.py: with MCP_AUTH_URL notify_rbac_event publishes to an `mcp-auth serve`.
import asyncio

from clients import join
from serving import API_KEY, free_port
from tokens import unique


async def test_events_go_to_the_server_in_order_with_their_ids(serve, launch):
    c_server = launch()
    server = serve({"MCP_AUTH_URL": c_server.url, "MCP_AUTH_TOKEN": API_KEY,
                    "MCP_AUTH_JWT_SECRET": None})
    tenant = unique("t")
    client = await join(c_server, "u", tenant)
    made = await asyncio.to_thread(server.publish, [
        {"event_type": "user_updated", "user_id": "u", "tenant_id": tenant} for _ in range(700)])
    await client.event(made[-1]["id"])
    assert client.ids == [one["id"] for one in made]
    await client.close()


async def test_events_wait_while_the_server_is_away_and_come_once(serve, launch):
    port = free_port()
    server = serve({"MCP_AUTH_URL": f"http://127.0.0.1:{port}", "MCP_AUTH_TOKEN": API_KEY})
    tenant = unique("t")
    made = await asyncio.to_thread(server.publish, [
        {"event_type": "policy_updated", "tenant_id": tenant} for _ in range(20)])
    c_server = launch(port=port)
    client = await join(c_server, "root", tenant, roles=["admin"])
    made += await asyncio.to_thread(server.publish, [
        {"event_type": "policy_updated", "tenant_id": tenant} for _ in range(5)])
    await client.event(made[-1]["id"], 30)
    ids = client.ids
    assert ids == [one["id"] for one in made][-len(ids):] and len(set(ids)) == len(ids)
    assert API_KEY not in server.log
    await client.close()


async def test_the_buffer_is_bounded_and_says_so(serve):
    server = serve({"MCP_AUTH_URL": f"http://127.0.0.1:{free_port()}", "MCP_AUTH_TOKEN": API_KEY})
    answer = await asyncio.to_thread(server.post_json, "/publish", [
        {"event_type": "policy_updated"} for _ in range(10001)])
    assert answer.status == 503, answer
