# SPDX-License-Identifier: Apache-2.0
# test_settings.py: where settings come from, and that a wrong one stops the start in clear words.
import re
import resource
import socket
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, rsa

from clients import join
from serving import API_KEY, ROOT, SECRET, clean_environment, free_port, program, run
from tokens import RSA, mint, pem

KEY = {"MCP_AUTH_JWT_SECRET": SECRET}
LATER = ["MCP_AUTH_DATA_DIR", "MCP_AUTH_TLS_CERT_FILE", "MCP_AUTH_TLS_KEY_FILE"]


def refusal(env, *arguments):
    """Both `serve` and `config --check` say no; the words of `serve`."""
    env = {"MCP_AUTH_LISTEN": f"127.0.0.1:{free_port()}", **env}
    served = run("serve", *arguments, env=env)
    checked = run("config", "--check", *arguments, env=env)
    assert served.returncode == 1 and checked.returncode == 1, (served, checked)
    return served.stderr


WRONG = [("WEBSOCKET_MAX_CONNECTIONS", "0", "1"), ("WEBSOCKET_MAX_CONNECTIONS", "many", "10000000"),
         ("WEBSOCKET_RATE_LIMIT_MESSAGES", "-5", "1"), ("WEBSOCKET_RATE_LIMIT_WINDOW", "0", "0.1"),
         ("MCP_AUTH_WORKERS", "0", "1"), ("MCP_AUTH_WORKERS", "257", "256"),
         ("MCP_AUTH_WORKERS", "2.5", "256"), ("MCP_AUTH_HISTORY_EVENTS", "10000001", "10000000"),
         ("MCP_AUTH_LISTEN", "8000", "HOST:PORT"), ("MCP_AUTH_LISTEN", "127.0.0.1:99999", "65535"),
         ("MCP_AUTH_LISTEN", "unix:", "path"), ("MCP_AUTH_METRICS_LISTEN", "9090", "HOST:PORT"),
         ("MCP_AUTH_AUTH_TIMEOUT", "301", "300"), ("MCP_AUTH_TOKEN_LEEWAY", "-1", "600"),
         ("MCP_AUTH_FENCE_SKEW", "601", "600"), ("MCP_AUTH_PRIVACY", "some", "full|id|none"),
         ("MCP_AUTH_LOG_LEVEL", "verbose", "debug|info|warning|error"),
         ("MCP_AUTH_LOG_FORMAT", "xml", "text|json"),
         ("MCP_AUTH_JWT_ALGORITHMS", "HS256,none", "HS256"),
         ("MCP_AUTH_ALLOWED_ORIGINS", "example.com", "https://"),
         ("MCP_AUTH_ALLOWED_ORIGINS", "https://*.example.com", "*"),
         ("MCP_AUTH_BUS_DEADLINE_MS", "0", "60000"), ("MCP_AUTH_MAX_ISOLATION", "-1", "86400"),
         ("MCP_AUTH_REDIS_PLAIN", "on", "accept|no-effects|off"),
         ("MCP_AUTH_REDIS_PREFIX", "{fleet}", "letters"),
         ("MCP_AUTH_USER_CLAIM", "/a~2", "~"), ("MCP_AUTH_PUBLISH_RATE", "fast", "0")]


@pytest.mark.parametrize("name,value,allowed", WRONG, ids=[f"{n}={v}" for n, v, _ in WRONG])
def test_a_wrong_value_is_named_with_what_is_allowed(name, value, allowed):
    words = refusal({**KEY, name: value})
    assert name in words and value in words and allowed in words, words


@pytest.mark.parametrize("name,value", [("MCP_AUTH_JWT_SECRET", "short-secret-x"),
                                        ("MCP_AUTH_API_KEY", "short-key-x"),
                                        ("MCP_AUTH_API_KEY", "a key with spaces in it")])
def test_a_wrong_secret_is_named_and_not_shown(name, value):
    words = refusal({**KEY, name: value})
    assert name in words and value not in words


def test_all_that_is_wrong_is_said_at_once():
    words = refusal({**KEY, "MCP_AUTH_WORKERS": "0", "MCP_AUTH_PRIVACY": "x",
                     "MCP_AUTH_WORKRES": "2"})
    assert all(w in words for w in ("MCP_AUTH_WORKERS", "MCP_AUTH_PRIVACY", "MCP_AUTH_WORKRES"))


def test_an_unknown_name_of_ours_is_an_error_with_a_suggestion():
    words = refusal({**KEY, "MCP_AUTH_JWT_SECRT": "x" * 40})
    assert "MCP_AUTH_JWT_SECRT" in words and "did you mean MCP_AUTH_JWT_SECRET" in words
    assert "WEBSOCKET_MAX_CONNECTIONS" in refusal({**KEY, "WEBSOCKET_MAX_CONECTIONS": "5"})
    assert "MCP_AUTH_ZZZ" in refusal({**KEY, "MCP_AUTH_ZZZ": "1"})


