# SPDX-License-Identifier: Apache-2.0
# test_redis_scripts.py: what the fleet leaves to Redis, script by script, on a real redis-server.
import time

import pytest
import redis

from redis_scripts import SEPARATOR, Instance, event, given
from redis_server import RedisServer
from serving import free_port


@pytest.fixture(scope="module")
def module_redis(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"), appendonly=False)
    yield server
    server.stop()


@pytest.fixture
def client(module_redis):
    made = module_redis.client()
    made.flushall()
    return made


@pytest.fixture
def instance(client):
    made = Instance(client)
    made.attach()
    return made


def test_events_are_numbered_from_one_without_holes(instance):
    assert instance.publish(event("a")) == [-1, 1]
    assert instance.publish(event("b"), event("c")) == [-1, 2, 3]
    assert [id for id, _ in instance.entries()] == ["1-0", "2-0", "3-0"]
    assert instance.redis.hgetall(instance.epoch_key) == {
        b"epoch": b"00000000000000e1", b"n": b"3", b"shards": b"1"}


def test_an_entry_has_the_fields_that_others_read(instance):
    instance.publish(event("a", "acme", t=77, json='{"x":1}'),
                     given("b", without=True, tenant="acme"))
    assert instance.entries()[0][1] == {
        b"v": b"1", b"n": b"1", b"id": b"a", b"tenant": b"acme", b"user": b"ann", b"target": b"",
        b"type": b"user_updated", b"by": b"pub", b"t": b"77",
        b"w": b"one:1", b"json": b'{"x":1}'}
    second = instance.entries()[1][1]
    assert second[b"given"] == b"1" and second[b"fx"] == b"0"


def test_a_doubled_id_answers_its_first_number_and_stores_nothing(instance):
    assert instance.publish(given("a"), event("x"), given("a")) == [-1, 1, 2, -1]
    assert instance.publish(given("a"), given("b")) == [-1, -1, 3]
    assert instance.publish(given("a")) == [-1, -1]
    assert instance.numbers() == [1, 2, 3]
    assert instance.redis.hget(instance.epoch_key, "n") == b"3"


def test_the_same_id_in_another_tenant_is_another(instance):
    assert instance.publish(given("a", tenant="x"), given("a", tenant="y")) == [-1, 1, 2]


def test_ids_that_were_not_given_are_not_kept(instance):
    assert instance.publish(event("a"), event("a")) == [-1, 1, 2]
    assert not instance.redis.keys(instance.ids + "*")


def test_a_conflict_names_its_index_and_stores_nothing_of_the_batch(instance):
    instance.publish(given("a", "aa"))
    assert instance.publish(event("x"), given("b"), given("a", "bb"), given("c")) == [2]
    assert instance.publish(given("d", "aa"), given("d", "bb")) == [1]
    assert instance.numbers() == [1]
    assert instance.publish(given("b", "zz"), given("d", "zz")) == [-1, 2, 3]


def test_an_id_is_known_for_the_dedupe_window_over_the_buckets_edge(instance):
    instance.dedupe_ms = 1000
    assert instance.publish(given("a"), now=1900) == [-1, 1]
    assert instance.publish(given("a"), now=2900) == [-1, -1]
    assert instance.publish(given("a"), now=2901) == [-1, 2]
    # Of an instance whose clock is a little behind, before the bucket's edge.
    assert instance.publish(given("b"), now=4001) == [-1, 3]
    assert instance.publish(given("b"), now=3999) == [-1, -3]
    for key in instance.redis.keys(instance.ids + "*"):
        assert 0 < instance.redis.pttl(key) <= 2000


def test_the_stream_is_trimmed_by_count(instance):
    instance.maxlen = 500
    for _ in range(20):
        instance.publish(*(event("e") for _ in range(100)))
    numbers = instance.numbers()
    assert numbers[-1] == 2000 and 500 <= len(numbers) < 700
    assert numbers == list(range(numbers[0], 2001))


def test_the_stream_is_trimmed_by_age(instance):
    instance.age_ms = 1600
    for i in range(1, 331):
        instance.publish(event("e", t=i * 10), now=i * 10)
    # n = 320, at 3200 ms, was the last look: what was older than 3200 - 1600 is gone.
    assert instance.numbers() == list(range(160, 331))


def test_the_last_event_stays_however_old(instance):
    instance.age_ms = 10
    instance.publish(*(event("e", t=1) for _ in range(100)), now=1)
    instance.publish(*(event("e", t=1) for _ in range(100)), now=10**9)
    assert instance.numbers() == [200]


def test_fences_keep_the_later_time(instance):
    field = SEPARATOR.join(("acme", "role", "ann", "editor"))
    instance.publish(event(fence=(field, 500)))
    instance.publish(event(fence=(field, 400)), given("g", fence=("other", 7)))
    assert instance.redis.hgetall(instance.fences) == {field.encode(): b"500", b"other": b"7"}
    instance.publish(event(fence=(field, 1600)))
    assert instance.redis.hget(instance.fences, field) == b"1600"
    # One that comes again withdraws nothing again.
    instance.publish(given("g", fence=("other", 9)))
    assert instance.redis.hget(instance.fences, "other") == b"7"


def test_a_stale_generation_is_refused(instance, client):
    instance.publish(event("a"))
    old = instance.generation
    instance.attach()
    with pytest.raises(redis.ResponseError, match="STALE"):
        instance.publish(event("b"), generation=old)
    assert instance.publish(event("c")) == [-1, 2]
    instance.generation = 0
    with pytest.raises(redis.ResponseError, match="STALE"):  # an attach that was stuck itself
        instance.attach()
    instance.generation = 2
    other = Instance(client, "two")  # does not concern the first
    other.attach()
    assert instance.publish(event("d")) == [-1, 3]


def test_a_batch_under_another_epoch_or_none_is_refused(instance, client):
    client.hset(instance.epoch_key, "epoch", "00000000000000e2")
    with pytest.raises(redis.ResponseError, match="STALE"):
        instance.publish(event("a"))
    instance.attach()
    client.delete(instance.epoch_key)
    with pytest.raises(redis.ResponseError, match="STALE"):
        instance.publish(event("a"))
    assert instance.entries() == []


def test_attach_tells_where_the_stream_stands(instance):
    assert instance.attach()[:3] == [b"00000000000000e1", 0, 0]
    instance.publish(event("a", "acme"), event("b"))
    assert instance.attach("00000000000000e9", last_n=1)[0:3] == [b"00000000000000e1", 2, 1]
    assert instance.attach(last_n=1)[4:] == [b"a", b"acme", b"one:2"]
    assert len(instance.attach(last_n=3)) == 4
    instance.redis.xtrim(instance.stream, minid="2-0", approximate=False)
    assert instance.attach(last_n=1)[2:3] == [2] and len(instance.attach(last_n=1)) == 4


def test_a_stream_of_other_shards_is_refused(instance):
    with pytest.raises(redis.ResponseError, match="SHARDS"):
        instance.attach(shards=4)


def test_a_stream_whose_epoch_was_deleted_goes_on_under_a_new_one(instance, client):
    instance.publish(event("a"), event("b"))
    client.delete(instance.epoch_key)
    assert instance.attach("00000000000000e2")[:3] == [b"00000000000000e2", 2, 1]
    assert instance.publish(event("c")) == [-1, 3]


@pytest.mark.parametrize("before", [0, 2])
def test_what_others_wrote_behind_the_end_is_removed_when_attaching(instance, client, before):
    if before:
        instance.publish(event("a"), event("b"))
    client.xadd(instance.stream, {"what": "ever"})
    client.xadd(instance.stream, {"what": "ever"})
    with pytest.raises(redis.ResponseError):
        instance.publish(event("c"))
    assert instance.attach()[1:4:2] == [before, 2]
    assert instance.publish(event("c")) == [-1, before + 1]
    assert instance.numbers() == list(range(1, before + 2))


def test_another_epoch_begins_once(instance):
    def begin(old, new):
        return instance.scripts["epoch"]([instance.epoch_key], [old, new])

    assert begin("00000000000000e1", "00000000000000e2") == b"00000000000000e2"
    assert begin("00000000000000e1", "00000000000000e3") == b"00000000000000e2"
    instance.redis.delete(instance.epoch_key)
    assert begin("00000000000000e2", "00000000000000e3") is None


def test_fences_are_written_back_and_expire(instance):
    def call(name, *words):
        return instance.scripts[name]([instance.fences, instance.epoch_key], words)

    assert call("fences", "a", 100, "b", 200) == 2
    assert call("fences", "a", 50, "b", 300) == 1
    assert call("fences", "a", 100, "b", 250) == 0
    assert instance.redis.hget(instance.epoch_key, "fences") == b"2"
    assert call("fences_expire", 250, "a", "b", "gone") == 1
    assert instance.redis.hgetall(instance.fences) == {b"b": b"300"}


def test_the_channel_gets_every_event_and_no_control_entry(instance, client):
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(instance.stream)
    listener.get_message(timeout=5)
    instance.publish(event("a", json='{"id":"a"}'),
                     event("c", type="$revocation", control=True, fence=("f", 1)),
                     given("b", json='{"id":"b"}'), given("b", json='{"id":"b"}'))
    instance.publish(event("z", json='{"id":"z"}'))
    got = []
    while len(got) < 3:
        message = listener.get_message(timeout=5)
        got += [message["data"]] if message else []
    assert got == [b'{"id":"a"}', b'{"id":"b"}', b'{"id":"z"}']
    listener.close()


def test_a_prefix_keeps_fleets_apart(instance, client):
    other = Instance(client, prefix="b:")
    other.attach("00000000000000e7")
    assert other.publish(given("a", fence=("f", 1))) == [-1, 1]
    assert instance.publish(event("x"), event("y")) == [-1, 1, 2]


def test_no_memory_stores_nothing(start_redis):
    server = start_redis("--maxmemory-policy", "noeviction", appendonly=False)
    instance = Instance(server.client())
    instance.attach()
    instance.publish(event("a"))
    server.client().config_set("maxmemory", 1)
    for refused in (lambda: instance.publish(event("b"), event("c")), instance.attach):
        with pytest.raises(redis.ResponseError, match="OOM"):
            refused()
    server.client().config_set("maxmemory", 0)
    assert instance.numbers() == [1]
    instance.attach()
    assert instance.publish(event("b")) == [-1, 2]


def test_the_scripts_keep_to_one_slot_of_a_cluster(start_redis):
    server = start_redis("--cluster-enabled", "yes", "--cluster-port", free_port(), appendonly=False)
    client = server.client()
    client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    until = time.monotonic() + 20
    while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
        assert time.monotonic() < until
        time.sleep(0.05)
    instance = Instance(client, prefix="p:")
    instance.attach()
    assert instance.publish(given("a", fence=("f", 1)), event("b")) == [-1, 1, 2]
    keys = (instance.stream, instance.epoch_key, instance.fences, instance.writer,
            instance.ids + "5")
    assert len({client.execute_command("CLUSTER", "KEYSLOT", key) for key in keys}) == 1


def test_a_whole_batch_of_the_largest_size_is_stored(instance):
    events = [given(f"id-{i}", json="x" * 4000, fence=(f"f{i}", i + 1)) for i in range(1000)]
    assert instance.publish(*events) == [-1, *range(1, 1001)]
    assert instance.publish(*events) == [-1, *range(-1, -1001, -1)]
    assert instance.redis.hlen(instance.fences) == 1000
