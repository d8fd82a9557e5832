# SPDX-License-Identifier: Apache-2.0
# test_measuring.py: the benchmarks' arithmetic is right, and a server that loses a frame has no figure.
import json
import pathlib
import subprocess
import sys

import pytest

from serving import ROOT

sys.path.insert(0, str(ROOT / "bench"))
import arms  # noqa: E402
import figures  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402

# A WebSocket server that skips, doubles or shortens one frame, or closes a connection, in each order
# from the third on: in the runs that are measured, after the padding and the warm-up.
WRONG_SERVER = '''
import base64, hashlib, os, re, socket, struct, sys, threading

receivers = []

def frame(text):
    return b"\\x81\\x7e" + struct.pack(">H", len(text)) + text

def exactly(peer, size):
    got = b""
    while len(got) < size:
        piece = peer.recv(size - len(got))
        if not piece:
            sys.exit()
        got += piece
    return got

def obey(peer):
    for orders in range(1 << 30):
        size = exactly(peer, 2)[1] & 127
        size = struct.unpack(">H", exactly(peer, 2))[0] if size == 126 else size
        assert exactly(peer, 4) == bytes(4)
        _, count, text = exactly(peer, size).split(b" ", 2)
        for number, receiver in enumerate(receivers):
            for event in range(int(count)):
                special = orders >= 2 and number == 1 and event == 0
                if special and sys.argv[2] == "short":
                    text = text[:-1]
                times = {"skip": 0, "double": 2}.get(sys.argv[2], 1) if special else 1
                receiver.sendall(frame(text) * times)
            if sys.argv[2] == "close" and orders >= 2 and number == 1:
                receiver.shutdown(socket.SHUT_RDWR)

def greet(peer):
    request = b""
    while not request.endswith(b"\\r\\n\\r\\n"):
        piece = peer.recv(4096)
        if not piece:
            return
        request += piece
    key = re.search(rb"Key: (\\S+)", request)[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    if b"GET /control" not in request:
        receivers.append(peer)
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
                 b"Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(key).digest())
                 + b"\\r\\n\\r\\n")
    if b"GET /control" in request:
        obey(peer)

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=greet, args=(listener.accept()[0],), daemon=True).start()
'''


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The client and the limit, compiled as they stand; where arms.py looks for them."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "bench").mkdir()
    for name in ("client", "limit"):
        sources = sorted((ROOT / "bench").glob(f"{name}*.c"))
        subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O1", *map(str, sources), "-lcrypto",
                        "-o", str(folder / "bench" / name)], check=True, timeout=120)
    return folder