@pytest.mark.parametrize("name", LATER)
def test_a_setting_of_a_later_version_is_refused_and_not_ignored(name):
    words = refusal({**KEY, name: "1"})
    assert name in words and "version" in words


def test_without_any_key_serve_refuses_and_says_what_to_do():
    words = refusal({})
    assert "MCP_AUTH_JWT_SECRET" in words and "--dev" in words


def test_a_wrong_line_of_a_file_is_named_with_file_and_line(tmp_path):
    path = tmp_path / "server.env"
    path.write_text(f"# ours\nMCP_AUTH_JWT_SECRET={SECRET}\n\nMCP_AUTH_WORKERS=none  # oh\n"
                    "MCP_AUTH_PRIVCY=id\nwhat is this\n")
    words = refusal({}, "--env-file", path)
    assert f"{path}:4" in words and "MCP_AUTH_WORKERS" in words and "256" in words
    assert f"{path}:5" in words and "MCP_AUTH_PRIVACY" in words
    assert f"{path}:6" in words and "what is this" not in words
    missing = run("serve", "--env-file", tmp_path / "absent.env", env=KEY)
    assert missing.returncode == 1 and "absent.env" in missing.stderr


def guide_block():
    text = (ROOT / "tests" / "fixtures" / "guide.env.txt").read_text()
    assert "WEBSOCKET_HEARTBEAT_INTERVAL=30  # seconds" in text and "REDIS_PASSWORD" in text
    return text


def test_the_guides_block_loads_by_env_file(launch, tmp_path):
    path = tmp_path / "guide.env"
    path.write_text(guide_block())
    server = launch({}, "--env-file", path)
    assert server.stats()["max_connections"] == 1000
    assert "redis://localhost:6379/0" in server.wait_log("bus=")
    assert "your_password_here" not in server.log
    assert run("config", "--check", "--env-file", path, env=KEY).returncode == 0
    shown = run("config", "--env-file", path, env=KEY)
    assert f"REDIS_URL=redis://localhost:6379/0  # {path}:2" in shown.stdout
    assert f"WEBSOCKET_HEARTBEAT_INTERVAL=30  # {path}:6" in shown.stdout, shown.stdout
    assert "your_password_here" not in shown.stdout


def test_the_guides_block_works_as_the_environment_with_its_comments(launch):
    lines = [l for l in guide_block().splitlines() if "=" in l]
    server = launch(dict(line.split("=", 1) for line in lines))
    assert server.stats()["max_connections"] == 1000


def test_a_flag_wins_over_the_environment_and_that_over_a_file(tmp_path):
    path = tmp_path / "x.env"
    path.write_text("MCP_AUTH_WORKERS=3\nMCP_AUTH_PRIVACY=id\nMCP_AUTH_LOG_LEVEL='debug'\n")
    shown = run("config", "--env-file", path, "--workers", "5", env={
        **KEY, "MCP_AUTH_WORKERS": "4", "MCP_AUTH_PRIVACY": "none"}).stdout
    assert "MCP_AUTH_WORKERS=5  # flag" in shown and "MCP_AUTH_PRIVACY=none  # environment" in shown
    assert f"MCP_AUTH_LOG_LEVEL=debug  # {path}:3" in shown
    assert "MCP_AUTH_AUTH_TIMEOUT=10  # default" in shown


def test_secrets_may_come_from_files_and_are_never_printed(launch, tmp_path):
    secret, key = tmp_path / "secret", tmp_path / "key"
    secret.write_text(SECRET + "\n")
    key.write_text(API_KEY + "\n")
    env = {"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_JWT_SECRET_FILE": secret,
           "MCP_AUTH_API_KEY": None,
           "MCP_AUTH_API_KEY_FILE": key}
    server = launch(env)
    assert server.request("GET", "/v1/stats", token=mint("root", roles="admin")).status == 200
    shown = run("config", env=env)
    assert shown.returncode == 0 and SECRET not in shown.stdout and API_KEY not in shown.stdout
    absent = run("serve", env={"MCP_AUTH_JWT_SECRET_FILE": tmp_path / "absent"})
    assert absent.returncode == 1
    assert "MCP_AUTH_JWT_SECRET" in absent.stderr and "absent" in absent.stderr


URLS = [("redis://me:hunter2@h", "redis://h:6379/0"), ("rediss://:hunter2@[::1]:7000/3", "rediss://[::1]:7000/3"),
        ("unix://:hunter2@/run/redis.sock?db=2", "unix:///run/redis.sock?db=2")]


@pytest.mark.parametrize("url,shown", URLS)
def test_the_address_of_redis_is_shown_without_its_password(url, shown):
    done = run("config", "--redis-url", url, env=KEY)
    assert f"REDIS_URL={shown}  # flag" in done.stdout and "hunter2" not in done.stdout + done.stderr
    assert run("config", "--check", "--redis-url", url, env=KEY).returncode == 0


