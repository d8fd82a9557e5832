# SPDX-License-Identifier: Apache-2.0
# test_metrics.py: the exposition format, read strictly; what happened is counted; nothing secret is logged.
import asyncio
import json
import socket
import time

import raw
from clients import join, settle
from events import event
from exposition import parse
from tokens import admin, mint, unique

SESSION = "Sec-WebSocket-Protocol: mcp-auth.v1"


class Metrics:
    def __init__(self, server):
        answer = server.request("GET", "/metrics")
        assert answer.status == 200
        self.families = parse(answer.body.decode())

    def __call__(self, name, **labels):
        name = "mcp_auth_" + name
        family = next(f for f in (name, name.rsplit("_", 1)[0])
                      if f in self.families)
        return self.families[family][1][(name, *sorted(labels.items()))]

    def closes(self):
        samples = self.families["mcp_auth_websocket_closes_total"][1]
        return {(dict(k[1:])["by"], dict(k[1:])["code"]): v for k, v in samples.items() if v}


def wait(server, condition, seconds=10):
    end = time.monotonic() + seconds
    while True:
        metrics = Metrics(server)
        if condition(metrics):
            return metrics
        assert time.monotonic() < end, metrics.families
        time.sleep(0.05)


def test_the_exposition_is_strictly_well_formed_and_names_carry_their_units(server):
    metrics = Metrics(server)
    assert metrics.families["mcp_auth_delivery_latency_seconds"][0] == "histogram"
    bounds = [float(dict(key[1:])["le"]) for key in
              metrics.families["mcp_auth_delivery_latency_seconds"][1] if "_bucket" in key[0]]
    assert bounds[0] == 50e-6 and bounds[-2] == 5.0
    for name in ("frame_log_bytes", "history_bytes", "fence_bytes", "dedupe_bytes",
                 "backlog_bytes", "start_time_seconds"):
        assert metrics.families["mcp_auth_" + name][0] == "gauge"
    lags = metrics.families["mcp_auth_worker_lag_events"][1]
    assert len(lags) == metrics("workers") == 4


def test_a_withdrawal_is_timed_once_until_every_worker_applied_it(server):
    name = "enforcement_latency_seconds"
    before = Metrics(server)
    server.publish([event("user_deleted", user_id="gone"), event("role_revoked", user_id="gone"),
                    event("user_created", user_id="gone")])
    after = wait(server, lambda m: m(name + "_count") > before(name + "_count"))
    assert after(name + "_count") == before(name + "_count") + 1
    assert 0 < after(name + "_sum") - before(name + "_sum") < 1


def close_by_frames(server, *frames, token=None, lines=()):
    client = raw.RawClient(server, *lines, token=token)
    for content in frames:
        client.send(content)
    code, _ = client.closed()
    client.close()
    return code


