# SPDX-License-Identifier: Apache-2.0
# test_command_line.py: every command of mcp-auth, its words and its exit status.
import json
import subprocess

import jwt
import pytest

from clients import join, settle
from events import event
from serving import API_KEY, ROOT, SECRET, clean_environment, on_terminal, program, run
from tokens import admin, mint, unique

VERBS = ["serve", "publish", "tail", "token", "stats", "bench", "config", "version"]
KEY = {"MCP_AUTH_JWT_SECRET": SECRET}


@pytest.mark.parametrize("verb", VERBS)
def test_help_explains_each_command_and_succeeds(verb):
    for arguments in ((verb, "--help"), (verb, "-h")):
        done = run(*arguments)
        assert done.returncode == 0 and done.stderr == ""
        assert done.stdout.startswith(f"Usage: mcp-auth {verb}") and "Examples:" in done.stdout
        assert "\x1b" not in done.stdout


def test_the_program_alone_says_what_it_can_do():
    done = run("--help")
    assert done.returncode == 0 and all(f"  {verb}" in done.stdout for verb in VERBS)
    assert run().returncode == 2
    assert run("frobnicate").returncode == 2 and "frobnicate" in run("frobnicate").stderr
    assert run("version").stdout.startswith("mcp-auth ") and run("--version").returncode == 0


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_use_is_status_2_and_points_to_help(verb):
    for arguments in (["--no-such-flag"], ["-x"], ["superfluous", "words"]):
        if verb == "publish" and arguments[0] == "superfluous":
            arguments = ["superfluous"]
        done = run(verb, *arguments)
        assert done.returncode == 2, (arguments, done)
        assert arguments[0] in done.stderr and done.stdout == ""
    if verb in ("serve", "config", "token"):
        assert run(verb, "--listen").returncode == 2


def test_colours_are_for_terminals_only():
    assert b"\x1b[" in on_terminal("--help")
    assert b"\x1b[" not in on_terminal("--help", env={"NO_COLOR": "1"})
    assert b"\x1b[" not in on_terminal("--help", env={"TERM": "dumb"})
    assert "\x1b" not in run("--help").stdout


def test_a_token_is_minted_with_what_was_asked():
    done = run("token", "--user", "ann", "--role", "admin", "--role", "editor", "--permission",
               "docs:*",
               "--tenant", "acme", "--name", "Ann", "--expires", "90", env=KEY)
    assert done.returncode == 0 and done.stderr == ""
    token = done.stdout.strip()
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == 90
    assert {k: claims[k] for k in claims if k not in ("iat", "exp", "jti")} == {
        "sub": "ann", "roles": ["admin", "editor"], "permissions": ["docs:*"], "tenant_id": "acme",
        "name": "Ann"}


def test_minting_follows_the_settings_and_refuses_without_a_secret_or_a_user():
    done = run("token", "--user", "ann", "--user-claim", "uid", "--token-issuer", "me",
               "--token-audience", "you", env=KEY)
    claims = jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"], audience="you",
                        issuer="me")
    assert claims["uid"] == "ann" and "sub" not in claims
    no_secret = run("token", "--user", "ann")
    assert no_secret.returncode == 1 and "MCP_AUTH_JWT_SECRET" in no_secret.stderr
    assert run("token", env=KEY).returncode == 2
    assert run("token", "--user", "a", "--expires", "soon", env=KEY).returncode == 2


def test_a_token_is_shown_and_judged():
    good, forged = mint("ann", roles=["x"]), mint("ann", secret="q" * 64)
    for arguments, stdin in ((("inspect", good), ""), (("inspect", "-"), good + "\n")):
        done = run("token", *arguments, stdin=stdin, env=KEY)
        assert done.returncode == 0
        assert "ann" in done.stdout and "HS256" in done.stdout
        assert "signature: valid" in done.stdout and "accepted: yes" in done.stdout
    assert "signature: invalid" in run("token", "inspect", forged, env=KEY).stdout
    assert "not checked" in run("token", "inspect", good).stdout
    expired = run("token", "inspect", mint("ann", lasts=-99), env=KEY).stdout
    assert "signature: valid" in expired and "accepted: no" in expired
    assert run("token", "inspect", "nonsense", env=KEY).returncode == 1
    assert run("token", "inspect", env=KEY).returncode == 2


