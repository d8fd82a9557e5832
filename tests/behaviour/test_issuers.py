# SPDX-License-Identifier: Apache-2.0
# test_issuers.py: several issuers of tokens: each by its own keys, for its own tenants and no other's.
import asyncio
import json
import pathlib
import re

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from clients import Client, join, refused, settle
from events import event
from serving import ROOT, SECRET, run
from test_reload import KEPT, WITHDRAWN, Key, hup, key_set, write
from test_sse import Stream, begin
from tokens import claims, mint, pem, unique

FAILED, FORBIDDEN = (4001, "Authentication failed"), (4003, "Forbidden")
A, B, C = "https://a.example", "https://b.example/realms/main", "service-c"
ADMIN = {"roles": ["admin"]}
SHARED_KID = "1"  # two issuers call their keys alike: so do many


class Issuer:
    """One with a key of its own, and an entry in the file."""

    def __init__(self, name, tenants, kind, audience="me"):
        self.name, self.tenants, self.kind, self.audience = name, tenants, kind, audience
        self.key = {"RS256": lambda: rsa.generate_private_key(65537, 2048),
                    "ES256": lambda: Key(SHARED_KID).private,
                    "EdDSA": lambda: Key(SHARED_KID, "Ed25519").private,
                    "HS256": lambda: f"{name}-{SECRET}"}[kind]()

    @property
    def jwks(self):
        if self.kind == "HS256":
            return jwt.algorithms.HMACAlgorithm.to_jwk(self.key)
        key = Key(SHARED_KID, "P-256" if self.kind == "ES256" else "Ed25519")
        key.private = self.key
        return key_set(key)

    def entry(self, folder):
        """Written beside the file that names it, and named relative to that."""
        keys = unique("keys")
        (folder / keys).write_text(pem(self.key) if self.kind == "RS256" else self.jwks)
        return {"issuer": self.name, "audience": self.audience, "tenants": self.tenants,
                "public_key_file" if self.kind == "RS256" else "jwks_file": keys}

    def mint(self, user, tenant=None, key=None, kind=None, **more):
        more = {"iss": self.name, "aud": "me", **more}
        return jwt.encode(claims(user, tenant, **more), key or self.key,
                          algorithm=kind or self.kind, headers={"kid": SHARED_KID})


@pytest.fixture
def with_issuers(launch, tmp_path):
    """A server with four workers that believes these issuers, and the settings' secret if given."""
    path = tmp_path / "issuers.json"

    def put(*issuers):
        write(path, json.dumps({"issuers": [i.entry(tmp_path) for i in issuers]}))

    def start(*issuers, secret=None, **env):
        put(*issuers)
        return launch({"MCP_AUTH_JWT_SECRET": secret, "MCP_AUTH_ISSUERS_FILE": path,
                       "MCP_AUTH_WORKERS": 4, **env})

    start.put, start.path = put, path
    return start


async def test_each_key_signs_for_its_own_issuer_and_no_other(with_issuers):
    issuers = [Issuer(A, "*", "RS256"), Issuer(B, "*", "ES256"), Issuer(C, "*", "EdDSA"),
               Issuer("d", "*", "HS256")]
    server, tenant = with_issuers(*issuers), unique("t")
    clients = await asyncio.gather(*(join(server, f"u{n}", tenant, n % 2 > 0,
                                          token=i.mint(f"u{n}", tenant))
                                     for n, i in enumerate(issuers)))
    for name in issuers:
        for signer in issuers:
            token = name.mint("mallory", tenant, signer.key, signer.kind, **ADMIN)
            status = server.post(event("user_updated", user_id="x"), token).status
            assert status == (202 if name is signer else 401), (name.name, signer.name)
            if name is not signer:
                assert await refused(server, token) == FAILED
    await settle(server, tenant, *clients)
    await asyncio.gather(*(c.close() for c in clients))


async def test_an_unknown_or_odd_issuer_is_nobody(with_issuers):
    a = Issuer(A, "*", "ES256")
    server = with_issuers(a)
    for name in (None, "", "*", A + "/", A.upper(), A[:-1], B, 7, [A], {"iss": A}, True):
        header = {"kid": SHARED_KID}
        body = {k: v for k, v in {**claims("u"), "aud": "me", "iss": name}.items()
                if v is not None}
        token = jwt.api_jws.encode(json.dumps(body).encode(), a.key, "ES256", header)
        assert await refused(server, token) == FAILED, name
    assert await refused(server, a.mint("u", aud="you")) == FAILED
    assert await refused(server, a.mint("u", aud=None)) == FAILED
    assert await refused(server, a.mint("u", lasts=-99)) == (4101, "Token expired")
    client = await join(server, "u", token=a.mint("u", aud=["you", "me"]))
    await client.close()


