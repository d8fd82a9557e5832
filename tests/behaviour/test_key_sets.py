# SPDX-License-Identifier: Apache-2.0
# test_key_sets.py: keys fetched over HTTPS: renewed, rotated while clients are connected, or not had.
import asyncio
import http.server
import json
import re
import signal
import socket
import ssl
import threading
import time

import jwt
import pytest

from clients import join, refused, settle
from events import event
from serving import SECRET, Server, free_port, run
from test_reload import KEPT, RELOADED, WITHDRAWN, Key, hup, key_set, write
from tokens import claims, mint, pem, unique

FAILED = (4001, "Authentication failed")
LACKS_AGAIN_SECONDS = 10  # src/keys/schedule.h, SCHEDULE_ASKED_MS


class Provider:
    """An identity provider's server: answers as it is told, and counts."""

    def __init__(self, authority, body="", port=0, secure=True):
        self.status, self.body, self.fields, self.asked = 200, body, {}, []
        self.closed = False
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if provider.closed:  # one that was open before
                    self.close_connection = True
                    return
                provider.asked.append((time.monotonic(), self.path, dict(self.headers)))
                body = provider.body.encode()
                self.send_response(provider.status)
                for name, value in provider.fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # it has seen enough

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority / "server.pem", authority / "server.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if secure else 'http'}://localhost:{self.port}/jwks?secret=hidden"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.closed = True
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def provide(authority):
    providers = []

    def start(*keys, **more):
        providers.append(Provider(authority, key_set(*keys), **more))
        return providers[-1]

    yield start
    for provider in providers:
        provider.close()


def settings(authority, url, **more):
    return {"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_JWKS_URL": url, "MCP_AUTH_WORKERS": 4,
            "MCP_AUTH_JWKS_CA_FILE": authority / "ca.pem", "MCP_AUTH_TOKEN_ISSUER": "idp",
            "MCP_AUTH_TOKEN_AUDIENCE": "us", **more}


def until(condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.03)


async def test_keys_are_fetched_before_the_first_sign_in(launch, authority, provide):
    key = Key("a")
    provider = provide(key)
    server = launch(settings(authority, provider.url))
    client = await join(server, "u", token=key.mint("u"))
    assert await refused(server, Key("b").mint("u")) == FAILED
    assert len(provider.asked) <= 2
    server.wait_log(r"INFO keys fetched url=https://localhost:\d+/jwks keys=1")
    assert "hidden" not in server.log and key.mint("u")[:20] not in server.log
    await client.close()


async def test_a_rotated_key_is_followed_while_clients_are_connected(launch, authority, provide):
    old, new, tenant = Key("old"), Key("new", "Ed25519"), unique("t")
    provider = provide(old)
    server = launch(settings(authority, provider.url, MCP_AUTH_JWKS_RENEW=1))
    gone = await asyncio.gather(*(join(server, f"g{i}", tenant, token=old.mint(f"g{i}", tenant))
                                  for i in range(8)))
    provider.body = key_set(old, new)
    server.wait_log("keys fetched.*keys=2")
    here = await asyncio.gather(*(join(server, f"h{i}", tenant, token=new.mint(f"h{i}", tenant))
                                  for i in range(8)))
    await settle(server, tenant, *gone, *here)
    provider.body = key_set(new)
    assert [await c.closed() for c in gone] == [WITHDRAWN] * 8
    assert await refused(server, old.mint("x", tenant)) == FAILED
    await settle(server, tenant, *here)
    await asyncio.gather(*(c.close() for c in here))


async def test_an_unknown_kid_has_the_set_fetched_soon_and_not_often(launch, authority, provide):
    old, new = Key("old"), Key("new")
    provider = provide(old)
    server = launch(settings(authority, provider.url))
    provider.body = key_set(old, new)
    time.sleep(LACKS_AGAIN_SECONDS - (time.monotonic() - provider.asked[0][0]) + 0.2)
    assert await refused(server, new.mint("u")) == FAILED
    until(lambda: len(provider.asked) == 2, seconds=5)
    server.wait_log("keys fetched.*keys=2")
    client = await join(server, "u", token=new.mint("u"))
    for n in range(50):  # of strangers: no more comes of these than one fetch in ten seconds
        assert await refused(server, Key(f"forged-{n}").mint("mallory")) == FAILED
    assert len(provider.asked) == 2
    until(lambda: len(provider.asked) == 3)
    assert provider.asked[2][0] - provider.asked[1][0] > LACKS_AGAIN_SECONDS - 1
    await settle(server, None, client)
    await client.close()


