#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# redis.py: instances that share a Redis: the way between them, following the stream, an outage.
"""Usage: redis.py [MEASURE ...] [--rounds N] [--entries N] [--out FILE]

MEASURE: across follow alone return revoke (all of them when none is named). Starts a redis-server
and instances of its own on loopback ports, and ends them. MCP_AUTH_BIN measures another program
than build/release/mcp-auth. Times are wall clock: believe the ratios, which are taken within a run.
"""
import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = str(ROOT / "bench")
sys.path[:] = [p for p in sys.path if p != HERE]  # this file would stand in front of redis-py
sys.path.insert(0, str(ROOT / "tests" / "behaviour"))
os.environ.setdefault("MCP_AUTH_BIN", str(ROOT / "build" / "release" / "mcp-auth"))

import raw  # noqa: E402
from redis_server import RedisServer  # noqa: E402
from serving import API_KEY, Server  # noqa: E402
from tokens import admin, mint  # noqa: E402

SESSION = "Sec-WebSocket-Protocol: mcp-auth.v1"


def instance(redis=None, **environment):
    settings = {"MCP_AUTH_WORKERS": 1, "MCP_AUTH_LOG_LEVEL": "error", **environment}
    if redis:
        settings["REDIS_URL"] = redis.url
    server = Server(settings)
    server.wait_ready()
    return server


class Publisher:
    """One HTTP connection that stays."""

    def __init__(self, server):
        self.socket = raw.connect(server)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, events, path="/v1/events"):
        body = json.dumps(events).encode()
        self.socket.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                            f"{API_KEY}\r\nContent-Type: application/json\r\nContent-Length: "
                            f"{len(body)}\r\n\r\n".encode() + body)

    def answer(self, status=202):
        (got, head, body), = raw.receive_answers(self.socket)
        assert got == status, (head, body)
        return json.loads(body)


def session(server, token):
    client = raw.RawClient(server, SESSION, token=token)
    while json.loads(client.receive()[1])["type"] != "auth_ok":
        pass
    return client


def next_event(client):
    while True:
        opcode, payload = client.receive()
        if opcode == raw.TEXT and b'"type":"event"' in payload[:20]:
            return payload