@pytest.mark.parametrize("url,why", [
    ("localhost:6379", "redis://"), ("http://:hunter2@h", "redis://"), ("redis://:hunter2@", "host"),
    ("redis://:hunter2@h:99999", "65535"), ("redis://:hunter2@h/x", "database"),
    ("redis://:hunt/er2@h", "%2F"), ("unix://:hunter2@run.sock", "path")])
def test_a_wrong_address_of_redis_is_refused_with_the_reason_and_not_shown(url, why):
    words = refusal({**KEY, "REDIS_URL": url})
    assert "REDIS_URL" in words and why in words and "hunt" not in words, words
    assert "hunt" not in run("config", env={**KEY, "REDIS_URL": url}).stdout


def test_authorities_for_a_redis_without_tls_are_a_mistake(tmp_path):
    words = refusal({**KEY, "REDIS_URL": "redis://h", "MCP_AUTH_REDIS_CA_FILE": tmp_path / "ca.pem"})
    assert "MCP_AUTH_REDIS_CA_FILE" in words and "rediss://" in words


def test_a_file_of_authorities_that_is_none_stops_the_start(tmp_path):
    env = {**KEY, "REDIS_URL": "rediss://h", "MCP_AUTH_REDIS_CA_FILE": tmp_path / "ca.pem"}
    assert "MCP_AUTH_REDIS_CA_FILE" in refusal(env) and "ca.pem" in refusal(env)
    (tmp_path / "ca.pem").write_text(pem(RSA))  # a key is no certificate
    assert "ca.pem" in refusal(env)


def test_without_redis_one_line_says_that_events_stay_here(server):
    lines = [l for l in server.log.splitlines() if "events stay on this instance" in l]
    assert len(lines) == 1 and "INFO" in lines[0], lines


def test_a_key_file_that_is_no_good_stops_the_start(tmp_path):
    path = tmp_path / "key.pem"
    env = {"MCP_AUTH_JWT_PUBLIC_KEY_FILE": path, "MCP_AUTH_TOKEN_ISSUER": "*",
           "MCP_AUTH_TOKEN_AUDIENCE": "*"}
    for content in ("", "nonsense", pem(rsa.generate_private_key(65537, 1024)),
                    pem(ed448.Ed448PrivateKey.generate())):
        path.write_text(content)
        done = run("serve", env={**env, "MCP_AUTH_LISTEN": "127.0.0.1:0"})
        assert done.returncode == 1 and "key.pem" in done.stderr, done.stderr
    path.write_text(pem(RSA))
    for missing in ("MCP_AUTH_TOKEN_ISSUER", "MCP_AUTH_TOKEN_AUDIENCE"):
        assert missing in refusal({k: v for k, v in env.items() if k != missing})


def test_a_taken_port_refuses_the_start(server):
    done = run("serve", env={**KEY, "MCP_AUTH_LISTEN": f"127.0.0.1:{server.port}"})
    assert done.returncode == 1 and str(server.port) in done.stderr
    assert "another program listens there" in done.stderr or "in use" in done.stderr
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for arguments in ((), ("--dev",)):
            done = run("serve", *arguments, env={**KEY, "MCP_AUTH_LISTEN": f"127.0.0.1:{port}"})
            assert done.returncode == 1 and str(port) in done.stderr


def test_the_default_address_is_both_loopbacks_on_port_8000():
    assert "MCP_AUTH_LISTEN=localhost:8000" in run("config", env=KEY).stdout


async def test_it_listens_on_several_addresses_and_on_a_unix_socket(launch, tmp_path):
    port, path = free_port(), tmp_path / "s.sock"
    server = launch({"MCP_AUTH_LISTEN": f"127.0.0.1:{port}, 127.0.0.2:{free_port()}, unix:{path}"},
                    port=port)
    client = await join(server, "u")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"reasons" in s.recv(4096)
    await client.close()
    server.stop()
    assert not path.exists()


def test_when_the_hard_limit_of_files_is_too_low_the_start_is_refused_with_the_number():
    done = subprocess.run(
        [program(), "serve"], capture_output=True, text=True, timeout=30,
        env=clean_environment(**KEY, MCP_AUTH_LISTEN="127.0.0.1:0", WEBSOCKET_MAX_CONNECTIONS=5000),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000)))
    assert done.returncode == 1 and "WEBSOCKET_MAX_CONNECTIONS" in done.stderr
    assert "5000" in done.stderr and "1000" in done.stderr


def test_the_soft_limit_of_files_is_raised_to_what_is_needed(launch):
    server = launch({"WEBSOCKET_MAX_CONNECTIONS": 900}, preexec=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (200, min(4000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))))
    limits = open(f"/proc/{server.process.pid}/limits").read()
    assert int(re.search(r"Max open files\s+(\d+)", limits)[1]) >= 900 + 64