async def test_without_the_provider_the_server_starts_says_so_and_recovers(authority, provide):
    key, port = Key("a"), free_port()
    server = Server(settings(authority, f"https://localhost:{port}/jwks"))
    try:
        until(lambda: any("listening" in line for line in server.lines), 15)
        ready = server.request("GET", "/readyz")
        assert ready.status == 503 and "signing keys not fetched yet" in ready.body.decode()
        assert await refused(server, key.mint("u")) == FAILED
        provide(key, port=port)
        server.wait_log("INFO keys are fetched again", 30)
        assert server.request("GET", "/readyz").status == 200
        metrics = server.request("GET", "/metrics").body.decode()
        assert "mcp_auth_signing_keys 1\n" in metrics
        assert "mcp_auth_issuers_awaiting_keys 0\n" in metrics
        client = await join(server, "u", token=key.mint("u"))
        warnings = [line for line in server.lines if "keys cannot be fetched" in line]
        assert len(warnings) == 1 and " WARNING " in warnings[0], warnings
        assert "until they can" in warnings[0]
        await client.close()
    finally:
        server.stop()


@pytest.mark.parametrize("fault", ["status", "garbage", "empty", "oct", "too large", "redirect to "
                                   "http", "redirects without end", "down"])
async def test_a_set_that_is_not_to_be_had_leaves_the_known_keys_in_force(
        launch, authority, provide, fault):
    key, tenant = Key("a"), unique("t")
    provider = provide(key)
    server = launch(settings(authority, provider.url, MCP_AUTH_JWKS_RENEW=1))
    client = await join(server, "u", tenant, token=key.mint("u", tenant))
    plain = provide(Key("forged"), secure=False)
    good, provider.asked = provider.body, []
    if fault == "status":
        provider.status, provider.body = 503, key_set(Key("b"))
    elif fault == "redirect to http":
        provider.status, provider.fields = 302, {"Location": plain.url}
    elif fault == "redirects without end":
        provider.status, provider.fields = 302, {"Location": provider.url}
    elif fault == "down":
        provider.close()
    else:
        provider.body = {"garbage": "<html>", "empty": '{"keys":[]}',
                         "oct": json.dumps({"keys": [{"kty": "oct", "k": "A" * 86, "kid": "o"}]}),
                         "too large": good + " " * 300000}[fault]
    line = server.wait_log("WARNING keys cannot be fetched: those that are known stay in force")
    assert "why=" in line and "hidden" not in line
    if fault != "down":
        until(lambda: len(provider.asked) >= 3, 30)
    assert len(re.findall("keys cannot be fetched", server.log)) == 1
    await settle(server, tenant, client)
    again = await join(server, "v", tenant, token=key.mint("v", tenant))
    assert not plain.asked
    if fault != "down":
        provider.status, provider.body, provider.fields = 200, good, {}
        server.wait_log("INFO keys are fetched again", 70)
    await asyncio.gather(client.close(), again.close())


async def test_a_redirect_within_https_is_followed(launch, authority, provide):
    key = Key("a")
    real = provide(key)
    first = provide()
    first.status, first.fields = 307, {"Location": real.url}
    server = launch(settings(authority, first.url))
    client = await join(server, "u", token=key.mint("u"))
    await client.close()


async def test_a_certificate_by_somebody_else_is_refused(launch, authority, provide):
    provider = provide(Key("a"))
    server = launch(settings(authority, provider.url, MCP_AUTH_JWT_SECRET=SECRET,
                             MCP_AUTH_JWKS_CA_FILE=None))
    line = server.wait_log("WARNING keys cannot be fetched")
    assert "certificate" in line and not provider.asked
    ready = server.request("GET", "/readyz")  # others can sign in, so it is ready, and says why not
    assert ready.status == 200 and "signing keys not fetched yet" in ready.body.decode()
    client = await join(server, "u", token=mint("u", iss="idp", aud="us"))
    await client.close()