class Resp:
    """A connection to Redis as bare as the other side of the comparison: bytes in, bytes out."""

    def __init__(self, redis):
        self.socket = socket.create_connection(("127.0.0.1", redis.port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words)
                            + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def until(self, end):
        content = b""
        while not content.endswith(end):
            chunk = self.socket.recv(65536)
            assert chunk
            content += chunk
        return content


def one_event(**more):
    return {"event_type": "role_assigned", "user_id": "admin-1", "target_user_id": "user-1234",
            "role_name": "editor", "message": "x" * 60, **more}


def spread(samples):
    ordered = sorted(samples)
    return {"median_us": round(statistics.median(ordered) * 1e6, 1),
            "p99_us": round(ordered[int(len(ordered) * 0.99)] * 1e6, 1), "of": len(ordered)}


def delivery(publisher, client):
    """From before the request is sent until the frame is here."""
    before = time.perf_counter()
    publisher.send(one_event())
    next_event(client)
    taken = time.perf_counter() - before
    publisher.answer()
    return taken


def bare(adder, reader, size):
    """The least there is between two programs and a Redis: XADD here, a blocked XREAD there."""
    reader.send("XREAD", "BLOCK", "0", "STREAMS", "bare", "$")
    time.sleep(0.001)  # it waits, as a follower does
    before = time.perf_counter()
    adder.send("XADD", "bare", "MAXLEN", "~", "1000", "*", "json", b"x" * size + b"END")
    reader.until(b"END\r\n")
    taken = time.perf_counter() - before
    adder.until(b"\r\n")
    return taken


def across(redis, options):
    """Publish on one instance to receipt on another, beside the bare way, in turns."""
    first, second = instance(redis), instance(redis)
    publisher, client = Publisher(first), session(second, admin(""))
    adder, reader = Resp(redis), Resp(redis)
    ours, least = [], []
    for i in range(options.rounds + 50):
        if i == 50:  # warm
            ours, least = [], []
        ours.append(delivery(publisher, client))
        least.append(bare(adder, reader, 300))
    return {"ours": spread(ours), "bare": spread(least),
            "ratio": round(statistics.median(ours) / statistics.median(least), 2)}, first, second


def thread_ns(process):
    found = {}
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found[task.name] = int((task / "schedstat").read_text().split()[0])
    return found


def fill(redis, count, time_ms):
    """Entries as publish.lua writes them: the first is its own, the others look like it."""
    maker = instance(redis, MCP_AUTH_HISTORY_EVENTS=count + 10)
    maker.publish(one_event(tenant_id="acme"))
    maker.stop()
    client = redis.client()
    (_, fields), = client.xrevrange("rbac:events", "+", "-", count=1)
    n = int(client.hget("{rbac:events}:epoch", "n"))
    stamp = fields[b"json"].split(b'"timestamp":"', 1)[1][:24]
    made = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_ms // 1000)).encode() \
        + b".%03dZ" % (time_ms % 1000)
    pipe = client.pipeline(transaction=False)
    for i in range(n + 1, n + count + 1):
        name = str(uuid.UUID(int=i)).encode()
        entry = dict(fields, n=str(i), t=str(time_ms), id=name)
        for word in ("n", "t", "id"):
            entry.pop(word.encode(), None)
        entry["json"] = fields[b"json"].replace(fields[b"id"], name).replace(stamp, made)
        entry.pop(b"json")
        pipe.xadd("rbac:events", entry, id=f"{i}-0")
        if i % 2000 == 0:
            pipe.execute()
    pipe.hset("{rbac:events}:epoch", "n", n + count)
    pipe.execute()
    return n + count


def metric(server, name):
    text = server.request("GET", "/metrics").body.decode()
    return float(next(line.rsplit(" ", 1)[1] for line in text.splitlines()
                      if line.startswith(f"mcp_auth_{name} ")))


def follow(redis, options):
    """CPU of the thread that follows, for each entry, nobody listening here: what came while the
    instance was away, and as news."""
    result = {}
    for kind, age_ms in (("news", 0), ("past", 3600_000)):
        redis.client().flushall()
        head = fill(redis, options.entries, int(time.time() * 1000) - age_ms)
        started = time.monotonic()
        server = instance(redis, MCP_AUTH_HISTORY_EVENTS=options.entries + 10)
        while (stats := server.stats())["redis"]["last_n"] < head or stats["bus"] != "ok":
            assert time.monotonic() < started + 60, stats
            time.sleep(0.005)
        wall = time.monotonic() - started
        cpu = thread_ns(server.process)
        busiest = max(cpu.values())
        result[kind] = {"entries": options.entries, "history": stats["history_events"],
                        "wall_s": round(wall, 3), "bus_thread_s": round(busiest / 1e9, 3),
                        "all_threads_s": round(sum(cpu.values()) / 1e9, 3),
                        "entries_per_core_second": round(options.entries / (busiest / 1e9))}
        server.stop()
    return result, None


def alone(redis, options):
    """Delivery on the instance itself: Redis frozen, behind the first deadline; and none at all."""
    with_redis, without = instance(redis), instance()
    arms = [(Publisher(s), session(s, admin(""))) for s in (with_redis, without)]
    times = [[], []]
    for arm in arms:
        delivery(*arm)
    redis.freeze()
    first = delivery(*arms[0])
    for i in range(options.rounds):
        for which in (0, 1) if i % 2 else (1, 0):
            times[which].append(delivery(*arms[which]))
    redis.thaw()
    return {"first_ms": round(first * 1e3, 1), "frozen": spread(times[0]),
            "no_redis": spread(times[1]),
            "ratio": round(statistics.median(times[0]) / statistics.median(times[1]), 2)
            }, with_redis, without


def comes_back(redis, first, second, stop, go, count):
    publisher, client = Publisher(first), session(second, admin(""))
    stop()
    for _ in range(count // 100):
        publisher.send([one_event() for _ in range(100)])
        publisher.answer()
    time.sleep(2)
    before = time.monotonic()
    go()
    for _ in range(count):
        next_event(client)
    received = time.monotonic() - before
    while first.stats()["bus"] != "ok" or second.stats()["bus"] != "ok":
        assert time.monotonic() < before + 30
        time.sleep(0.01)
    return {"events": count, "all_received_s": round(received, 3),
            "ok_s": round(time.monotonic() - before, 3)}


def return_(redis, options):
    """What one instance took meanwhile is at the other's client, after Redis came back."""
    first, second = instance(redis), instance(redis)
    result = {}
    for name, stop, go in (("frozen", redis.freeze, redis.thaw), ("killed", redis.kill,
                                                                   redis.start)):
        runs = [comes_back(redis, first, second, stop, go, 1000) for _ in range(options.outages)]
        result[name] = {"runs": runs, "median_s": statistics.median(r["all_received_s"]
                                                                    for r in runs)}
    return result, first, second


def revoke(redis, options):
    """From the request until the withdrawn user's connection is closed, on each of three."""
    servers = [instance(redis) for _ in range(3)]
    publisher = Publisher(servers[0])
    here, everywhere = [], []
    for i in range(options.rounds // 4):
        clients = [session(s, mint(f"leaver-{i}")) for s in servers]
        before = time.perf_counter()
        publisher.send({"user_id": f"leaver-{i}"}, "/v1/revocations")
        ends = []
        for client in clients:
            code, _ = client.closed()
            assert code == 4102, code
            ends.append(time.perf_counter() - before)
            client.close()
        publisher.answer(200)
        here.append(ends[0])
        everywhere.append(max(ends))
    time.sleep(0.2)
    return {"here": spread(here), "everywhere": spread(everywhere),
            "enforcement_mean_us": [round(metric(s, "enforcement_latency_seconds_sum") * 1e6
                                          / metric(s, "enforcement_latency_seconds_count"), 1)
                                    for s in servers]}, *servers


MEASURES = {"across": across, "follow": follow, "alone": alone, "return": return_,
            "revoke": revoke}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", nargs="*", metavar="MEASURE")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=300000)
    parser.add_argument("--outages", type=int, default=5)
    parser.add_argument("--out")
    options = parser.parse_args()
    for name in options.measures:
        if name not in MEASURES:
            parser.error(f"no measure is called {name!r}; there are {' '.join(MEASURES)}")
    results = {"load_before": os.getloadavg()}
    for name in options.measures or MEASURES:
        with tempfile.TemporaryDirectory() as folder:
            redis = RedisServer(folder, "--appendfsync", "no", appendonly=name == "return")
            servers = ()
            try:
                results[name], *servers = MEASURES[name](redis, options)
            finally:
                for server in servers:
                    if server:
                        server.stop()
                if redis.frozen:
                    redis.thaw()
                redis.kill()
        print(name, json.dumps(results[name], indent=1), flush=True)
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(results, indent=1) + "\n",
                                             encoding="utf-8")


if __name__ == "__main__":
    main()