def test_every_close_that_is_provoked_is_counted_once_under_its_code(launch):
    server = launch({"WEBSOCKET_RATE_LIMIT_MESSAGES": 5, "MCP_AUTH_AUTH_TIMEOUT": 1,
                     "MCP_AUTH_ALLOWED_ORIGINS": "https://good.example",
                     "WEBSOCKET_MAX_CONNECTIONS": 1})
    good = mint("u", unique("t"))
    expired = mint("u", unique("t"), age=7200, lasts=-600)
    text = raw.TEXT
    provoked = [
        (1002, close_by_frames(server, raw.frame(text, "{}", mask=None))),
        (1002, close_by_frames(server, raw.frame(text, "{}", reserved=1))),
        (1007, close_by_frames(server, raw.frame(text, b"\xff"))),
        (1009, close_by_frames(server, raw.frame(text, "x" * 100000))),
        (4001, close_by_frames(server, raw.frame(text, "{}"))),
        (4001, close_by_frames(server, token="no token")),
        (4101, close_by_frames(server, token=expired)),
        (4003, close_by_frames(server, lines=("Origin: https://evil.example",))),
        (4005, close_by_frames(server, raw.frame(text, '{"type":"nonsense"}'), token=good,
                               lines=(SESSION,))),
        (4203, close_by_frames(server, *[raw.frame(raw.PING)] * 2000)),
        (4205, close_by_frames(server)),
    ]
    assert [wanted for wanted, _ in provoked] == [got for _, got in provoked]
    wanted = {}
    for code, _ in provoked:
        wanted["server", str(code)] = wanted.get(("server", str(code)), 0) + 1
    assert wait(server, lambda m: m("sockets_open") == 1).closes() == wanted

    for code, row in ((1000, "1000"), (1001, "1001"), (None, "1005"), (1011, "1xxx"),
                      (3500, "3xxx"), (4777, "4xxx")):
        payload = b"" if code is None else code.to_bytes(2, "big")
        assert close_by_frames(server, raw.frame(raw.CLOSE, payload)) == (code or 1005)
        wanted["client", row] = 1
    client = raw.RawClient(server)
    client.socket.shutdown(socket.SHUT_RDWR)  # no close frame
    client.close()
    wanted["nobody", "1006"] = 1
    metrics = wait(server, lambda m: m("sockets_open") == 1)
    assert metrics.closes() == wanted
    assert metrics("upgrades_total") == sum(wanted.values()), "each ended once"
    assert metrics("closes_total", code="4001", reason="Authentication failed") == 1
    assert metrics("closes_total", code="4205", reason="Authentication required") == 1


def signed_in(server, token):
    client = raw.RawClient(server, SESSION, token=token)
    assert json.loads(client.until(raw.TEXT))["type"] == "auth_ok"
    return client


def test_closes_that_the_session_decides_are_counted_and_a_stream_is_no_websocket(launch):
    server = launch({"WEBSOCKET_MAX_CONNECTIONS": 1, "WEBSOCKET_HEARTBEAT_INTERVAL": 1})
    tenant = unique("t")
    boss = admin(tenant)
    clients, wanted = [signed_in(server, mint("u", tenant))], {}
    assert close_by_frames(server, token=mint("v", tenant)) == 4204
    assert server.request("POST", "/v1/revocations", json.dumps({"user_id": "u"}), boss,
                          {"Content-Type": "application/json"}).status == 200
    assert clients[0].closed()[0] == 4102
    server.wait_stats(active_connections=0)
    clients.append(signed_in(server, mint("w", tenant)))
    assert clients[1].closed()[0] == 4201
    server.wait_stats(active_connections=0)
    clients.append(signed_in(server, mint("x", tenant)))
    server.publish(event("user_deleted", target_user_id="x", user_id="x", tenant_id=tenant))
    assert clients[2].closed()[0] == 4002
    server.wait_stats(active_connections=0)
    auth = {"type": "auth", "token": mint("y", tenant), "position": "nowhere"}
    assert close_by_frames(server, raw.frame(raw.TEXT, json.dumps(auth))) == 4301
    for code in ("4204", "4102", "4201", "4002", "4301"):
        wanted["server", code] = 1
    for client in clients:
        client.close()
    server.wait_stats(active_connections=0)
    with raw.connect(server) as stream:
        stream.sendall(f"GET /v1/events/stream HTTP/1.1\r\nHost: x\r\n"
                       f"Authorization: Bearer {mint('z', tenant)}\r\n\r\n".encode())
        server.wait_stats(active_connections=1)
        assert Metrics(server)("connections_active") == 1
        assert server.request("POST", "/v1/users/z/disconnect", token=boss).status == 200
        raw.receive_all(stream)
    metrics = wait(server, lambda m: m("sockets_open") == 1)
    assert metrics.closes() == wanted
    assert metrics("closes_total", code="4004", reason="Disconnected by an administrator") == 1
    assert metrics("fences") >= 0 and metrics("fence_bytes") > 0
    assert metrics("upgrades_total") == sum(wanted.values())


