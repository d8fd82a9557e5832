# SPDX-License-Identifier: Apache-2.0
# test_bench.py: `mcp-auth bench` counts exactly what came, what did not, and says so in time.
import json
import resource
import signal
import socket
import subprocess
import time

import pytest

from cheating import Cheat
from serving import API_KEY, SECRET, clean_environment, free_port, on_terminal, program, run
from tailing import Lines
from tokens import admin, mint, unique

KEY = {"MCP_AUTH_JWT_SECRET": SECRET}


def bench(server, *arguments, env=None, status=0, seconds=50):
    """Its JSON; the numbers of a run without trouble add up."""
    done = run("bench", getattr(server, "url", server), "--json", "--tenant", unique("bench"),
               *arguments, env=KEY if env is None else env, seconds=seconds)
    assert done.returncode == status, (done.stdout[-1500:], done.stderr)
    return add_up(json.loads(done.stdout))


def add_up(found):
    connections, published, received = (found[k] for k in ("connections", "published", "received"))
    assert connections["signed_in"] + connections["refused"] <= connections["asked"]
    assert connections["sign_in_ms"]["count"] == connections["signed_in"]
    assert sum(connections["refused_by_code"].values()) == connections["refused"]
    assert sum(connections["ended_by_code"].values()) == connections["ended_early"]
    assert published["due"] == (published["accepted"] + published["refused"] +
                                published["unanswered"] + published["not_sent"])
    assert received["expected"] == (received["received"] + received["lost"] +
                                    received["in_flight"])
    for histogram in (connections["sign_in_ms"], published["answer_ms"], received["latency_ms"]):
        assert sum(count for _, count in histogram["buckets"]) == histogram["count"]
        if histogram["count"]:
            order = [histogram[k] for k in ("min", "p50", "p90", "p99", "p99_9", "max")]
            assert order == sorted(order) and histogram["min"] <= histogram["mean"] <= order[-1]
    assert received["latency_ms"]["count"] >= received["received"]
    return found


@pytest.mark.parametrize("client", ["--session", "--plain"])
@pytest.mark.parametrize("batch", [1, 7])
def test_each_event_reaches_all_connections_once(server, client, batch):
    found = bench(server, "--connections", 30, "--rate", 100, "--duration", 1, "--batch", batch,
                  client)
    assert found["ok"] and found["audience"] == "broadcast" and found["client"] == client[2:]
    assert found["connections"]["signed_in"] == 30 and found["published"]["accepted"] == 100
    assert found["published"]["requests"] == -(-100 // batch)
    assert found["received"]["received"] == found["received"]["expected"] == 3000
    assert found["received"]["latency_ms"]["p50"] > 0


@pytest.mark.parametrize("client", ["--session", "--plain"])
def test_each_event_reaches_one_user_and_all_his_connections(server, client):
    found = bench(server, "--targeted", "--connections", 25, "--users", 10, "--rate", 200,
                  "--duration", 1, "--publishers", 3, "--data-size", 500, client)
    # Users 0 to 4 have three connections and 5 to 9 two; each is the target of 20 events.
    assert found["ok"] and found["received"]["received"] == 20 * 25 and found["users"] == 10
    assert found["received"]["bytes"] > 20 * 25 * 500


def test_one_users_token_serves_for_all_connections(server):
    tenant = unique("t")
    env = {"MCP_AUTH_TOKEN": admin(tenant, user="ann")}
    found = bench(server, "--connections", 5, "--duration", 1, "--rate", 50, env=env)
    assert found["received"]["received"] == 250 and found["users"] == 1
    plain_user = bench(server, "--connections", 5, "--duration", 1, "--rate", 50,
                       "--token", mint("bob", tenant), "--api-key", API_KEY, "--plain", env={})
    assert plain_user["received"]["received"] == 250
    not_allowed = run("bench", server.url, "--token", mint("bob", tenant), "--duration", 20)
    assert not_allowed.returncode == 1 and "403" in not_allowed.stderr
    assert "realtime:publish" in not_allowed.stderr


def test_connections_alone_are_held_for_a_while(server):
    found = bench(server, "--connections", 12, "--rate", 0, "--duration", 1, "--connect-rate", 50)
    assert found["ok"] and found["published"]["requests"] == 0
    assert 0.2 < found["connections"]["seconds"] < 5


def test_it_goes_over_a_unix_socket(launch, tmp_path):
    path = tmp_path / "s"
    port = free_port()
    launch({"MCP_AUTH_LISTEN": f"127.0.0.1:{port},unix:{path}"}, port=port)
    assert bench(f"unix:{path}", "--connections", 10, "--duration", 1)["ok"]


def test_a_wrong_token_is_said_once_and_at_once(server):
    for how in ([], ["--plain"]):
        started = time.monotonic()
        done = run("bench", server.url, *how, env={"MCP_AUTH_JWT_SECRET": "q" * 64})
        assert done.returncode == 1 and time.monotonic() - started < 8
        assert "401" in done.stderr if how else "4001" in done.stderr
        assert "0 of 100 signed in" in done.stdout
    given = run("bench", server.url, "--token", mint("ann", secret="q" * 64))
    assert given.returncode == 1 and "4001" in given.stderr and given.stdout == ""
    nothing = run("bench", server.url)
    assert nothing.returncode == 2 and "MCP_AUTH_JWT_SECRET" in nothing.stderr


def test_nobody_there_and_no_address_are_told_apart():
    nobody = run("bench", f"http://127.0.0.1:{free_port()}", env=KEY)
    assert nobody.returncode == 1 and "nobody answers" in nobody.stderr
    for url in ("https://localhost:1", "ftp://localhost:1", "http://localhost:x"):
        assert run("bench", url, env=KEY).returncode == 2


def test_wrong_use_is_said_before_anything_begins(server):
    for arguments in (["--connections", "0"], ["--rate", "many"], ["--targeted", "--broadcast"],
                      ["--users", "200"], ["--event-type", "user_deleted"], ["--no-such"],
                      ["--batch", "1000", "--data-size", "32768"], ["word"],
                      ["--rate", "1000000", "--duration", "86400"], ["--json=1"]):
        done = run("bench", *arguments, env={**KEY, "MCP_AUTH_URL": server.url})
        assert done.returncode == 2 and done.stdout == "", (arguments, done)
        assert arguments[0].lstrip("-").split("=")[0] in done.stderr, (arguments, done)
    for arguments in (["--targeted"], ["--users", "3"], ["--api-key", "a\r\nb"]):
        done = run("bench", server.url, "--token", mint("ann"), *arguments)
        assert done.returncode == 2, done
    unknown = run("bench", server.url, "--event-type", "role_asigned", env=KEY)
    assert unknown.returncode == 1 and "role_assigned" in unknown.stderr


def test_too_few_descriptors_are_said_with_what_would_do(server):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))

    done = subprocess.run([program(), "bench", server.url, "--connections", "200"],
                          preexec_fn=few, capture_output=True, text=True, timeout=30,
                          env=clean_environment(**KEY))
    assert done.returncode == 1 and "open files" in done.stderr and "60" in done.stderr

    def soft():
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 400))

    done = subprocess.run([program(), "bench", server.url, "--connections", "200", "--duration",
                           "1", "--rate", "5", "--tenant", unique("b")],
                          preexec_fn=soft, capture_output=True, text=True, timeout=30,
                          env=clean_environment(**KEY))
    assert done.returncode == 0, done.stderr


