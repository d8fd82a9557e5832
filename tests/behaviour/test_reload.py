# SPDX-License-Identifier: Apache-2.0
# test_reload.py: SIGHUP: keys, policy and numbers change while the server runs, or nothing does.
import asyncio
import json
import re
import signal
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clients import Client, join, refused, settle
from events import event
from serving import SECRET, free_port, run
from tokens import b64, claims, mint, unique

WITHDRAWN = (4102, "Token no longer accepted")
REMOVED = (4002, "Account removed")
RELOADED, KEPT = r"INFO reloaded", r"ERROR nothing was reloaded"
MANY = 12


class Key:
    """One of an identity provider: P-256 or Ed25519, as a JWK and as a signer."""

    def __init__(self, kid, curve="P-256"):
        self.kid, self.curve = kid, curve
        self.private = (ec.generate_private_key(ec.SECP256R1()) if curve == "P-256"
                        else ed25519.Ed25519PrivateKey.generate())

    @property
    def jwk(self):
        if self.curve == "P-256":
            numbers = self.private.public_key().public_numbers()
            return {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig",
                    "x": b64(numbers.x.to_bytes(32, "big")),
                    "y": b64(numbers.y.to_bytes(32, "big"))}
        return {"kty": "OKP", "crv": "Ed25519", "kid": self.kid,
                "x": b64(self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))}

    def mint(self, user, tenant=None, **more):
        return jwt.encode(claims(user, tenant, iss="idp", aud="us", **more), self.private,
                          algorithm="ES256" if self.curve == "P-256" else "EdDSA",
                          headers={"kid": self.kid})


def key_set(*keys):
    return json.dumps({"keys": [k.jwk if isinstance(k, Key) else k for k in keys]})