async def test_publish_by_flags_reaches_the_client(server):
    tenant = unique("t")
    client = await join(server, "ann", tenant)
    flags = {"user": "ann", "user-name": "Ann \"A\"", "target": "bob", "role": "r",
             "permission": "p:q",
             "resource": "docs/1", "resource-id": "1", "action": "read", "message": "Hé\n\"q\" \\",
             "level": "HIGH", "data": '{"n": [1, {"x": "y"}]}', "id": unique("id"),
             "tenant": tenant}
    arguments = [word for name, value in flags.items() for word in ("--" + name, value)]
    done = run("publish", "--type", "permission_granted", *arguments, "--url", server.url,
               "--token", API_KEY)
    assert done.returncode == 0, done.stderr
    frame = await client.event(flags["id"])
    assert (frame["user_name"], frame["target_user_id"], frame["message"], frame["data"],
            frame["security_level"], frame["resource_id"]) == (
        "Ann \"A\"", "bob", "Hé\n\"q\" \\", {"n": [1, {"x": "y"}]}, "HIGH", "1")
    await client.close()


async def test_publish_takes_json_lines_and_the_server_from_the_environment(server):
    tenant = unique("t")
    client = await join(server, "ann", tenant)
    env = {"MCP_AUTH_URL": server.url, "MCP_AUTH_TOKEN": admin(tenant)}
    lines = "".join(json.dumps(event("user_updated", user_id="ann", message=str(i))) + "\n"
                    for i in range(2500))
    done = run("publish", stdin=lines, env=env)
    assert done.returncode == 0, done.stderr
    await settle(server, tenant, client)
    assert [f["message"] for f in client.events[:-1]] == [str(i) for i in range(2500)]
    answered = run("publish", "--json", "--type", "user_updated", "--user", "ann", env=env)
    assert json.loads(answered.stdout.splitlines()[0])
    await client.close()


async def test_publish_says_what_was_refused(server, tmp_path):
    env = {"MCP_AUTH_URL": server.url, "MCP_AUTH_TOKEN": API_KEY}
    wrong = run("publish", "--type", "role_asigned", env=env)
    assert wrong.returncode == 1 and "event_type: is not known" in wrong.stderr
    assert wrong.stderr.endswith("did you mean role_assigned?\n")
    good = json.dumps(event("user_updated"))
    line = run("publish", stdin=f"{good}\n{good}\n{{\"event_type\":\"user_updated\",\"usr\":1}}\n",
               env=env)
    assert line.returncode == 1 and "3" in line.stderr and "usr" in line.stderr
    assert line.stderr.count("usr:") == 1
    forbidden = run("publish", "--type", "user_updated", env={**env, "MCP_AUTH_TOKEN": mint("u")})
    assert forbidden.returncode == 1 and "realtime:publish" in forbidden.stderr
    secret = "not-the-right-token-at-all"
    unknown = run("publish", "--type", "user_updated", env={**env, "MCP_AUTH_TOKEN": secret})
    assert unknown.returncode == 1 and secret not in unknown.stderr + unknown.stdout
    nobody = run("publish", "--type", "user_updated", "--url", "http://127.0.0.1:9",
                 "--retry-seconds", "1",
                 env=env)
    assert nobody.returncode == 1 and "127.0.0.1:9" in nobody.stderr
    path = tmp_path / "token"
    path.write_text(API_KEY + "\n")
    by_file = run("publish", "--type", "user_updated", "--token-file", path, "--url", server.url)
    assert by_file.returncode == 0, by_file.stderr


def test_stats_are_for_people_and_for_programs(server):
    env = {"MCP_AUTH_URL": server.url, "MCP_AUTH_TOKEN": API_KEY}
    assert json.loads(run("stats", "--json", env=env).stdout)["workers"] == 4
    table = run("stats", env=env)
    assert table.returncode == 0 and "active_connections" in table.stdout
    assert "{" not in table.stdout
    refused = run("stats", env={**env, "MCP_AUTH_TOKEN": mint("u")})
    assert refused.returncode == 1 and refused.stdout == ""


def test_config_lists_every_setting_of_the_documentation():
    names = run("config", "--names").stdout.split()
    documented = (ROOT / "docs" / "settings.md").read_text()
    assert len(names) > 30 and all(f"`{name}`" in documented for name in names)
    shown = run("config", env=KEY)
    assert shown.returncode == 0 and all(f"{name}=" in shown.stdout for name in names)
    check = run("config", "--check", env=KEY)
    assert check.returncode == 0 and check.stderr == ""
    assert run("config", "--check").returncode == 1


def test_a_closed_pipe_or_full_disk_behind_the_output_is_a_failure():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([program(), "config", "--names"], stdout=full, stderr=subprocess.PIPE,
                              env=clean_environment(), timeout=30, text=True)
    assert done.returncode == 1 and done.stderr