def test_connections_over_the_servers_limit_are_counted_by_code(launch):
    server = launch({"WEBSOCKET_MAX_CONNECTIONS": 20})
    found = bench(server, "--connections", 50, "--duration", 1, "--rate", 20, status=1)
    assert found["connections"]["signed_in"] == 20
    assert found["connections"]["refused_by_code"] == {"4204": 30}
    assert found["received"]["received"] == 400 and found["received"]["lost"] == 0
    assert not found["ok"]


def test_publications_over_the_rate_limit_are_counted_and_not_called_lost(launch):
    server = launch({"MCP_AUTH_PUBLISH_RATE": 20})
    found = bench(server, "--connections", 5, "--duration", 2, "--rate", 100, "--batch", 5,
                  status=1)
    published, received = found["published"], found["received"]
    assert published["refused"] > 0 and published["refused_by_status"]["429"] > 0
    assert received["received"] == 5 * published["accepted"] and received["lost"] == 0


def test_a_server_that_is_killed_ends_it_soon_and_clearly(launch):
    server = launch()
    server.expected_status = -signal.SIGKILL
    bencher = Lines([program(), "bench", server.url, "--json", "--connections", "20", "--duration",
                     "40", "--rate", "200"], **KEY)
    with bencher:
        server.wait_stats(active_connections=20)
        time.sleep(0.5)
        server.signal(signal.SIGKILL)
        server.wait_end()
        assert bencher.end(15) == 1
    found = add_up(json.loads(bencher.out[0]))
    assert found["connections"]["ended_early"] == 20 and found["received"]["received"] > 0
    assert "every connection has ended" in found["why"]
    assert any("every connection has ended" in note for note in bencher.notes)


def test_a_draining_server_is_told_by_its_code(launch):
    server = launch()
    with Lines([program(), "bench", server.url, "--json", "--connections", "10", "--duration",
                "40", "--rate", "50"], **KEY) as bencher:
        server.wait_stats(active_connections=10)
        time.sleep(0.3)
        server.signal(signal.SIGTERM)
        assert bencher.end(20) == 1
    found = add_up(json.loads(bencher.out[0]))
    assert found["connections"]["ended_by_code"] == {"4200": 10}
    server.wait_end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_shows_what_was_measured_so_far(launch, number):
    server = launch()
    with Lines([program(), "bench", server.url, "--json", "--connections", "10", "--duration",
                "40", "--rate", "100"], **KEY) as bencher:
        server.wait_stats(active_connections=10)
        time.sleep(1)
        assert bencher.interrupt(number) == 0, bencher.notes
    found = add_up(json.loads(bencher.out[0]))
    assert found["interrupted"] and found["received"]["received"] > 100
    assert found["published"]["not_sent"] > 0 and found["received"]["lost"] == 0


