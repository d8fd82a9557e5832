# SPDX-License-Identifier: Apache-2.0
# test_privacy.py: secrets never leave, and what people see of each other is configured (R97, R98).
import asyncio
import json
import time

import pytest

import raw
from clients import Client, join, refused, settle
from events import event
from serving import API_KEY
from tokens import admin, mint, unique

NAMES = ["password", "passwd", "passphrase", "secret", "client_secret", "token", "access_token",
         "refresh-token", "idToken", "Authorization", "API-KEY", "apikey", "private_key",
         "credential",
         "credentials", "Cookie", "set-cookie", "__PASS_word--"]
KEPT = ["password_hint", "tokens", "mysecret", "author", "cookies", "pass", "key", "name"]


async def test_secret_members_are_removed_at_any_depth_before_anyone_sees_them(server):
    tenant = unique("t")
    user, root = (await join(server, "u", tenant),
                  await join(server, "root", tenant, roles=["admin"]))
    start = user.position
    sensitive = {name: f"SENSITIVE-{i}" for i, name in enumerate(NAMES)}
    kept = {name: "kept" for name in KEPT}
    data = {**sensitive, **kept, "list": [[{**sensitive, **kept}], {"x": {"y": {**sensitive}}}],
            "token-object": 1, "secret ": 2, "o": {"Secret": {"deep": "SENSITIVE-x"}, "n": None}}
    made = server.post(event("security_violation", user_id="u", tenant_id=tenant, data=data))
    assert made.json()["redacted"] == 3 * len(NAMES) + 1
    event_id = made.json()["events"][0]["id"]
    again = await join(server, "u", tenant, position=start)
    for client in (user, root, again):
        frame = await client.event(event_id)
        assert "SENSITIVE" not in "".join(client.raw)
        assert frame["data"] == {**kept, "list": [[kept], {"x": {"y": {}}}], "token-object": 1,
                                 "secret ": 2, "o": {"n": None}}
        await client.close()
    assert "SENSITIVE" not in server.log


async def test_an_event_without_secrets_says_nothing_of_redaction(server):
    assert "redacted" not in server.post(event("user_updated", data={"a": 1})).json()


async def test_more_names_may_be_configured(launch):
    server = launch({"MCP_AUTH_REDACT_KEYS": "Social_Security, iban"})
    client = await join(server, "u")
    answer = server.post(event("user_updated", user_id="u", data={
        "social-security": 1, "IBAN": 2, "password": 3, "rest": 4}))
    assert answer.json()["redacted"] == 3
    assert (await client.event(answer.json()["events"][0]["id"]))["data"] == {"rest": 4}
    await client.close()


async def views(server, position=None):
    """What subject, target, somebody who is both, and an administrator see of one event each."""
    clients = {name: await join(server, name, roles=roles, position=position) for name, roles in
               (("subj", None), ("targ", None), ("both", None), ("root", ["admin"]))}
    return clients


def people(frame):
    return {k: frame.get(k) for k in ("user_id", "user_name", "target_user_id") if k in frame}


EVERYTHING = {"user_id": "subj", "user_name": "Sue Bject", "target_user_id": "targ"}
BOTH = {"user_id": "both", "user_name": "Bo Th", "target_user_id": "both"}
SEEN = {
    "full": {"subj": EVERYTHING, "targ": EVERYTHING},
    "id": {"subj": EVERYTHING, "targ": {"user_id": "subj", "target_user_id": "targ"}},
    "none": {"subj": {"user_id": "subj", "user_name": "Sue Bject"},
             "targ": {"target_user_id": "targ"}},
}


@pytest.mark.parametrize("privacy", SEEN)
async def test_what_one_sees_of_other_people_is_configured_live_and_on_resume(launch, privacy):
    server = launch({"MCP_AUTH_PRIVACY": privacy})
    live = await views(server)
    start = live["root"].position
    made = server.publish(event("role_assigned", role_name="r", **EVERYTHING))
    same = server.publish(event("user_updated", **BOTH))
    replayed = await views(server, start)
    for clients in (live, replayed):
        for name in ("subj", "targ"):
            assert people(await clients[name].event(made["id"])) == SEEN[privacy][name]
        assert people(await clients["both"].event(same["id"])) == BOTH
        assert people(await clients["root"].event(made["id"])) == EVERYTHING
        assert people(await clients["root"].event(same["id"])) == BOTH
    for name in live:
        await settle(server, None, live[name], replayed[name])
        events_of = [[f for f in c[name].raw if '"event"' in f and "settle" not in f]
                     for c in (live, replayed)]
        assert events_of[0] == events_of[1]
    await asyncio.gather(*(c.close() for c in [*live.values(), *replayed.values()]))


