# SPDX-License-Identifier: Apache-2.0
# test_broker_redis.py: the fleet's broker while its Redis dies, freezes, fills up and forgets.
import re
import time

import pytest

from broker_probe import Probe
from redis_scripts import SEPARATOR
from serving import ROOT
from slow_line import SlowLine


@pytest.fixture
def start(redis_server):
    probes = []

    def begin(name="one", history=100000, redis=redis_server, url=None, **more):
        probes.append(Probe(url or redis.url, name, history, *more.values()))
        return probes[-1]

    yield begin
    for probe in probes:
        probe.stop()


@pytest.fixture
def one(start):
    made = start()
    made.wait("stand first [0-9a-f]{16} 0 0 0")
    made.ready()
    return made


def ids(probe):
    return [entry[0] for entry in probe.entries().values()]


def test_instances_see_the_same_stream(one, start):
    two = start("two")
    two.ready()
    one.publish("a", count=3)
    two.publish("b", count=3)
    for probe in (one, two):
        probe.wait_entry(6)
    assert one.entries() == two.entries()


def test_a_new_instance_reads_what_history_holds(one, start):
    one.answer(one.publish("a", count=500))
    one.wait_entry(500)
    two = start("two", history=100)
    assert two.wait(r"stand first \S+ (\d+) 0 500")[1] == "400"
    two.ready()
    assert list(two.entries()) == list(range(401, 501))
    assert {n: one.entries()[n] for n in two.entries()} == two.entries()


def test_a_killed_server_that_kept_everything_is_gone_on_with(one, redis_server):
    assert one.answer(one.publish("a", count=3)) == [1, 2, 3]
    one.wait_entry(3)
    redis_server.kill()
    one.wait("away ")
    redis_server.start()
    one.wait("stand same .* 3 0 3")
    one.ready()
    assert one.answer(one.publish("b")) == [4]
    one.wait_entry(4)


def test_a_frozen_server_is_noticed_and_what_was_stuck_is_never_stored(one, redis_server):
    one.answer(one.publish("a"))
    one.wait_entry(1)
    redis_server.freeze()
    began = time.monotonic()
    stuck = one.publish("stuck")
    one.wait("away ")
    assert time.monotonic() - began < 2.5
    for _ in range(2):
        one.wait("away ")
    redis_server.thaw()
    one.wait(r"stand same ")
    one.ready()
    assert one.answer(one.publish("b"))[0] in (2, 3)
    time.sleep(0.3)
    # Either it ran before we attached again, and came back as ours, or it never will.
    stored = [fields[b"id"] for _, fields in redis_server.client().xrange("rbac:events")]
    assert [id.encode() for id in ids(one)] == stored
    assert not any(line.startswith(f"answer {stuck} ") for line in one.said)


def test_a_server_without_memory_is_away_until_it_has_some(one, redis_server):
    client = redis_server.client()
    client.config_set("maxmemory", "1mb")
    one.publish("a")
    assert "OOM" in one.wait("away (.*)")[1]
    client.config_set("maxmemory", 0)
    one.wait("stand same .* 0 0 0")
    one.ready()
    assert one.answer(one.publish("a")) == [1]


def test_a_replica_is_refused_until_it_is_the_primary(redis_server, start_redis, start):
    replica = start_redis("--replicaof", "127.0.0.1", redis_server.port)
    while replica.client().info("replication")["master_link_status"] != "up":
        time.sleep(0.05)
    one = start(redis=replica)
    assert "READONLY" in one.wait("away (.*)")[1]
    replica.client().replicaof("NO", "ONE")
    one.ready()


def test_a_stream_that_was_flushed_is_another(one, redis_server):
    one.answer(one.publish("a", count=5))
    one.wait_entry(5)
    epoch = redis_server.client().hget("{rbac:events}:epoch", "epoch").decode()
    redis_server.client().flushall()
    found = one.wait(r"stand lost_tail (\S+) 0 0 0")
    assert found[1] != epoch
    one.ready()
    assert one.answer(one.publish("b")) == [1]


def test_scripts_that_were_flushed_are_loaded_again(one, redis_server):
    one.answer(one.publish("a"))
    redis_server.client().script_flush()
    one.publish("b")
    assert "NOSCRIPT" in one.wait("away (.*)")[1]
    one.wait("stand same")
    one.ready()
    assert one.answer(one.publish("c")) == [2]