async def test_an_issuer_speaks_for_its_tenants_only_on_every_road(with_issuers):
    mine, other = unique("mine"), unique("other")
    a, b = Issuer(A, [mine], "RS256"), Issuer(B, [other, ""], "ES256")
    server = with_issuers(a, b)
    for token in (a.mint("u", other, **ADMIN), a.mint("u", **ADMIN), b.mint("u", mine, **ADMIN),
                  a.mint("u", mine + "x", **ADMIN), a.mint("u", "*", **ADMIN)):
        assert await refused(server, token) == FAILED
        assert await refused(server, token, session=True) == FAILED
        assert server.post(event("user_updated", user_id="x"), token).status == 401
        assert server.request("GET", "/v1/stats", token=token).status == 401
        assert (await Stream.open(server, token)).status == 401
        with pytest.raises(Exception, match="401"):
            await Client.open(server, headers={"Authorization": f"Bearer {token}"}, auth=False)
    clients = [await join(server, "u", mine, token=a.mint("u", mine)),
               await join(server, "u", other, token=b.mint("u", other)),
               await join(server, "u", token=b.mint("u"))]
    assert server.post(event("user_updated", user_id="u", tenant_id=other),
                       a.mint("p", mine, **ADMIN)).status == 403
    for client, tenant in zip(clients, (mine, other, None)):
        await settle(server, tenant, client)
        assert len(client.events) == 1  # its own probe: nothing of the others
    # Renewal: for a tenant that the issuer has not, and by whom the tenant is not.
    await clients[0].send({"type": "auth", "token": a.mint("u", other)})
    assert await clients[0].closed() == FAILED
    await clients[1].send({"type": "auth", "token": a.mint("u", other)})
    assert await clients[1].closed() == FAILED
    await clients[2].send({"type": "auth", "token": b.mint("u", other)})
    assert (await clients[2].closed())[0] == FORBIDDEN[0]


async def test_a_session_is_renewed_by_any_issuer_of_its_tenant(with_issuers):
    tenant = unique("t")
    a, b = Issuer(A, [tenant], "RS256"), Issuer(B, [tenant], "ES256")
    server = with_issuers(a, b)
    client = await join(server, "u", tenant, token=a.mint("u", tenant))
    await client.send({"type": "auth", "token": b.mint("u", tenant)})
    await client.until(lambda: len(client.of("auth_ok")) == 2)
    with_issuers.put(b)
    hup(server)
    await settle(server, tenant, client)  # what vouches for it now is b
    with_issuers.put(a)
    hup(server)
    assert await client.closed() == WITHDRAWN


async def test_the_settings_keys_are_for_all_other_issuers(with_issuers):
    a = Issuer(A, "*", "ES256")
    server, tenant = with_issuers(a, secret=SECRET), unique("t")
    clients = [await join(server, "u", tenant, token=mint("u", tenant)),
               await join(server, "v", tenant, token=mint("v", tenant, iss="anyone")),
               await join(server, "w", tenant, token=a.mint("w", tenant))]
    assert await refused(server, mint("mallory", tenant, iss=A, aud="me")) == FAILED
    hup(server)
    await settle(server, tenant, *clients)
    await asyncio.gather(*(c.close() for c in clients))


async def test_a_withdrawn_tenant_key_or_issuer_ends_what_it_let_in_and_nothing_else(with_issuers):
    one, two = unique("one"), unique("two")
    a, b, c = Issuer(A, [one, two], "RS256"), Issuer(B, [one], "ES256"), Issuer(C, "*", "EdDSA")
    server = with_issuers(a, b, c)

    async def enter(issuer, tenant):
        return [await join(server, f"{issuer.name}-{n}", tenant, n % 2 > 0,
                           token=issuer.mint(f"{issuer.name}-{n}", tenant)) for n in range(6)]

    a_one, a_two, b_one, c_two = (await enter(a, one), await enter(a, two), await enter(b, one),
                                  await enter(c, two))
    stream = await begin(server, a.mint("s", two))
    waiting = await Client.open(server, session=True, auth=False, headers={
        "Authorization": f"Bearer {a.mint('w', two)}"})
    a.tenants = [one]
    with_issuers.put(a, b, c)
    assert "issuers=3" in hup(server)
    assert [await x.closed() for x in a_two] == [WITHDRAWN] * 6
    assert (await stream.until_end())[2]["code"] == 4102
    await waiting.send({"type": "auth"})
    assert await waiting.closed() == WITHDRAWN
    await settle(server, one, *a_one, *b_one)
    await settle(server, two, *c_two)
    assert await refused(server, a.mint("x", two)) == FAILED

    with_issuers.put(a, c)  # b is an issuer no longer
    assert "issuers=2" in hup(server)
    assert [await x.closed() for x in b_one] == [WITHDRAWN] * 6
    await settle(server, one, *a_one)
    assert await refused(server, b.mint("x", one)) == FAILED

    old, a.key = a.key, rsa.generate_private_key(65537, 2048)
    with_issuers.put(a, b, c)
    assert "issuers=3" in hup(server)
    assert [await x.closed() for x in a_one] == [WITHDRAWN] * 6
    assert await refused(server, a.mint("x", one, key=old)) == FAILED
    await settle(server, two, *c_two)
    fresh = [await join(server, "n", one, token=i.mint("n", one)) for i in (a, b)]
    await asyncio.gather(*(x.close() for x in [*fresh, *c_two]))