SECURITY = ["security_violation", "suspicious_activity", "access_denied"]


def test_security_events_and_failed_sign_ins_are_logged_and_counted(launch):
    server = launch({"MCP_AUTH_LOG_FORMAT": "json"})
    for kind in SECURITY:
        server.publish(event(kind, user_id="mallory", security_level="HIGH", tenant_id="acme",
                             message="the message", data={"note": "the data"}))
    server.publish(event("user_updated", user_id="quiet"))
    for _ in range(3):
        server.post(event("user_updated"), "not-a-token")
    server.wait_log("authentication failed")
    for kind in SECURITY:
        record = json.loads(server.wait_log(f"security event.*{kind}"))
        assert record["level"] in ("info", "warning") and "mallory" in record.values()
        assert "time" in record and "acme" in record.values()
    stats = server.stats()
    assert stats["security_events"] == 3 and stats["auth_failures"] == 3
    assert "the data" not in server.log and "quiet" not in server.log
    for line in server.lines:
        if line.strip():
            json.loads(line)


async def test_no_token_key_or_data_ever_reaches_the_log(launch):
    server = launch({"MCP_AUTH_LOG_LEVEL": "debug"})
    good, expired = mint("u"), mint("u", lasts=-100)
    forged = mint("u", secret="f" * 64)
    client = await join(server, "u", token=good)
    for token in (expired, forged, "plain-wrong-token"):
        await refused(server, token)
        server.post(event("user_updated"), token)
    server.post(event("user_updated", user_id="u", data={"k": "the-data"}, message="the-message"))
    server.request("GET", f"/v1/stats?access_token={good}", token=good)
    server.request("GET", f"/nowhere?token={good}", headers={"Cookie": f"session={good}"})
    await client.send({"type": "auth", "token": good + "x"})
    await client.closed()
    odd = await Client.open(server, token=admin() + "\n\x1b[31mforged line")
    await odd.closed()
    server.wait_log("authentication failed")
    server.stop()
    for text in (good, expired, forged, "plain-wrong-token", "the-data", API_KEY, "the-message",
                 good.split(".")[2], forged.split(".")[1]):
        assert text not in server.log, text
    assert "\x1b" not in server.log and "a-secret-of-64-bytes" not in server.log


def memory_has(server, text):
    """Whether the process still holds this text in memory it can write to."""
    with open(f"/proc/{server.process.pid}/maps", encoding="ascii") as maps, \
            open(f"/proc/{server.process.pid}/mem", "rb", 0) as memory:
        for line in maps:
            first, last = (int(word, 16) for word in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and last - first < 1 << 28:
                memory.seek(first)
                try:
                    if text in memory.read(last - first):
                        return True
                except OSError:  # a page of a sanitizer's that is not there
                    pass
    return False


def test_a_token_of_a_header_is_nowhere_in_memory_when_it_was_answered(launch):
    server = launch({"MCP_AUTH_LOG_LEVEL": "debug"})
    good, wrong = admin(), admin(secret="q" * 64)
    assert server.request("GET", "/v1/connections", token=good).status == 200
    assert server.request("GET", "/v1/connections", token=wrong).status == 401
    with raw.connect(server) as s:
        s.sendall(raw.handshake_request(server, f"Authorization: Bearer {good}"))
        assert s.recv(4096).startswith(b"HTTP/1.1 101 ")
        for token, name in ((good, "good"), (wrong, "wrong")):
            end = time.monotonic() + 5  # a connection that was answered may still linger
            while memory_has(server, token.rsplit(".", 1)[1].encode()):
                assert time.monotonic() < end, name
                time.sleep(0.1)
    assert memory_has(server, b"mcp-auth")  # so that we know that we can see