def write(path, text):
    """As a file is to be replaced: never half of it can be read."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.rename(path)


def hup(server, outcome=RELOADED):
    """SIGHUP, and the lines of the log that are its own, up to how it ended."""
    before = len(server.lines)
    server.signal(signal.SIGHUP)
    for _ in range(500):
        lines = server.lines[before:]
        if any(re.search(f"{RELOADED}|{KEPT}", line) for line in lines):
            assert re.search(outcome, "\n".join(lines)), lines
            return "\n".join(lines)
        time.sleep(0.02)
    raise AssertionError(f"the log says nothing of it:\n{server.log[-3000:]}")


@pytest.fixture
def with_keys(launch, tmp_path):
    """A server with four workers that trusts the key set in a file, and nothing else."""
    path = tmp_path / "jwks.json"

    def start(*keys, **env):
        path.write_text(key_set(*keys))
        return launch({"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_JWKS_FILE": path,
                       "MCP_AUTH_TOKEN_ISSUER": "idp", "MCP_AUTH_TOKEN_AUDIENCE": "us",
                       "MCP_AUTH_WORKERS": 4, **env})

    start.path = path
    return start


async def test_a_withdrawn_key_ends_its_connections_on_all_workers_and_no_others(with_keys):
    old, stays, new = Key("a"), Key("b", "Ed25519"), Key("c")
    server, tenant = with_keys(old, stays), unique("t")
    gone = await asyncio.gather(*(join(server, f"g{i}", tenant, i % 3 > 0,
                                       token=old.mint(f"g{i}", tenant)) for i in range(MANY)))
    here = await asyncio.gather(*(join(server, f"h{i}", tenant, i % 3 > 0,
                                       token=stays.mint(f"h{i}", tenant)) for i in range(MANY)))
    waiting = await Client.open(server, session=True, auth=False, headers={
        "Authorization": f"Bearer {old.mint('w', tenant)}"})
    write(with_keys.path, key_set(stays, new))
    assert "keys=2" in hup(server)
    assert [await c.closed() for c in gone] == [WITHDRAWN] * MANY
    assert gone[1].of("closing")[0]["code"] == 4102
    await waiting.send({"type": "auth"})
    assert await waiting.closed() == WITHDRAWN
    await settle(server, tenant, *here)
    assert server.stats()["active_connections"] == MANY
    assert await refused(server, old.mint("x", tenant)) == (4001, "Authentication failed")
    publisher = {"roles": ["admin"]}
    body = event("user_updated", user_id="x", tenant_id=tenant)
    assert server.post(body, old.mint("p", tenant, **publisher)).status == 401
    assert server.post(body, new.mint("p", tenant, **publisher)).status == 202
    fresh = await join(server, "n", tenant, token=new.mint("n", tenant))
    await asyncio.gather(*(c.close() for c in [*here, fresh]))


@pytest.mark.parametrize("text", ["{", "", "[]", '{"keys": {}}', '{"keys": []}',
                                  '{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a"}]}', None])
async def test_a_broken_key_file_changes_nothing_and_the_log_says_why(with_keys, text):
    key = Key("a")
    server = with_keys(key)
    client = await join(server, "u", token=key.mint("u"))
    with_keys.path.unlink()
    if text is not None:
        write(with_keys.path, text)
    lines = hup(server, KEPT)
    assert re.search(r"ERROR cannot be reloaded.*MCP_AUTH_JWKS_FILE.*jwks\.json", lines), lines
    await settle(server, None, client)
    again = await join(server, "v", token=key.mint("v"))
    await asyncio.gather(client.close(), again.close())


async def test_a_bad_key_among_good_ones_is_told_and_left_out(with_keys):
    key = Key("good")
    server = with_keys({"kty": "EC", "crv": "P-256", "kid": "bad-one"}, key)
    server.wait_log(r"WARNING.*MCP_AUTH_JWKS_FILE.*bad-one")
    write(with_keys.path, key_set(key, {"kty": "RSA", "use": "enc", "kid": "for-others"}))
    assert re.search(r"MCP_AUTH_JWKS_FILE.*for-others", hup(server))
    client = await join(server, "u", token=key.mint("u"))
    await client.close()


def test_public_keys_of_a_set_need_issuer_and_audience(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(key_set(Key("a")))
    env = {"MCP_AUTH_JWKS_FILE": path, "MCP_AUTH_LISTEN": f"127.0.0.1:{free_port()}"}
    for command in (["serve"], ["config", "--check"]):
        done = run(*command, env=env)
        assert done.returncode == 1
        assert "MCP_AUTH_TOKEN_ISSUER" in done.stderr and "MCP_AUTH_TOKEN_AUDIENCE" in done.stderr
    path.write_text(key_set({"kty": "oct", "k": b64(SECRET), "kid": "s"}))
    assert run("config", "--check", env=env).returncode == 0


async def test_the_first_public_key_needs_a_restart_when_issuer_and_audience_do(launch, tmp_path):
    path = tmp_path / "jwks.json"
    secret = {"kty": "oct", "k": b64(SECRET), "kid": "s"}
    path.write_text(key_set(secret))
    server = launch({"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_JWKS_FILE": path})
    client = await join(server, "u")
    write(path, key_set(secret, Key("a")))
    assert "MCP_AUTH_TOKEN_ISSUER" in hup(server, KEPT)
    await settle(server, None, client)
    await client.close()


async def test_a_changed_secret_ends_what_the_old_one_signed(launch, tmp_path):
    path, other = tmp_path / "secret", "another-secret-of-at-least-32-bytes-0123456789"
    path.write_text(SECRET)
    server = launch({"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_JWT_SECRET_FILE": path})
    client = await join(server, "u")
    path.write_text(other)
    assert "MCP_AUTH_JWT_SECRET" in hup(server)
    assert await client.closed() == WITHDRAWN
    assert SECRET not in server.log and other not in server.log
    client = await join(server, "u", token=mint("u", secret=other))
    path.write_text("short")
    hup(server, KEPT)
    await settle(server, None, client)
    await client.close()


async def test_the_policy_file_changes_who_sees_what_while_all_stay(launch, tmp_path):
    path, tenant = tmp_path / "policy.json", unique("t")
    path.write_text('{"privacy": "id"}')
    server = launch({"MCP_AUTH_POLICY_FILE": path, "MCP_AUTH_WORKERS": 4})
    ann = await join(server, "ann", tenant)
    named = server.publish(event("user_updated", user_id="eve", user_name="Eve",
                                 target_user_id="ann", tenant_id=tenant))["id"]
    seen = await ann.event(named)
    assert seen["user_id"] == "eve" and "user_name" not in seen
    await ann.close()
    auditors = await asyncio.gather(*(join(server, f"a{i}", tenant, roles=["auditor"])
                                      for i in range(MANY)))
    bob = await join(server, "bob", tenant)
    news = event("access_denied", user_id="bob", tenant_id=tenant)
    first = server.publish(news)["id"]
    write(path, json.dumps({"privacy": "none", "events": {
        "access_denied": {"receivers": ["role:auditor"]},
        "security_violation": {"effect": "everything"}}}))
    assert "privacy=none" in hup(server)
    second = server.publish(news)["id"]
    for auditor in auditors:
        seen = await auditor.event(second)
        assert "user_id" not in seen and first not in auditor.ids
    await settle(server, tenant, bob, *auditors)
    assert first in bob.ids and second not in bob.ids
    write(path, "{\n  \"events\": {\"access_denied\": {\"receivers\": [\"everyone\"]}}\n}")
    assert re.search(r"policy\.json:2:\d+: /events/access_denied/receivers/0", hup(server, KEPT))
    third = server.publish(news)["id"]
    await asyncio.gather(*(a.event(third) for a in auditors))

    ended = server.publish(event("security_violation", user_id="bob", tenant_id=tenant))["id"]
    assert await bob.closed() == WITHDRAWN and bob.ids[-1] == ended
    path.unlink()
    hup(server, KEPT)
    write(path, "{}")
    hup(server)
    fourth = server.publish(news)["id"]
    server.publish(event("user_deleted", user_id="a0", tenant_id=tenant))
    assert await auditors[0].closed() == REMOVED
    await settle(server, tenant, *auditors[1:])
    assert all(fourth not in a.ids for a in auditors)
    await asyncio.gather(*(a.close() for a in auditors))


TEN_MISTAKES = """{
  "version": 2,
  "privacy": "some",
  "colour": 1,
  "events": {
    "user_created": {"receivers": ["everyone"]},
    "user_updated": {"receivers": ["role:"]},
    "user_deleted": {"effect": "none"},
    "role_revoked": {"effect": "all"},
    "user_renamed": {},
    "access_denied": {"receivers": "admins"},
    "policy_updated": []
  }
}
"""


def test_ten_mistakes_of_a_policy_file_give_ten_places(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(TEN_MISTAKES)
    env = {"MCP_AUTH_JWT_SECRET": SECRET, "MCP_AUTH_POLICY_FILE": path,
           "MCP_AUTH_LISTEN": f"127.0.0.1:{free_port()}"}
    checked, served = run("config", "--check", env=env), run("serve", env=env)
    places = re.findall(rf"{re.escape(str(path))}:(\d+):(\d+): ", checked.stderr)
    assert checked.returncode == served.returncode == 1
    assert [int(line) for line, _ in places] == [2, 3, 4, 6, 7, 8, 9, 10, 11, 12], checked.stderr
    assert all(int(column) > 2 for _, column in places)
    assert re.findall(r":(\d+):\d+: ", served.stderr) == [line for line, _ in places]
    path.write_text("{}")
    assert run("config", "--check", env=env).returncode == 0


def test_privacy_is_said_in_one_place(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text('{"privacy": "id"}')
    env = {"MCP_AUTH_JWT_SECRET": SECRET, "MCP_AUTH_POLICY_FILE": path}
    assert run("config", "--check", env=env).returncode == 0
    assert run("config", "--check", env={**env, "MCP_AUTH_PRIVACY": "id"}).returncode == 0
    for privacy in ("full", "none"):
        done = run("config", "--check", env={**env, "MCP_AUTH_PRIVACY": privacy})
        assert done.returncode == 1 and "MCP_AUTH_PRIVACY" in done.stderr
        assert "MCP_AUTH_POLICY_FILE" in done.stderr


async def test_numbers_change_and_what_needs_a_restart_is_said(launch, tmp_path):
    path = tmp_path / "some.env"
    path.write_text("WEBSOCKET_MAX_CONNECTIONS=2\n")
    server = launch(None, "--env-file", str(path))
    clients = [await join(server, "a"), await join(server, "b")]
    assert await refused(server, mint("c")) == (4204, "Connection limit reached")
    path.write_text("WEBSOCKET_MAX_CONNECTIONS=3\nMCP_AUTH_PUBLISH_RATE=1\nMCP_AUTH_PRIVACY=id\n"
                    "WEBSOCKET_HEARTBEAT_INTERVAL=7\nWEBSOCKET_RATE_LIMIT_MESSAGES=5\n"
                    "MCP_AUTH_LOG_LEVEL=debug\nMCP_AUTH_AUTH_TIMEOUT=0.3\n"
                    "MCP_AUTH_HISTORY_EVENTS=7\nMCP_AUTH_ADMIN_ROLES=boss\n")
    lines = hup(server)
    warning = next(line for line in lines.splitlines() if "WARNING" in line)
    assert "restart" in warning and "MCP_AUTH_PRIVACY" not in warning
    assert "MCP_AUTH_HISTORY_EVENTS" in warning and "MCP_AUTH_ADMIN_ROLES" in warning
    assert "MCP_AUTH_PUBLISH_RATE" in lines and "MCP_AUTH_LISTEN" not in lines
    clients.append(await join(server, "c"))
    assert clients[0].of("auth_ok")[0]["heartbeat_interval"] == 30
    assert clients[2].of("auth_ok")[0]["heartbeat_interval"] == 7
    assert server.stats()["max_connections"] == 3
    server.wait_log("DEBUG")
    late = await Client.open(server)
    assert (await late.closed())[0] == 4205
    batch = [event("user_updated", user_id="a") for _ in range(30)]
    assert {server.post(batch).status for _ in range(3)} == {202, 429}
    for _ in range(8):
        await clients[0].send({"type": "ping"})
    assert (await clients[0].closed())[0] == 4203
    path.write_text("WEBSOCKET_MAX_CONNECTIONS=none\n")
    assert "WEBSOCKET_MAX_CONNECTIONS" in hup(server, KEPT)
    path.write_text("MCP_AUTH_NONSENSE=1\n")
    assert "MCP_AUTH_NONSENSE" in hup(server, KEPT)
    assert server.stats()["max_connections"] == 3
    await asyncio.gather(*(c.close() for c in clients[1:]))


async def test_a_development_server_keeps_its_demo_tokens(launch):
    server = launch({"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_LISTEN": None}, "--dev",
                    f"--listen=127.0.0.1:{(port := free_port())}", port=port)
    tokens = server.request("GET", "/dev/tokens").json()["tokens"]
    client = await join(server, tokens[0]["name"], token=tokens[0]["token"])
    hup(server)
    again = await join(server, tokens[1]["name"], token=tokens[1]["token"])
    assert client.of("auth_ok") and not client.ended
    await asyncio.gather(client.close(), again.close())


async def test_reloads_beside_traffic_lose_nothing(launch, tmp_path):
    path, tenant = tmp_path / "policy.json", unique("t")
    path.write_text("{}")
    server = launch({"MCP_AUTH_POLICY_FILE": path, "MCP_AUTH_WORKERS": 4})
    clients = await asyncio.gather(*(join(server, f"u{i}", tenant, roles=["admin"])
                                     for i in range(MANY)))
    made = []
    for i in range(20):
        write(path, '{"privacy": "id"}' if i % 2 else "{}")
        server.signal(signal.SIGHUP)
        made += server.publish([event("policy_updated", tenant_id=tenant) for _ in range(20)])
    await settle(server, tenant, *clients)
    for client in clients:
        assert [i for i in client.ids if not i.startswith("settle-")] == [m["id"] for m in made]
    await asyncio.gather(*(c.close() for c in clients))