def test_what_was_trimmed_while_away_is_a_gap(one, redis_server, start):
    one.answer(one.publish("a", count=10))
    one.wait_entry(10)
    redis_server.client().client_pause(1)
    redis_server.kill()
    one.wait("away ")
    redis_server.start()
    # Before it is back: its connections come after a pause of chance, ours at once.
    client = redis_server.client()
    client.client_pause(1500)
    pipeline = client.pipeline()
    for n in range(11, 31):
        pipeline.xadd("rbac:events", {"v": 1, "n": n, "id": f"x{n}", "tenant": "t"}, id=f"{n}-0")
    pipeline.hset("{rbac:events}:epoch", "n", 30)
    pipeline.xtrim("rbac:events", minid="21-0", approximate=False)
    pipeline.execute()
    # The attach may have been first; then it is trimmed under a follower that has yet to read.
    if one.wait(r"stand (same|gap) .* (\d+) 0 (\d+)")[1] == "same":
        one.wait(r"stand gap \S+ 20 0 30")
    one.ready()
    assert list(one.entries())[10:] == list(range(21, 31))


def test_a_lost_tail_is_found_and_another_epoch_begins(start, start_redis, tmp_path):
    server = start_redis("--appendfsync", "no")
    one, two = start(redis=server), start("two", redis=server)
    for probe in (one, two):
        probe.ready()
    one.answer(one.publish("a", count=600))
    for probe in (one, two):
        probe.wait_entry(600)
    old = server.client().hget("{rbac:events}:epoch", "epoch").decode()
    # As after a failover to a replica that had less.
    pipeline = server.client().pipeline()
    pipeline.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for n in range(296, 601):
        pipeline.xdel("rbac:events", f"{n}-0")
    pipeline.execute_command("XSETID", "rbac:events", "295-0")
    # Another instance has gone on meanwhile, further than a look behind takes at once.
    for n in range(296, 700):
        pipeline.xadd("rbac:events", {"v": 1, "id": f"x{n}", "tenant": "t"}, id=f"{n}-0")
        pipeline.xadd("rbac:events", {"by": "hand"}, id=f"{n}-7")
    pipeline.hset("{rbac:events}:epoch", "n", 699)
    pipeline.execute()
    epochs = set()
    for probe in (one, two):
        found = probe.wait(r"stand lost_tail (\S+) 0 (\d+) (\d+)")
        epochs.add(found[1])
        assert found[2] == "295"
        probe.ready()
    assert len(epochs) == 1 and old not in epochs
    assert one.answer(one.publish("b")) == [700]
    two.wait_entry(700)
    assert one.entries() == two.entries()


def test_an_entry_that_nobody_can_read_keeps_its_number(one, redis_server):
    client = redis_server.client()
    one.answer(one.publish("a"))
    pipeline = client.pipeline()
    pipeline.xadd("rbac:events", {"v": 1, "id": "x", "tenant": "t", "json": "{"}, id="2-0")
    pipeline.hset("{rbac:events}:epoch", "n", 2)
    pipeline.xadd("rbac:events", {"by": "hand"}, id="2-7")
    pipeline.execute()
    assert one.answer(one.publish("b")) == [3]
    one.wait_entry(3)
    assert [(n, e[0], e[4]) for n, e in one.entries().items()] == [
        (1, "a", "event"), (2, "x", "unreadable"), (3, "b", "event")]


def test_entries_that_were_taken_out_by_hand_leave_no_hole(one, redis_server, start):
    one.answer(one.publish("a", count=10))
    redis_server.client().xdel("rbac:events", "4-0", "5-0", "8-0")
    two = start("two")
    two.ready()
    assert [n for n, e in two.entries().items() if e[4] == "unreadable"] == [4, 5, 8]
    assert list(two.entries()) == list(range(1, 11))


def test_what_others_put_behind_the_end_is_removed(one, redis_server):
    one.answer(one.publish("a"))
    redis_server.client().xadd("rbac:events", {"by": "hand"})
    one.wait("away ")
    one.ready()
    assert one.answer(one.publish("b")) == [2]
    one.wait_entry(2)


def test_fences_go_to_every_instance_and_back(one, redis_server, start):
    one.tell("fence", "bob", 1000)
    one.answer(one.publish("x"))
    one.tell("revoke", 999, "eve")
    one.wait("answer 999 ")
    one.tell("fence", "bob", 500)
    redis_server.client().hset("{rbac:events}:fences", "nonsense", 5)
    redis_server.client().hset("{rbac:events}:fences",
                               SEPARATOR.join(("", "token", "", "jti-1")), 7)
    two = start("two")
    two.wait("fences_end")
    fences = {line for line in two.said if line.startswith("fence ")}
    assert any(line.startswith("fence eve 1 editor ") for line in fences)
    assert {"fence bob 0  1000", "fence  3 jti-1 7"} < fences and len(fences) == 3
    two.ready()