async def test_a_named_issuer_has_an_address_of_its_own(launch, authority, provide, tmp_path):
    a, b, tenant = Key("1"), Key("1"), unique("t")  # both call their key alike
    of_a, of_b = provide(a), provide(b)
    path = tmp_path / "issuers.json"

    def put(*issuers):
        write(path, json.dumps({"issuers": [
            {"issuer": name, "audience": "us", "tenants": [tenant], "jwks_url": provider.url}
            for name, provider in issuers]}))

    def token(key, name, user="u"):
        return jwt.encode(claims(user, tenant, iss=name, aud="us"), key.private, "ES256",
                          headers={"kid": key.kid})

    put(("a", of_a), ("b", of_b))
    server = launch({"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_ISSUERS_FILE": path,
                     "MCP_AUTH_JWKS_CA_FILE": authority / "ca.pem"})
    one = await join(server, "u", tenant, token=token(a, "a"))
    two = await join(server, "v", tenant, token=token(b, "b", "v"))
    assert await refused(server, token(a, "b")) == FAILED
    assert await refused(server, token(b, "a")) == FAILED
    assert "keys=2" in hup(server)
    await settle(server, tenant, one, two)
    put(("a", of_a))
    assert "keys=1" in hup(server)
    assert await two.closed() == WITHDRAWN
    await settle(server, tenant, one)
    of_c = provide(b)
    put(("a", of_a), ("c", of_c))  # fetched before the reload is over
    assert "keys=2" in hup(server)
    three = await join(server, "w", tenant, token=token(b, "c", "w"))
    write(path, json.dumps({"issuers": [{"issuer": "a", "audience": "us", "tenants": "*",
                                         "jwks_url": "http://idp.example/jwks"}]}))
    assert "must be https" in hup(server, KEPT)
    await settle(server, tenant, one, three)
    await asyncio.gather(one.close(), three.close())


async def test_a_key_withdrawn_during_a_reload_does_not_come_back_with_it(
        launch, authority, provide, tmp_path):
    a, b = Key("a"), Key("b")
    provider = provide(a, b)
    silent = socket.create_server(("127.0.0.1", 0))  # a new issuer's, for which the reload waits
    path = tmp_path / "issuers.json"
    issuer = {"issuer": "x", "audience": "us", "tenants": ["x"], "public_key_file": "key.pem"}
    (tmp_path / "key.pem").write_text(pem(a.private))
    write(path, json.dumps({"issuers": [issuer]}))
    server = launch(settings(authority, provider.url, MCP_AUTH_ISSUERS_FILE=path))
    client = await join(server, "u", token=a.mint("u"))
    await asyncio.sleep(LACKS_AGAIN_SECONDS)
    fetched = len(provider.asked)
    del issuer["public_key_file"]
    issuer["jwks_url"] = f"http://127.0.0.1:{silent.getsockname()[1]}/jwks"
    write(path, json.dumps({"issuers": [issuer]}))
    server.signal(signal.SIGHUP)
    until(lambda: len(provider.asked) > fetched)  # both keys, for the new settings
    provider.body = key_set(b)
    assert await refused(server, Key("c").mint("u")) == FAILED  # fetched by the former ones
    assert await client.closed() == WITHDRAWN
    assert not re.search(RELOADED, server.log)  # or this test says nothing
    server.wait_log(RELOADED)
    silent.close()
    fresh = await join(server, "v", token=b.mint("v"))
    for _ in range(8):
        assert await refused(server, a.mint("u")) == FAILED
    await fresh.close()


def test_an_address_must_be_one_to_be_trusted():
    for url, why in (("http://idp.example/jwks", "must be https"), ("idp.example/jwks", "https://"),
                     ("file:///etc/passwd", "https://"), ("https://", "names no host"),
                     ("https://u:p@idp.example/", "@"), ("http://127.evil.example/", "must be"),
                     ("https://idp.example/a b", "character")):
        done = run("config", "--check", env={
            "MCP_AUTH_JWKS_URL": url, "MCP_AUTH_TOKEN_ISSUER": "i", "MCP_AUTH_TOKEN_AUDIENCE": "a"})
        assert done.returncode == 1 and why in done.stderr, (url, done.stderr)
    env = {"MCP_AUTH_JWKS_URL": "https://idp.example/jwks"}
    done = run("config", "--check", env=env)
    assert done.returncode == 1 and "MCP_AUTH_TOKEN_AUDIENCE" in done.stderr
    for url in ("https://idp.example/jwks?v=1", "http://127.0.0.1:1/x", "http://[::1]/jwks",
                "http://localhost:8080/jwks"):
        done = run("config", "--check", env={
            "MCP_AUTH_JWKS_URL": url, "MCP_AUTH_TOKEN_ISSUER": "*", "MCP_AUTH_TOKEN_AUDIENCE": "*"})
        assert done.returncode == 0, done.stderr


async def test_a_slow_provider_delays_the_start_by_seconds_and_nothing_else(authority):
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        server = Server(settings(authority, f"https://localhost:{silent.getsockname()[1]}/jwks",
                                 MCP_AUTH_JWT_SECRET=SECRET))
        try:
            server.wait_ready()
            assert 4 < time.monotonic() - begun < 12
            client = await join(server, "u", token=mint("u", iss="idp", aud="us"))
            server.publish(event("user_updated", user_id="u"))
            await client.close()
            begun = time.monotonic()
        finally:
            server.stop()
        assert time.monotonic() - begun < 5