async def test_keys_that_change_hands_take_nobody_along(with_issuers):
    tenant = unique("t")
    a, b = Issuer(A, [tenant], "ES256"), Issuer(B, [tenant], "ES256")
    server = with_issuers(a, b)
    client = await join(server, "u", tenant, token=a.mint("u", tenant))
    a.key, b.key = b.key, a.key
    with_issuers.put(a, b)
    hup(server)
    assert await client.closed() == WITHDRAWN


async def test_a_wrong_file_changes_nothing_and_every_mistake_is_told_with_its_place(with_issuers):
    a = Issuer(A, "*", "RS256")
    server = with_issuers(a)
    client = await join(server, "u", token=a.mint("u"))
    good = a.entry(with_issuers.path.parent)
    write(with_issuers.path, json.dumps({"issuers": [
        good, good, {**good, "issuer": B, "tenants": []},
        {**good, "issuer": C, "public_key_file": "gone.pem"}]}, indent=1))
    lines = hup(server, KEPT)
    for wanted in (r"issuers\.json:10:\d+: /issuers/1/issuer: is here twice; the first is on line 4",
                   r"/issuers/2/tenants: must have 1 to 1000 tenants",
                   r"/issuers/3/public_key_file: /.*/gone\.pem"):
        assert re.search(f"ERROR cannot be reloaded.*{wanted}", lines), lines
    await settle(server, None, client)
    done = run("config", "--check", env={"MCP_AUTH_ISSUERS_FILE": with_issuers.path})
    assert done.returncode == 1 and "/issuers/1/issuer: is here twice" in done.stderr
    with_issuers.put(a)
    assert run("config", "--check",
               env={"MCP_AUTH_ISSUERS_FILE": with_issuers.path}).returncode == 0
    hup(server)
    again = await join(server, "v", token=a.mint("v"))
    await asyncio.gather(client.close(), again.close())


def test_the_settings_issuer_is_not_named_twice(with_issuers):
    with_issuers.put(Issuer(A, "*", "RS256"))
    env = {"MCP_AUTH_ISSUERS_FILE": with_issuers.path, "MCP_AUTH_JWT_SECRET": SECRET}
    assert run("config", "--check", env=env).returncode == 0
    done = run("config", "--check", env={**env, "MCP_AUTH_TOKEN_ISSUER": A})
    assert done.returncode == 1 and "is MCP_AUTH_TOKEN_ISSUER too" in done.stderr


def test_a_token_is_inspected_by_the_keys_of_its_issuer(with_issuers):
    a, b = Issuer(A, ["t"], "RS256"), Issuer(B, "*", "ES256")
    with_issuers.put(a, b)
    env = {"MCP_AUTH_ISSUERS_FILE": with_issuers.path}
    for token, signature, why in (
            (a.mint("u", "t"), "valid", None), (b.mint("u", "t"), "valid", None),
            (a.mint("u", "t", b.key, "ES256"), "invalid", "no key verifies the signature"),
            (a.mint("u", "x"), "valid", "the issuer does not speak for this tenant")):
        shown = run("token", "inspect", token, env=env).stdout
        assert f"signature: {signature}" in shown and (why or "accepted: yes") in shown, shown


def test_the_example_file_is_right_but_for_the_keys_it_has_not(tmp_path):
    example = pathlib.Path(ROOT, "examples", "issuers.json")
    content = json.loads(example.read_text())
    for n, entry in enumerate(content["issuers"]):
        name = entry.get("jwks_file") or entry.get("public_key_file")
        key = Issuer(entry["issuer"], "*", "ES256" if "jwks_file" in entry else "RS256")
        (tmp_path / name).write_text(key.jwks if "jwks_file" in entry else pem(key.key))
    (tmp_path / "issuers.json").write_text(example.read_text())
    done = run("config", "--check", env={"MCP_AUTH_ISSUERS_FILE": tmp_path / "issuers.json"})
    assert done.returncode == 0, done.stderr
