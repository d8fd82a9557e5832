# SPDX-License-Identifier: Apache-2.0
# test_logging.py: the core's records on logger mcp_auth.realtime, with their levels (R103).
from clients import Client, join, refused
from tokens import mint, unique


async def test_records_come_with_their_levels_and_never_a_token(serve):
    server = serve({"MCP_AUTH_API_KEY": "an-api-key-that-nobody-logs"})
    assert any(line.startswith("mcp_auth.realtime INFO ") for line in server.lines), server.log
    assert not [line for line in server.lines if line.startswith("mcp_auth.realtime DEBUG")]
    assert server.post_json("/log-level?name=DEBUG", None).status == 200
    tenant = unique("t")
    tokens = [mint("u", tenant), mint("u", tenant, secret="z" * 64)]
    client = await join(server, "u", tenant, token=tokens[0])
    await refused(server, tokens[1])
    header = {"Authorization": "Bearer " + tokens[0]}
    second = await Client.open(server, headers=header, auth=False)
    server.publish({"event_type": "security_violation", "user_id": "u", "tenant_id": tenant,
                    "data": {"password": "hunter2", "note": "a-secret-note"}})
    await client.frame("event")
    await client.close()
    await second.close()
    server.wait_log("mcp_auth.realtime DEBUG")
    server.wait_log("mcp_auth.realtime WARNING")
    for secret in (*tokens, *(t.split(".")[2] for t in tokens), "an-api-key-that-nobody-logs",
                   "hunter2", "a-secret-note"):
        assert secret not in server.log, secret[:20]
    assert server.post_json("/log-level?name=WARNING", None).status == 200
    count = len([line for line in server.lines if line.startswith("mcp_auth.realtime DEBUG")])
    client = await join(server, "u", tenant)
    await client.close()
    assert count == len([line for line in server.lines
                         if line.startswith("mcp_auth.realtime DEBUG")])