def test_a_signal_while_connections_come_in_ends_it_too(launch):
    server = launch()
    with Lines([program(), "bench", server.url, "--json", "--connections", "100",
                "--connect-rate", "10"], **KEY) as bencher:
        server.wait_stats(active_connections=5)
        assert bencher.interrupt(signal.SIGINT) == 0, bencher.notes
    found = add_up(json.loads(bencher.out[0]))
    assert found["interrupted"] and 5 <= found["connections"]["signed_in"] < 60
    assert found["published"]["due"] == 0
    server.wait_stats(active_connections=0)


def test_a_server_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        done = run("bench", url, "--connections", "3", env=KEY)
        assert done.returncode == 1 and "within 10 s" in done.stderr
        assert "0 of 3 signed in" in done.stdout


def test_the_table_is_for_people_and_the_progress_for_terminals(server):
    arguments = ["bench", server.url, "--connections", "5", "--duration", "1", "--tenant",
                 unique("b")]
    table = run(*arguments, env=KEY)
    assert table.returncode == 0 and table.stderr == ""
    for word in ("5 of 5 signed in", "100 of 100 events", "500 of 500 frames", "p99.9", "up to",
                 "lost 0", "everything arrived once", "of CPU a frame"):
        assert word in table.stdout, word
    for quiet in (False, True):
        shown = on_terminal(*arguments, *(["--quiet"] if quiet else []), stdout=subprocess.DEVNULL,
                            env=KEY)
        assert (b"#" in shown and b"received" in shown) != quiet


# What a wrong server would do, each once on every one of four connections.
def dropped(number, frame, held):
    return ([] if number == 3 else [frame]), held


def doubled(number, frame, held):
    return ([frame, frame] if number == 3 else [frame]), held


def swapped(number, frame, held):
    if number == 3:
        return [], [frame]
    return [frame, *held], []


def foreign(number, frame, held):
    other = frame.replace(b'"id":"bench-', b'"id":"other-') if number == 3 else frame
    return [other], held


@pytest.mark.parametrize("client", ["--session", "--plain"])
@pytest.mark.parametrize("change,wanted", [
    (dropped, {"lost": 4}), (doubled, {"doubled": 4}), (swapped, {"out_of_order": 4}),
    (foreign, {"lost": 4, "foreign": 4})])
def test_what_a_wrong_server_does_is_counted_exactly(server, client, change, wanted):
    with Cheat(server, change) as cheat:
        found = bench(cheat, "--connections", 4, "--rate", 40, "--duration", 1, "--settle", 1,
                      "--publishers", 1, client, status=1)
    received = found["received"]
    kinds = ("lost", "doubled", "out_of_order", "misdelivered", "foreign")
    assert {k: received[k] for k in kinds if received[k]} == wanted
    assert received["received"] == 160 - received["lost"] and not found["ok"]


def test_an_event_for_somebody_else_is_misdelivered(server):
    """Two users; the proxy gives each of them the other's first event too."""
    seen = []

    def crossed(_, frame, held):
        seen.append(frame)
        other = next((f for f in seen if f[40:66] != frame[40:66]), None)
        if other and not held:
            return [frame, other], [True]
        return [frame], held

    with Cheat(server, crossed) as cheat:
        found = bench(cheat, "--targeted", "--connections", 2, "--rate", 20, "--duration", 1,
                      "--publishers", 1, status=1)
    assert found["received"]["misdelivered"] > 0 and found["received"]["lost"] == 0


def test_a_request_without_an_answer_goes_again_and_counts_once(server):
    with Cheat(server, cut=1) as cheat:
        found = bench(cheat, "--connections", 3, "--rate", 20, "--duration", 1, "--publishers", 1)
    assert found["published"]["sent_again"] == 1 and found["received"]["received"] == 60
    # Not answered the second time either: it was published, but nobody said so.
    with Cheat(server, cut=2) as cheat:
        found = bench(cheat, "--connections", 3, "--rate", 20, "--duration", 1, "--publishers", 1,
                      status=1)
    assert found["published"]["unanswered"] == 1 and found["published"]["accepted"] == 19
    assert found["received"]["received"] == 60 and found["received"]["unsure"] == 0


def test_a_server_that_stalls_cannot_hide_it(launch):
    """Stopped for a second and a half: every event that was due meanwhile waited, and says so."""
    server = launch({"MCP_AUTH_WORKERS": 1})
    with Lines([program(), "bench", server.url, "--json", "--connections", "5", "--duration", "4",
                "--rate", "100", "--publishers", "1"], **KEY) as bencher:
        server.wait_stats(active_connections=5)
        time.sleep(0.7)
        server.signal(signal.SIGSTOP)
        time.sleep(1.5)
        server.signal(signal.SIGCONT)
        assert bencher.end(30) == 0, bencher.notes
    latency = add_up(json.loads(bencher.out[0]))["received"]["latency_ms"]
    assert latency["count"] == 2000
    waited = sum(count for top, count in latency["buckets"] if top > 300)
    # 100 a second for 1.2 s, to 5 connections each; one request at a time would show 5.
    assert waited >= 500, latency