async def test_the_histogram_counts_each_delivery_and_no_replay(launch):
    server = launch({"MCP_AUTH_WORKERS": 3})
    tenant = unique("t")
    clients = [await join(server, "u", tenant) for _ in range(6)]
    await settle(server, tenant, *clients)
    before = Metrics(server)
    made = server.publish([event("user_updated", user_id="u", tenant_id=tenant)
                           for _ in range(20)])
    await asyncio.gather(*(c.event(made[-1]["id"]) for c in clients))
    counted = before("delivery_latency_seconds_count") + 6 * 20
    after = await asyncio.to_thread(
        wait, server, lambda m: m("delivery_latency_seconds_count") >= counted)
    assert after("delivery_latency_seconds_count") == counted == after("frames_sent_total")
    mean = after("delivery_latency_seconds_sum") / counted
    assert 0 < mean < 5  # a hang detector
    for worker in range(3):
        assert after("worker_lag_events", worker=str(worker)) == 0
    assert after("backlog_events") == 0 and after("backlog_bytes") == 0
    late = await join(server, "u", tenant, position=made[9]["position"])
    await late.event(made[-1]["id"])
    replayed = await asyncio.to_thread(
        wait, server, lambda m: m("frames_sent_total") >= counted + 10)
    assert replayed("delivery_latency_seconds_count") == counted
    await asyncio.gather(*(c.close() for c in [late, *clients]))


def test_refusals_are_counted_by_reason(launch):
    server = launch({"MCP_AUTH_PUBLISH_RATE": 10})
    one = event("user_updated", id="an-id", user_id="u")
    assert server.post(one).status == 202
    assert server.post({**one, "user_id": "v"}).status == 409
    assert server.post([event("user_updated", user_id="u") for _ in range(100)]).status == 202
    assert server.post(event("user_updated", user_id="u")).status == 429
    assert server.post({**one, "nonsense": 1}).status == 400
    assert server.post("{").status == 400
    assert server.request("GET", "/nowhere").status == 404
    assert server.request("GET", "/v1/stats").status == 401
    metrics = Metrics(server)
    assert metrics("events_refused_total", reason="conflict") == 1
    assert metrics("events_refused_total", reason="rate_limited") == 1
    assert metrics("events_refused_total", reason="overloaded") == 0
    for code, status in (("unknown_member", 400), ("bad_json", 400)):
        assert metrics("publish_bodies_refused_total", code=code, status=str(status)) == 1
    for code, status in (("conflict", 409), ("rate_limited", 429), ("unknown_member", 400),
                         ("bad_json", 400), ("not_found", 404), ("unauthorized", 401)):
        assert metrics("http_refusals_total", code=code, status=str(status)) == 1
    assert metrics("dedupe_ids") == 1 and metrics("dedupe_bytes") > 0
    assert metrics("history_bytes") > 0


def test_the_debug_log_names_connections_and_events_and_holds_no_secret(launch):
    server = launch({"MCP_AUTH_LOG_LEVEL": "debug", "MCP_AUTH_LOG_FORMAT": "json"})
    tenant, secret = unique("t"), unique("only-in-data")
    token = mint("u", tenant)
    client = raw.RawClient(server, SESSION, token=token)
    connection = json.loads(client.until(raw.TEXT))["connection_id"]
    made = server.publish([event("user_updated", user_id="u", tenant_id=tenant,
                                 data={"note": secret})])
    client.until(raw.TEXT)
    client.send(raw.frame(raw.CLOSE, (4321).to_bytes(2, "big")))
    assert client.closed()[0] == 4321
    client.close()
    again = raw.RawClient(server, SESSION)
    again.send(raw.frame(raw.TEXT, json.dumps({"type": "auth", "token": token,
                                               "position": made[0]["position"]})))
    second = json.loads(again.until(raw.TEXT))["connection_id"]
    assert server.request("POST", "/v1/users/u/disconnect", token=admin(tenant)).status == 200
    assert again.closed()[0] == 4004
    again.close()
    for words in (f"signed in.*{connection}", f"signed in.*{second}", f"resumed.*{second}",
                  f"publish accepted.*{made[0]['id']}", f"connection closed.*{connection}.*4321",
                  f"session closed.*{second}.*4004"):
        server.wait_log(words)
    server.stop()
    for word in (token, token.split(".")[2], secret, "an-api-key-for-tests-only"):
        assert word not in server.log
