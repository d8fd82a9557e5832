# SPDX-License-Identifier: Apache-2.0
# test_dev.py: `serve --dev`: what it prints works as printed, and it is for this machine only.
import re
import subprocess
import tempfile
import time

import jwt
import pytest

import raw
from clients import join, settle
from serving import clean_environment, free_port, run
from tokens import mint

NO_KEYS = {"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_API_KEY": None}


@pytest.fixture
def dev(launch):
    port = free_port()
    server = launch({**NO_KEYS, "MCP_AUTH_LISTEN": f"localhost:{port}"}, "--dev", port=port)
    end = time.monotonic() + 10
    while not any("Ctrl-C" in line for line in server.output):
        assert time.monotonic() < end, server.output
        time.sleep(0.02)
    return server


def printed_tokens(server):
    text = "\n".join(server.output)
    return {name: re.search(rf"^\s+{name}\s+(eyJ\S+)$", text, re.MULTILINE)[1]
            for name in ("alice", "bob", "admin")}


async def test_the_printed_page_tokens_and_commands_work_as_they_are(dev):
    text = "\n".join(dev.output)
    assert f"http://localhost:{dev.port}/" in text
    tokens = printed_tokens(dev)
    clients = {name: await join(dev, name, token=token, session=True)
               for name, token in tokens.items()}
    commands = [line.strip() for line in dev.output if re.match(r"\s+(curl|\S*mcp-auth) ", line)]
    assert len(commands) == 2
    for count, command in enumerate(commands, 1):
        # Pasted into another terminal, in the same folder.
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True,
                              timeout=30,
                              env=clean_environment(), cwd=tempfile.gettempdir())
        assert done.returncode == 0, (command, done)
        for name in ("alice", "admin"):
            await clients[name].until(lambda n=name: len(clients[n].events) >= count)
        assert clients["alice"].events[-1]["event_type"] == "role_assigned"
    listed = dev.request("GET", "/dev/tokens").json()["tokens"]
    assert [row["name"] for row in listed] == ["alice", "bob", "admin"]
    assert not clients["bob"].events
    for client in clients.values():
        await client.close()


def test_the_secret_is_thrown_away_and_the_tokens_never_logged(dev, launch):
    tokens = printed_tokens(dev)
    port = free_port()
    other = launch({**NO_KEYS, "MCP_AUTH_LISTEN": f"localhost:{port}"}, "--dev", port=port)
    for name, token in tokens.items():
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["sub"] == name and claims["exp"] > time.time()
        assert token not in dev.log
    assert dev.request("GET", "/v1/stats", token=tokens["admin"]).status == 200
    assert other.request("GET", "/v1/stats", token=tokens["admin"]).status == 401
    assert dev.request("GET", "/v1/stats", token=tokens["alice"]).status == 403


@pytest.mark.parametrize("host",
                         ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example",
                                  "192.0.2.1", "0.0.0.0", "localhost:80:80", "xlocalhost",
                          "127.0.0.2"])
def test_a_foreign_host_is_refused_everywhere(dev, host):
    for path in ("/", "/dev/tokens", "/v1/stats", "/healthz"):
        answer = dev.request("GET", path, headers={"Host": host})
        assert answer.status in (400, 403), (path, answer)
        assert b"eyJ" not in answer.body
    s = raw.connect(dev)
    s.sendall(raw.handshake_request(dev).replace(f"127.0.0.1:{dev.port}".encode(), host.encode()))
    assert raw.receive_all(s).split(b" ")[1] in (b"400", b"403")
    s.close()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:{}", "127.0.0.1:{}", "[::1]:{}"])
def test_the_names_of_this_machine_are_accepted(dev, host):
    assert dev.request("GET", "/", headers={"Host": host.format(dev.port)}).status == 200


def test_it_listens_on_loopback_only():
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:8000", "127.0.0.1:0,0.0.0.0:0",
                    "127.evil.example:1"):
        done = run("serve", "--dev", env={"MCP_AUTH_LISTEN": address})
        assert done.returncode == 1 and "loopback" in done.stderr, done.stderr


def test_demo_tokens_are_not_given_to_proxies_nor_outside_development(dev, server):
    assert dev.request("GET", "/dev/tokens",
                       headers={"X-Forwarded-For": "203.0.113.9"}).status == 401
    assert server.request("GET", "/dev/tokens").status == 404


async def test_a_secret_that_is_set_is_kept(launch):
    server = launch({}, "--dev")
    client = await join(server, "u", token=mint("u"))
    await settle(server, None, client)
    await client.close()
