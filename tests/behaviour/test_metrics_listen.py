# SPDX-License-Identifier: Apache-2.0
# test_metrics_listen.py: metrics have an address of their own: what is there, for whom, how long.
import asyncio
import http.client
import re
import resource
import signal
import socket
import time

import pytest

import exposition
import raw
from clients import join
from events import event
from serving import API_KEY, SECRET, Answer, free_port, run
from test_reload import hup
from tokens import admin, mint

CONNECTIONS_MAX = 64  # METRICS_CONNECTIONS_MAX
PROXIED = {"X-Forwarded-For": "203.0.113.9"}


class Watched:
    """What raw.connect wants of a server: its port; and requests to it."""

    def __init__(self, server, port, host="127.0.0.1"):
        self.server, self.port, self.host = server, port, host

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


@pytest.fixture
def watch(launch):
    """watch(env) is a server with two workers and an address for metrics: (server, Watched)."""
    def start(env=None, *arguments):
        port = free_port()
        server = launch({"MCP_AUTH_METRICS_LISTEN": f"127.0.0.1:{port}", **(env or {})},
                        *arguments)
        return server, Watched(server, port)

    return start


def own_address():
    """An address of this machine that is not loopback; what is sent there does not leave it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            return None
        address = s.getsockname()[0]
    return None if address.startswith("127.") else address


def sample(text, name, **labels):
    """The value of one sample."""
    key = ("mcp_auth_" + name, *sorted(labels.items()))
    found = {k: v for _, family in exposition.parse(text.decode()).values()
             for k, v in family.items()}
    return found[key]


def test_three_paths_are_there_and_nothing_else(watch):
    server, metrics = watch()
    assert metrics.request("GET", "/healthz").json() == {"status": "ok"}
    ready = metrics.request("GET", "/readyz").json()
    assert ready["status"] == "ready" and ready["reasons"] == [] and ready["workers"] == 2
    answer = metrics.request("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert sample(answer.body, "workers") == 2
    for path in ("/metrics", "/readyz", "/healthz"):
        head = metrics.request("HEAD", path)
        assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) > 0
        wrong = metrics.request("POST", path)
        assert wrong.status == 405 and "GET" in wrong.headers["Allow"]
    for path in ("/", "/ws", "/v1/events", "/v1/events/stream", "/v1/stats", "/v1/connections",
                 "/index.js", "/dev/tokens", "/metrics/", "/nowhere"):
        for token in (None, API_KEY, admin()):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = metrics.request("GET", path, headers=headers)
            assert answer.status == 404 and answer.error["code"] == "not_found", (path, answer)
    posted = metrics.request("POST", "/v1/events", '{"event_type":"user_updated"}',
                             {"Authorization": f"Bearer {API_KEY}",
                              "Content-Type": "application/json"})
    assert posted.status == 404 and server.stats()["events_published"] == 0
    assert server.request("GET", "/").status == 200, "the clients' address has all it had"


def test_an_upgrade_is_refused_and_a_body_not_read(watch):
    server, metrics = watch()
    for path in ("/ws", "/v1/events/stream", "/"):
        with raw.connect(metrics) as s:
            s.sendall(raw.handshake_request(metrics, f"Authorization: Bearer {mint('u')}")
                      .replace(b"/ws", path.encode()))
            status, _, body = raw.receive_answers(s)[0]
            assert status == 404 and b'"not_found"' in body
    with raw.connect(metrics) as s:  # RFC 9110 section 7.8: an upgrade may be ignored
        s.sendall(raw.handshake_request(metrics).replace(b"/ws", b"/healthz"))
        assert raw.receive_answers(s)[0][0] == 200
    assert sample(metrics.request("GET", "/metrics").body, "upgrades_total") == 0
    assert metrics.request("GET", "/metrics", "x" * 100).status == 413
    assert server.stats()["total_connections"] == 0


def test_there_neither_loopback_nor_a_key_is_asked_for(watch):
    server, metrics = watch({"MCP_AUTH_API_KEY": None})
    for headers in (PROXIED, {"Authorization": "Bearer nonsense"}, {"Host": "prometheus.example"}):
        assert metrics.request("GET", "/metrics", headers=headers).status == 200
        assert "reasons" in metrics.request("GET", "/readyz", headers=headers).json()
    # Where clients come in all is as it was.
    assert server.request("GET", "/metrics").status == 200
    assert server.request("GET", "/metrics", headers=PROXIED).status == 401
    assert "reasons" not in server.request("GET", "/readyz", headers=PROXIED).json()


def test_who_comes_from_afar_is_served_there_and_only_there(launch):
    here = own_address()
    if not here:
        pytest.skip("this machine has no other address than loopback")
    port, clients, near = free_port(), free_port(), free_port()
    server = launch({"MCP_AUTH_METRICS_LISTEN": f"{here}:{port}",
                     "MCP_AUTH_LISTEN": f"127.0.0.1:{near},{here}:{clients}"}, port=near)
    metrics, far = Watched(server, port, here), Watched(server, clients, here)
    assert metrics.request("GET", "/metrics").status == 200
    assert "reasons" in metrics.request("GET", "/readyz").json()
    assert metrics.request("GET", "/v1/stats").status == 404
    assert far.request("GET", "/metrics").status == 401
    assert far.request("GET", "/readyz").json() == {"status": "ready"}
    with pytest.raises(ConnectionRefusedError):
        Watched(server, port).request("GET", "/metrics")


async def test_scrapers_take_no_place_of_clients_and_clients_none_of_theirs(watch):
    server, metrics = watch({"WEBSOCKET_MAX_CONNECTIONS": 2})
    before = server.descriptors()
    kept = [raw.connect(metrics) for _ in range(CONNECTIONS_MAX)]
    for s in kept:  # each is kept alive
        for _ in range(2):
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert raw.receive_answers(s)[0][0] == 200
    for _ in range(20):
        with raw.connect(metrics) as s:
            assert raw.receive_all(s).startswith(b"HTTP/1.1 503 ")
    assert server.descriptors() <= before + CONNECTIONS_MAX + 2
    server.wait_log("connection refused.*MCP_AUTH_METRICS_LISTEN")
    text = server.request("GET", "/metrics").body
    assert sample(text, "sockets_refused_total", reason="metrics") == 20
    assert sample(text, "sockets_unauthenticated") == 1, "the one that asks"
    clients = [await join(server, f"u{i}") for i in range(2)]
    assert server.stats()["active_connections"] == 2
    kept[0].sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
    status, _, body = raw.receive_answers(kept[0])[0]
    assert status == 503 and b"WEBSOCKET_MAX_CONNECTIONS reached" in body
    kept.pop().close()
    for _ in range(100):  # its place is free when the server has seen the end
        if metrics.request("GET", "/healthz").status == 200:
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("a place is never given back")
    for s in kept:
        s.close()
    for client in clients:
        await client.close()


def test_one_that_says_nothing_is_closed_like_any_other(watch):
    _, metrics = watch()
    began = time.monotonic()
    with raw.connect(metrics, 20) as silent, raw.connect(metrics, 20) as half:
        half.sendall(b"GET /metrics HTTP/1.1\r\nHo")
        assert raw.receive_all(silent) == b""
        assert raw.receive_all(half).startswith(b"HTTP/1.1 408 ")
    assert 8 < time.monotonic() - began < 18


def test_while_the_server_drains_it_answers_not_ready_and_why(watch):
    server, metrics = watch()
    lingering = raw.RawClient(server, token=mint("u"))  # never answers the close frame
    kept = raw.connect(metrics)
    kept.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert raw.receive_answers(kept)[0][0] == 200
    server.signal(signal.SIGTERM)
    assert lingering.closed()[0] == 4200
    fresh = metrics.request("GET", "/readyz")
    assert fresh.status == 503 and "shutting down" in fresh.json()["reasons"]
    assert metrics.request("GET", "/healthz").status == 200
    assert sample(metrics.request("GET", "/metrics").body, "workers") == 2
    kept.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
    (status, head, _), = raw.receive_answers(kept)
    assert status == 503 and "connection: close" in head.lower()
    with pytest.raises(OSError):
        raw.connect(server, 2)
    kept.close()
    lingering.close()
    assert server.wait_end() == 0


def test_without_descriptors_it_says_so_and_takes_scrapers_again_while_it_drains(launch):
    port, files = free_port(), 600  # more than the start asks for, and fewer than come
    server = launch({"MCP_AUTH_METRICS_LISTEN": f"127.0.0.1:{port}", "MCP_AUTH_WORKERS": 1,
                     "WEBSOCKET_MAX_CONNECTIONS": 10}, preexec=lambda: resource.setrlimit(
                         resource.RLIMIT_NOFILE, (files, files)))
    metrics = Watched(server, port)
    lingering = raw.RawClient(server, token=mint("u"))  # never answers the close frame
    kept = raw.connect(metrics)
    ask = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
    kept.sendall(ask)
    assert raw.receive_answers(kept)[0][0] == 200
    crowd = [raw.connect(server) for _ in range(files)]
    server.wait_log("accepting paused")
    kept.sendall(ask)
    status, _, body = raw.receive_answers(kept)[0]
    assert status == 503 and b"out of file descriptors" in body
    waiting = raw.connect(metrics)  # in the backlog
    waiting.sendall(ask)
    time.sleep(0.3)
    server.signal(signal.SIGTERM)  # who is idle is closed, so there are descriptors again
    assert lingering.closed()[0] == 4200
    assert b"shutting down" in raw.receive_answers(waiting)[0][2]
    assert "shutting down" in metrics.request("GET", "/readyz").json()["reasons"]
    for s in (kept, waiting, lingering, *crowd):
        s.close()
    assert server.wait_end() == 0


def test_a_scraper_that_stays_does_not_hold_up_the_end(watch):
    server, metrics = watch()
    kept = [raw.connect(metrics) for _ in range(5)]
    for s in kept[1:]:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        raw.receive_answers(s)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait_end() == 0
    assert time.monotonic() - began < 3
    for s in kept:
        s.close()


def test_several_addresses_and_a_unix_socket_that_is_removed_at_the_end(launch, tmp_path):
    path, first, second = tmp_path / "m.sock", free_port(), free_port()
    server = launch({"MCP_AUTH_METRICS_LISTEN":
                     f"127.0.0.1:{first}, 127.0.0.2:{second}, unix:{path}"})
    assert Watched(server, first).request("GET", "/metrics").status == 200
    assert Watched(server, second, "127.0.0.2").request("GET", "/metrics").status == 200
    for request, status in ((b"GET /metrics", b"200"), (b"GET /v1/events", b"404")):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
            s.sendall(request + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert raw.receive_all(s).split(b" ")[1] == status
    server.stop()
    assert not path.exists()
    assert len(re.findall("listening for metrics", server.log)) == 3


def test_the_first_worker_alone_listens_there(launch):
    # Each of two sockets of one port would show up by itself; the kernel's list has one.
    port = free_port()
    launch({"MCP_AUTH_METRICS_LISTEN": f"127.0.0.1:{port}", "MCP_AUTH_WORKERS": 4})
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table]
    assert len([r for r in rows if r[1] == f"0100007F:{port:04X}" and r[3] == "0A"]) == 1


def test_an_address_that_is_taken_is_told_by_the_settings_name(watch, tmp_path):
    _, metrics = watch()
    clients = free_port()
    key = {"MCP_AUTH_JWT_SECRET": SECRET, "MCP_AUTH_LISTEN": f"127.0.0.1:{clients}"}
    path = tmp_path / "m.sock"
    for address in (f"127.0.0.1:{metrics.port}", f"localhost:{clients}", f"0.0.0.0:{clients}"):
        done = run("serve", "--metrics-listen", address, env=key)
        assert done.returncode == 1 and "MCP_AUTH_METRICS_LISTEN" in done.stderr, done
        assert "choose another address" in done.stderr
    path.write_text("not a socket")
    done = run("serve", "--metrics-listen", f"unix:{path}", env=key)
    assert done.returncode == 1 and f"MCP_AUTH_METRICS_LISTEN unix:{path}" in done.stderr
    assert path.read_text() == "not a socket"
    many = ",".join(f"127.0.0.1:{free_port()}" for _ in range(5))
    done = run("serve", "--metrics-listen", many, env=key)
    assert done.returncode == 1 and "MCP_AUTH_METRICS_LISTEN: at most 4" in done.stderr


def test_config_shows_it_and_check_finds_what_is_wrong():
    key = {"MCP_AUTH_JWT_SECRET": SECRET}
    assert "MCP_AUTH_METRICS_LISTEN=  # default" in run("config", env=key).stdout
    shown = run("config", "--metrics-listen", "[::1]:9100", env=key).stdout
    assert "MCP_AUTH_METRICS_LISTEN=[::1]:9100  # flag" in shown
    for wrong in ("9100", "localhost:99999", "unix:", "127.0.0.1:9100,x"):
        done = run("config", "--check", env={**key, "MCP_AUTH_METRICS_LISTEN": wrong})
        assert done.returncode == 1 and "MCP_AUTH_METRICS_LISTEN" in done.stderr, done
    both = {**key, "MCP_AUTH_METRICS_LISTEN": "localhost:8000"}  # the default of the other
    done = run("config", "--check", env=both)
    assert done.returncode == 1 and "MCP_AUTH_LISTEN too" in done.stderr, done
    for right in ("", "localhost:9100", "0.0.0.0:9100,unix:/run/m.sock"):
        done = run("config", "--check", env={**key, "MCP_AUTH_METRICS_LISTEN": right})
        assert done.returncode == 0, done


def test_a_change_needs_a_restart_and_sighup_says_so(launch, tmp_path):
    path, first, second = tmp_path / "server.env", free_port(), free_port()
    path.write_text(f"MCP_AUTH_METRICS_LISTEN=127.0.0.1:{first}\n")
    server = launch({}, "--env-file", path)
    path.write_text(f"MCP_AUTH_METRICS_LISTEN=127.0.0.1:{second}\n")
    lines = hup(server)
    assert re.search("needs a restart.*MCP_AUTH_METRICS_LISTEN", lines), lines
    assert Watched(server, first).request("GET", "/metrics").status == 200
    with pytest.raises(ConnectionRefusedError):
        Watched(server, second).request("GET", "/metrics")


def test_in_development_it_is_on_loopback_and_for_this_machines_names(watch):
    _, metrics = watch({}, "--dev")
    assert metrics.request("GET", "/metrics", headers={"Host": "localhost"}).status == 200
    assert metrics.request("GET", "/metrics", headers={"Host": "evil.example"}).status == 403
    assert metrics.request("GET", "/dev/tokens").status == 404
    for address in ("0.0.0.0:0", "192.0.2.1:9100"):
        done = run("serve", "--dev", "--metrics-listen", address,
                   env={"MCP_AUTH_LISTEN": "127.0.0.1:0"})
        assert done.returncode == 1, done
        assert "MCP_AUTH_METRICS_LISTEN" in done.stderr and "loopback" in done.stderr


async def test_events_flow_while_it_is_scraped_without_pause(watch):
    server, metrics = watch()
    client = await join(server, "u")
    with raw.connect(metrics) as s:
        for i in range(30):
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            made = server.publish(event("user_updated", user_id="u"))
            text = raw.receive_answers(s)[0][2]
            await client.event(made["id"])
            assert sample(text, "connections_active") == 1
    await client.close()