def test_plain_messages_are_told_and_echoes_are_not(one, redis_server):
    one.answer(one.publish("a"))
    redis_server.client().publish("rbac:events", '{"type":"event","id":"b"}')
    redis_server.client().publish("rbac:events", '{"id":"c","event_type":"user_updated"}')
    one.wait('plain {"id":"c"')
    assert sum(line.startswith("plain") for line in one.said) == 1


def test_another_prefix_is_another_fleet(one, start):
    other = start("other", history=100, dedupe=600000, prefix="b:")
    other.ready()
    assert other.answer(other.publish("a")) == [1]
    assert one.answer(one.publish("b", count=2)) == [1, 2]
    one.wait_entry(2)
    assert ids(one) == ["b-0", "b-1"] and ids(other)[:1] in ([], ["a"])


def test_an_absent_server_is_tried_again_and_again(start, redis_server):
    redis_server.kill()
    one = start()
    for _ in range(3):
        one.wait("away ")
    redis_server.start()
    one.ready()


def test_a_round_trip_is_measured(one):
    one.answer(one.publish("a"))
    assert 0 <= one.stats()["round_trip_ms"] < 1000


def test_the_commands_that_the_manual_allows_are_enough(one, start, redis_server):
    manual = (ROOT / "docs" / "redis.md").read_text()
    rules = re.search(r"^user mcp-auth on >PASSWORD (.*)$", manual, re.MULTILINE)[1].split()
    redis_server.client().execute_command("ACL", "SETUSER", "mcp-auth", "on", ">PASSWORD", *rules)
    one.answer(one.publish("a", given=True))
    redis_server.client().xadd("rbac:events", {"by": "hand"})
    two = start("two", url=f"redis://mcp-auth:PASSWORD@127.0.0.1:{redis_server.port}")
    two.ready()
    two.tell("fence", "bob", 1000)
    two.tell("revoke", 999, "eve")
    two.wait("answer 999 2")
    assert two.answer(two.publish("b", given=True, count=100)) == list(range(3, 103))
    two.wait_entry(102)
    redis_server.client().flushall()
    two.wait("stand lost_tail")
    two.ready()


def test_a_slow_line_is_no_reason_to_fall(one, start, redis_server):
    for i in range(12):
        one.answer(one.publish(f"a{i}", size=8000, count=100))
    line = SlowLine(redis_server.port, 2 * 1024 * 1024)
    slow = start("slow", url=f"redis://127.0.0.1:{line.port}")
    slow.ready(seconds=40)  # 10 MB at 2 MB a second, after bites that were too large
    assert list(slow.entries()) == list(range(1, 1201))
    for _ in range(3):  # a machine that stands still for a second is not the line; twice, perhaps
        begun = len(slow.said)
        for i in range(2):
            last = slow.publish(f"b{i}", size=4000, count=700)
        if slow.wait(rf"(answer {last} |away)", after=begun)[1] != "away":
            break
        slow.ready(seconds=40)
    n = slow.answer(last)[-1]
    assert n >= 2600
    slow.wait_entry(n)
    assert not [said for said in slow.said[begun:] if said.startswith("away")]
    line.stop()


def test_an_id_that_was_published_again_over_a_lost_tail_is_not_ours(one, redis_server):
    one.answer(one.publish("a"))
    one.answer(one.publish("b", given=True))
    one.answer(one.publish("g", given=True))
    one.wait_entry(3)
    # The server comes back without b and g; d is stored, and g is published once more.
    pipeline = redis_server.client().pipeline()
    pipeline.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    pipeline.xdel("rbac:events", "2-0", "3-0")
    pipeline.execute_command("XSETID", "rbac:events", "1-0")
    for n, id in ((2, "d"), (3, "g")):
        pipeline.xadd("rbac:events", {"v": 1, "id": id, "tenant": "t", "w": "two:1"}, id=f"{n}-0")
    pipeline.execute()
    one.wait(r"stand lost_tail \S+ 0 1 3")
    one.ready()
    assert [e[0] for e in one.entries().values()] == ["a", "d", "g"]


def test_a_doubled_id_is_answered_with_the_place_of_its_first_storing(one, start):
    first = one.publish("a", given=True)
    one.answer(first)
    two = start("two")
    two.ready()
    again = two.publish("a", given=True)
    assert two.answer(again) == [-1]
    assert two.checks(again) == one.checks(first)


def test_fences_that_are_written_back_reach_who_is_attached(one, start):
    two = start("two")
    two.ready()
    one.tell("fence", "bob", 1000)
    two.wait("fence bob 0  1000")
    two.wait("fences_end")
