# SPDX-License-Identifier: Apache-2.0
# test_tokens.py: forged, odd and unusual tokens: none that is not exactly right is accepted (R92).
import asyncio
import json
import re
import signal
import time

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from clients import Client, join, refused
from serving import API_KEY, SECRET
from tokens import RSA, b64, claims, mint, pem, signed, unique

FAILED, EXPIRED = (4001, "Authentication failed"), (4101, "Token expired")
GOOD = {"alg": "HS256", "typ": "JWT"}
OTHER_RSA = rsa.generate_private_key(65537, 2048)
EC = {"ES256": ec.generate_private_key(ec.SECP256R1()),
      "ES384": ec.generate_private_key(ec.SECP384R1()),
      "ES512": ec.generate_private_key(ec.SECP521R1())}


LATER = 86400  # s: tokens are made when this file is read, and tried when many other tests are over


def payload(**more):
    return claims("mallory", **more)


def raw_payload(text):
    """Claims with one piece of text put in as it stands."""
    now = int(time.time())
    return f'{{"sub":"mallory","iat":{now - 9},"exp":{now + LATER},{text}}}'


def with_header(**more):
    return signed({**GOOD, **more}, payload())


def altered(token, part, change):
    parts = token.split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


def flipped(text):
    return text[:10] + ("A" if text[10] != "A" else "B") + text[11:]