def processes_of(folder):
    """Those whose command names something in the folder."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:  # it has just ended
            continue
        if str(folder).encode() in command:
            found.append(command)
    return found


def bout(monkeypatch, tmp_path, built, server, pairs=2, **common):
    """The result of a small scenario with the limit and one other arm."""
    monkeypatch.setattr(arms, "BUILD", built)
    monkeypatch.setattr(run, "FOLDER", tmp_path)
    (tmp_path / "server.py").write_text(WRONG_SERVER)
    wrong = {"road": "order", "path": "/", "timeout": 2000,
             "event": arms.SERVERS["limit"]["event"],
             "command": ["/usr/bin/python3", str(tmp_path / "server.py"), "{port}", server]}
    monkeypatch.setitem(arms.SERVERS, "other", wrong)
    scenario = {"name": "small", "title": "small", "unit": "frame", "base": "limit", "target": 2,
                "common": {"connections": 3, "rounds": 2, "batch": 4, "spread": "all", "warm": 1,
                           **common},
                "arms": {"limit": {"server": "limit"}, "other": {"server": "other"}}}
    it = run.Bout(scenario, [], pairs)
    it.run()
    assert not processes_of(tmp_path)
    return it.result()


def test_a_server_that_gives_every_frame_has_a_ratio(monkeypatch, tmp_path, built):
    found = bout(monkeypatch, tmp_path, built, "right")
    assert found["failures"] == []
    assert found["arms"]["other"]["ratio"]["median"] > 1
    assert found["arms"]["limit"]["ratio"]["median"] == 1


@pytest.mark.parametrize("wrong", ["skip", "double", "close", "short"])
def test_a_server_that_is_wrong_by_one_frame_has_no_figure(monkeypatch, tmp_path, built, wrong):
    found = bout(monkeypatch, tmp_path, built, wrong)
    assert found["failures"], found
    row = found["arms"]["other"]
    assert "value" not in row and "ratio" not in row and row["failed"] == 2
    assert found["arms"]["limit"]["failed"] == 0
    assert "—" in report.table({"scenarios": {"small": found}})


def test_the_limit_gives_a_mix_and_single_frames(monkeypatch, tmp_path, built):
    for spread, batch in (("mix", 64), ("one", 5)):
        found = bout(monkeypatch, tmp_path, built, "right", 1, spread=spread, batch=batch)
        assert found["arms"]["limit"]["failed"] == 0, found["failures"]


def test_the_limit_takes_orders_that_come_together(monkeypatch, tmp_path, built):
    found = bout(monkeypatch, tmp_path, built, "right", 1, rounds=200, batch=4, rate=100000)
    assert found["arms"]["limit"]["failed"] == 0, found["failures"]


def test_an_absent_peer_is_said_and_has_no_figure(monkeypatch, tmp_path, built):
    monkeypatch.setattr(arms, "CACHE", tmp_path / "nothing-installed")
    monkeypatch.setattr(arms, "BUILD", built)
    scenario = {"name": "small", "title": "small", "unit": "frame", "base": "limit",
                "arms": {"limit": {"server": "limit"}}, "peers": ["bun", "nchan"]}
    it = run.Bout(scenario, ["bun"], 1)
    assert set(it.absent) == {"bun"} and set(it.settings) == {"limit"}


def test_a_ratio_is_taken_pair_by_pair():
    """Both doubled in the disturbed pair: the ratio has not moved."""
    row = figures.compared([2.2, 4.4, 2.2], [2.0, 4.0, 2.0])
    assert row["ratio"]["median"] == pytest.approx(1.1)
    assert row["ratio"]["low"] == pytest.approx(row["ratio"]["high"])
    assert row["value"]["median"] == 2.2


def test_a_failed_run_takes_its_pair_out_and_is_counted():
    row = figures.compared([2.0, None, 3.0], [1.0, 1.0, None])
    assert row["failed"] == 1 and row["ratio"]["count"] == 1 and row["ratio"]["median"] == 2
    assert "ratio" not in figures.compared([None, None], [1.0, 1.0])


def test_the_interval_is_that_of_order_statistics():
    """15 values: the 4th and the 12th hold the median with 96.48 % (binomial, p = 1/2)."""
    low, high, coverage = figures.interval(list(range(1, 16)))
    assert (low, high) == (4, 12) and coverage == pytest.approx(0.96484375)
    low, high, coverage = figures.interval([5, 1, 3])
    assert (low, high) == (1, 5) and coverage == pytest.approx(0.75)
    low, high, coverage = figures.interval([7])
    assert (low, high) == (7, 7) and coverage == 0


def test_a_verdict_needs_the_whole_interval():
    assert figures.verdict({"low": 1.0, "high": 1.05}, 1.05) == "held"
    assert figures.verdict({"low": 1.06, "high": 1.2}, 1.05) == "missed"
    assert figures.verdict({"low": 1.0, "high": 1.2}, 1.05) == "open"
    assert figures.verdict({"low": 1.0, "high": 1.2}, None) == "stated"


def test_figures_are_per_frame_that_should_arrive():
    answer = {"server_cpu": 3_000_000, "expected": 1000, "connected": 100, "memory": 25600,
              "latency": {"p99": 1500}}
    assert figures.value(answer, "frame") == 3.0
    assert figures.value(answer, "connection") == 30.0
    assert figures.value(answer, "memory") == 256
    assert figures.value(answer, "p99") == 1.5


def test_every_scenario_names_arms_that_exist():
    for path in sorted((ROOT / "bench" / "scenarios").glob("*.json")):
        scenario = json.loads(path.read_text(encoding="utf-8"))
        assert scenario["base"] in scenario["arms"], path
        assert all(arm["server"] in arms.SERVERS for arm in scenario["arms"].values()), path
        assert all((ROOT / "bench" / "peers" / peer / "peer.json").exists()
                   for peer in scenario.get("peers", [])), path