def uncanonical(part):
    """The same bytes by another last character (RFC 4648 section 3.5): 32 bytes leave two bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(part) % 4 == 3
    return part[:-1] + alphabet[alphabet.index(part[-1]) ^ 1]


GOOD_TOKEN = mint("mallory")
FORGED = {
    "alg none": jwt.encode(payload(), None, algorithm="none"),
    **{f"alg {a!r}": f"{b64({'alg': a})}.{b64(payload())}." for a in ("none", "None", "NONE",
                                                                      "nOnE", "")},
    "alg none with the old signature": altered(GOOD_TOKEN, 0, lambda _: b64({"alg": "none"})),
    "no alg": signed({"typ": "JWT"}, payload()),
    "alg null": signed({"alg": None}, payload()),
    "alg a number": signed({"alg": 256}, payload()),
    "alg an array": signed({"alg": ["HS256"]}, payload()),
    "alg in small letters": signed({"alg": "hs256"}, payload()),
    "alg with a space": signed({"alg": "HS256 "}, payload()),
    "alg HS384 signed by HS256": signed({"alg": "HS384"}, payload()),
    "alg HS512 signed by HS256": signed({"alg": "HS512"}, payload()),
    "alg RS256": signed({"alg": "RS256"}, payload()),
    "alg doubled": signed('{"alg":"none","alg":"HS256"}', payload()),
    "alg doubled the other way": signed('{"alg":"HS256","alg":"none"}', payload()),
    "alg doubled by an escape": signed('{"alg":"HS256","\\u0061lg":"HS256"}', payload()),
    "claims doubled": signed(GOOD, raw_payload('"sub":"root"')),
    "nested claims doubled": signed(GOOD, raw_payload('"x":{"a":1,"a":2}')),
    "empty signature": altered(GOOD_TOKEN, 2, lambda _: ""),
    "signature of zeros": altered(GOOD_TOKEN, 2, lambda _: "A" * 43),
    "signature cut": altered(GOOD_TOKEN, 2, lambda s: s[:-4]),
    "signature longer": altered(GOOD_TOKEN, 2, lambda s: s + "AAAA"),
    "signature changed": altered(GOOD_TOKEN, 2, flipped),
    "signature not canonical": altered(GOOD_TOKEN, 2, uncanonical),
    "claims changed": altered(GOOD_TOKEN, 1, lambda _: b64(payload(roles=["admin"]))),
    "header changed": altered(GOOD_TOKEN, 0, lambda _: b64({"alg": "HS256"})),
    "padded": GOOD_TOKEN + "=",
    "padded header": altered(GOOD_TOKEN, 0, lambda s: s + "=="),
    "plain base64": altered(GOOD_TOKEN, 2, lambda s: s.replace("_", "/").replace("-", "+") + "="),
    "a newline after it": GOOD_TOKEN + "\n",
    "a space before it": " " + GOOD_TOKEN,
    "a NUL in it": GOOD_TOKEN + "\0",
    "four parts": GOOD_TOKEN + ".x",
    "five parts": GOOD_TOKEN + ".x.y",
    "two parts": GOOD_TOKEN.rsplit(".", 1)[0],
    "one dot": ".", "two dots": "..", "three dots": "...", "empty": "", "words": "not a token",
    "Bearer before it": "Bearer " + GOOD_TOKEN,
    "another secret": mint("mallory", secret="z" * 64),
    "the empty secret": signed(GOOD, payload(), secret=""),
    "the secret cut": signed(GOOD, payload(), secret=SECRET[:-1]),
    "crit unknown": with_header(crit=["exp"], exp=1),
    "crit empty": with_header(crit=[]),
    "crit null": with_header(crit=None),
    "b64 false": with_header(b64=False, crit=["b64"]),
    "an embedded jwk": with_header(jwk={"kty": "oct", "k": b64(SECRET)}),
    "a jku": with_header(jku="http://127.0.0.1/keys"),
    "an x5u": with_header(x5u="http://127.0.0.1/keys"),
    "an x5c": with_header(x5c=["MIIB"]),
    "no exp": signed(GOOD, {"sub": "mallory", "iat": int(time.time())}),
    "exp text": signed(GOOD, {**payload(), "exp": str(int(time.time()) + LATER)}),
    "exp null": signed(GOOD, {**payload(), "exp": None}),
    "exp true": signed(GOOD, {**payload(), "exp": True}),
    "exp beyond time": signed(GOOD, {**payload(), "exp": 1e300}),
    "exp infinite": signed(GOOD, raw_payload('"z":1').replace('"exp":', '"exp":1e999,"y":')),
    "exp NaN": signed(GOOD, raw_payload('"z":NaN')),
    "nbf in the future": signed(GOOD, {**payload(), "nbf": time.time() + LATER}),
    "nbf text": signed(GOOD, {**payload(), "nbf": "0"}),
    "iat in the future": signed(GOOD, {**payload(), "iat": time.time() + LATER}),
    "iat text": signed(GOOD, {**payload(), "iat": "0"}),
    "no user": signed(GOOD, {"exp": int(time.time()) + LATER}),
    **{f"user {u!r}"[:40]: signed(GOOD, {**payload(), "sub": u})
       for u in (None, 7, "", ["a"], {"a": 1}, True, "x" * 257, "a\nb", "a\0b", "\x7f",
                 "é" * 129)},
    **{f"roles {r!r}": signed(GOOD, {**payload(), "roles": r})
       for r in (7, {"admin": True}, [["admin"]], [1], [None], None, True, ["a\nb"])},
    "permissions a number": signed(GOOD, {**payload(), "permissions": 1}),
    "permissions of numbers": signed(GOOD, {**payload(), "permissions": [1]}),
    **{f"tenant {t!r}": signed(GOOD, {**payload(), "tenant_id": t}) for t in (7, ["t"], {}, None,
                                                                              "a\nb")},
    "name a number": signed(GOOD, {**payload(), "name": 7}),
    "claims an array": signed(GOOD, [payload()]), "claims text": signed(GOOD, '"x"'),
    "claims no JSON": signed(GOOD, "{sub:mallory}"), "claims nothing": signed(GOOD, ""),
    "claims and more": signed(GOOD, json.dumps(payload()) + "{}"),
    "claims not UTF-8": signed(GOOD, raw_payload('"x":"').encode()[:-1] + b'\xff"}'),
    "claims too deep": signed(GOOD, raw_payload('"x":' + "[" * 40 + "]" * 40)),
    "header an array": signed([GOOD], payload()), "header no JSON": signed("{", payload()),
    "header nothing": signed("", payload()),
    "larger than 16 KiB": mint("mallory", x="y" * 13000),
    "a JWE": f"{b64({'alg': 'dir', 'enc': 'A256GCM'})}..AAAA.BBBB.CCCC",
    "a JWT in a JWT": signed({**GOOD, "cty": "JWT"}, GOOD_TOKEN),
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_or_odd_token_signs_nobody_in(server, name):
    failures = server.stats()["auth_failures"]
    end = await refused(server, FORGED[name])
    # A NUL is not taken in JSON at all, so that message is no well-formed auth.
    assert end == ((4001, "Authentication required") if "\0" in FORGED[name] else FAILED), name
    assert server.stats()["auth_failures"] > failures or "\0" in FORGED[name]
    if FORGED[name].isprintable() and not FORGED[name].startswith(" "):
        answer = server.post({"event_type": "user_updated"}, FORGED[name])
        assert answer.status == 401 and answer.error["code"] == "unauthorized", name


async def test_every_single_changed_character_of_a_token_is_noticed(server):
    token = mint("u", roles=["admin"])
    places = [i for i in range(len(token)) if token[i] != "."]
    answers = set()
    for i in places[::3]:
        other = "A" if token[i] != "A" else "Q"
        answers.add(server.request("GET", "/v1/stats",
                                   token=token[:i] + other + token[i + 1:]).status)
    assert answers == {401}
    assert server.request("GET", "/v1/stats", token=token).status == 200


USUAL = {
    "HS384": lambda: mint("u", algorithm="HS384"), "HS512": lambda: mint("u", algorithm="HS512"),
    "no typ": lambda: signed({"alg": "HS256"}, claims("u")),
    "a kid": lambda: signed({**GOOD, "kid": "7"}, claims("u")),
    "other members in the header": lambda: signed({**GOOD, "x": [1, {"y": 2}]}, claims("u")),
    "no iat": lambda: mint("u", iat=None), "a fraction": lambda: mint("u", exp=time.time() + 9.5),
    "iat within the leeway": lambda: mint("u", age=-20),
    "nbf within the leeway": lambda: mint("u", nbf=time.time() + 20),
    "exp within the leeway": lambda: mint("u", lasts=-20),
    "other claims": lambda: mint("u", email=7, groups={"x": []}),
    "issuer and audience when none is configured": lambda: mint("u", iss="x", aud=["y"]),
    "spaces and escapes in the claims": lambda: signed(
        GOOD, '{ "\\u0073ub" : "\\u0075" , "exp" : %d }' % (time.time() + 99)),
    "nearly 16 KiB": lambda: mint("u", x="y" * 11900),
    "one role as text": lambda: mint("u", roles="admin"),
}


@pytest.mark.parametrize("name", USUAL)
async def test_an_unusual_but_right_token_is_accepted(server, name):
    client = await join(server, "u", token=USUAL[name]())
    assert client.frames[0]["user_id"] == "u"
    await client.close()


@pytest.mark.parametrize("user",
                         ["x" * 256, "é" * 128, "ünï \u2028 😀", "../etc", "' OR 1=1", "%00"])
async def test_a_user_id_is_any_text_of_256_bytes_without_control_characters(server, user):
    client = await join(server, user, unique("t"), session=False)
    await client.close()


def keys_env(tmp_path, key, **more):
    path = tmp_path / "key.pem"
    path.write_text(key if isinstance(key, str) else pem(key))
    return {"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_JWT_PUBLIC_KEY_FILE": str(path),
            "MCP_AUTH_TOKEN_ISSUER": "https://idp.example", "MCP_AUTH_TOKEN_AUDIENCE": "realtime",
            "MCP_AUTH_WORKERS": 1, **more}


OURS = {"iss": "https://idp.example", "aud": "realtime"}


async def test_a_public_rsa_key_serves_rs_and_ps_algorithms_and_nothing_else(launch, tmp_path):
    server = launch(keys_env(tmp_path, RSA))
    for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"):
        client = await join(server, "u", token=mint("u", secret=RSA, algorithm=algorithm, **OURS))
        await client.close()
    content = claims("u", **OURS)
    bad = {
        "HS256 with the public key as secret": signed(GOOD, content, secret=pem(RSA)),
        "the same without the last line end": signed(GOOD, content, secret=pem(RSA).rstrip("\n")),
        "another RSA key": mint("u", secret=OTHER_RSA, algorithm="RS256", **OURS),
        "PS256 of another key": mint("u", secret=OTHER_RSA, algorithm="PS256", **OURS),
        "ES256": mint("u", secret=EC["ES256"], algorithm="ES256", **OURS),
        "EdDSA": mint("u", secret=ed25519.Ed25519PrivateKey.generate(), algorithm="EdDSA", **OURS),
        "RS384 said to be RS256": altered(mint("u", secret=RSA, algorithm="RS384", **OURS), 0,
                                          lambda _: b64({"alg": "RS256"})),
        "its own key inside": jwt.encode(content, OTHER_RSA, algorithm="RS256", headers={
            "jwk": json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(OTHER_RSA.public_key()))}),
        "no issuer": mint("u", secret=RSA, algorithm="RS256", aud="realtime"),
        "another issuer": mint("u", secret=RSA, algorithm="RS256",
                               **{**OURS, "iss": "https://evil"}),
        "no audience": mint("u", secret=RSA, algorithm="RS256", iss=OURS["iss"]),
        "another audience": mint("u", secret=RSA, algorithm="RS256",
                                 **{**OURS, "aud": ["x", "real"]}),
    }
    for name, token in bad.items():
        assert await refused(server, token) == FAILED, name
    listed = mint("u", secret=RSA, algorithm="RS256", **{**OURS, "aud": ["x", "realtime"]})
    await (await join(server, "u", token=listed)).close()


async def test_a_public_ed25519_key_serves_eddsa_and_nothing_else(launch, tmp_path):
    key, other = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    server = launch(keys_env(tmp_path, key))
    await (await join(server, "u", token=mint("u", secret=key, algorithm="EdDSA", **OURS))).close()
    bad = {
        "another key": mint("u", secret=other, algorithm="EdDSA", **OURS),
        "RSA": mint("u", secret=RSA, algorithm="RS256", **OURS),
        "EC": mint("u", secret=EC["ES256"], algorithm="ES256", **OURS),
        "HS256 with the public key as secret": signed(GOOD, claims("u", **OURS), secret=pem(key)),
        "nothing but zeros": altered(mint("u", secret=key, algorithm="EdDSA", **OURS), 2,
                                     lambda _: b64(b"\0" * 64)),
    }
    for name, token in bad.items():
        assert await refused(server, token) == FAILED, name


@pytest.mark.parametrize("algorithm", EC)
async def test_a_public_ec_key_serves_the_algorithm_of_its_curve(launch, tmp_path, algorithm):
    server = launch(keys_env(tmp_path, EC[algorithm], MCP_AUTH_TOKEN_ISSUER="*",
                             MCP_AUTH_TOKEN_AUDIENCE="*"))
    good = mint("u", secret=EC[algorithm], algorithm=algorithm)
    await (await join(server, "u", token=good)).close()
    for other in EC:
        if other != algorithm:
            assert await refused(server, mint("u", secret=EC[other], algorithm=other)) == FAILED
    size = {"ES256": 32, "ES384": 48, "ES512": 66}[algorithm]
    zeros = altered(good, 2, lambda _: b64(b"\0" * 2 * size))  # CVE-2022-21449
    assert await refused(server, zeros) == FAILED
    digest = {"ES256": hashes.SHA256, "ES384": hashes.SHA384, "ES512": hashes.SHA512}[algorithm]
    head = good.rsplit(".", 1)[0]
    der = EC[algorithm].sign(head.encode(), ec.ECDSA(digest()))
    assert await refused(server, f"{head}.{b64(der)}") == FAILED  # RFC 7518 section 3.4: R || S
    assert await refused(server, signed(GOOD, claims("u"), secret=pem(EC[algorithm]))) == FAILED


async def test_the_algorithms_may_be_narrowed(launch):
    server = launch({"MCP_AUTH_JWT_ALGORITHMS": "HS512", "MCP_AUTH_WORKERS": 1})
    await (await join(server, "u", token=mint("u", algorithm="HS512"))).close()
    for algorithm in ("HS256", "HS384"):
        assert await refused(server, mint("u", algorithm=algorithm)) == FAILED


async def test_a_short_secret_serves_only_the_algorithms_it_is_long_enough_for(launch):
    secret = "s" * 48
    server = launch({"MCP_AUTH_JWT_SECRET": secret, "MCP_AUTH_WORKERS": 1})
    for algorithm in ("HS256", "HS384"):
        await (await join(server, "u", token=mint("u", secret=secret, algorithm=algorithm))).close()
    assert await refused(server, mint("u", secret=secret, algorithm="HS512")) == FAILED


async def test_issuer_and_audience_are_required_when_configured_with_a_secret(launch):
    server = launch({"MCP_AUTH_TOKEN_ISSUER": "me", "MCP_AUTH_TOKEN_AUDIENCE": "you",
                     "MCP_AUTH_WORKERS": 1})
    await (await join(server, "u", token=mint("u", iss="me", aud="you"))).close()
    for more in ({}, {"iss": "me"}, {"aud": "you"}, {"iss": "Me", "aud": "you"},
                 {"iss": "me", "aud": "your"}, {"iss": ["me"], "aud": "you"},
                 {"iss": "me", "aud": {"you": 1}}, {"iss": "me", "aud": []}):
        assert await refused(server, signed(GOOD, claims("u", **more))) == FAILED, more


async def test_claims_have_the_names_that_are_configured(launch):
    server = launch({"MCP_AUTH_USER_CLAIM": "/user/id", "MCP_AUTH_ROLES_CLAIM": "/realm~1x/ro~0les",
                     "MCP_AUTH_TENANT_CLAIM": "org", "MCP_AUTH_PERMISSIONS_CLAIM": "/scp",
                     "MCP_AUTH_WORKERS": 1})
    token = signed(GOOD,
                   {**claims("wrong", "wrong", ["wrong"]), "user": {"id": "right"}, "org": "acme",
                          "realm/x": {"ro~les": ["admin"]}, "scp": "docs:read"})
    client = await Client.open(server, token, session=True)
    ok = await client.signed_in()
    assert (ok["user_id"], ok["tenant_id"], ok["roles"], ok["permissions"]) == (
        "right", "acme", ["admin"], ["docs:read"])
    assert await refused(server, mint("u")) == FAILED
    await client.close()


async def test_an_expired_forged_token_is_told_failed_and_not_expired(server):
    assert await refused(server, mint("u", lasts=-600, secret="q" * 64)) == FAILED
    assert await refused(server, mint("u", lasts=-600)) == EXPIRED


async def test_a_token_too_old_by_its_iat_is_expired(server):
    old = mint("u", age=31 * 86400, roles=["admin"])
    assert await refused(server, old) == EXPIRED
    assert await refused(server, old, session=True) == EXPIRED
    assert server.request("GET", "/v1/stats", token=old).status == 401
    assert await refused(server, mint("u", age=31 * 86400, secret="q" * 64)) == FAILED


async def test_a_connection_ends_when_its_token_becomes_too_old(launch):
    """By then fences are forgotten: who was still in would get back what was withdrawn."""
    server = launch({"MCP_AUTH_TOKEN_MAX_AGE": 100})
    plain = await join(server, "u", session=False, age=97)
    session = await join(server, "u", age=97)
    iat = jwt.decode(session.token, options={"verify_signature": False})["iat"]
    ends = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(iat + 100))
    assert (await session.signed_in())["expires_at"] == ends
    no_age = await join(server, "u", iat=None)
    assert await plain.closed() == EXPIRED and await session.closed() == EXPIRED
    assert 0 <= time.time() - iat - 100 < 5
    assert not no_age.ended
    await no_age.close()


async def test_a_turn_verifies_so_many_public_key_signatures_and_the_others_wait_for_the_next(
        launch, tmp_path):
    server = launch({**keys_env(tmp_path, RSA), "MCP_AUTH_WORKERS": 1})
    clients = [await Client.open(server) for _ in range(80)]
    tokens = [mint(f"u{i}", secret=RSA, algorithm="RS256", **OURS) for i in range(80)]
    server.stand_still()
    for client, token in zip(clients, tokens):
        await client.send({"type": "auth", "token": token})
    server.signal(signal.SIGCONT)
    await asyncio.to_thread(server.wait_stats, active_connections=80)
    text = server.request("GET", "/metrics", token=API_KEY).body.decode()
    postponed = int(re.search(r"reads_postponed_total (\d+)", text)[1])
    assert 80 - 32 <= postponed <= 80 - 32 + 80 - 64, postponed
    for client in clients:
        await client.close()
