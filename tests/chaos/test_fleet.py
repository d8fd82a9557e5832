# SPDX-License-Identifier: Apache-2.0
# test_fleet.py: the faults are real: a failover loses its tail, and the reader of the stream sees it.
import time

import pytest
import redis

from fleet import Fleet
from record import Record


@pytest.fixture
def fleet(tmp_path):
    """Without instances: only Redis, its standby, and the proxies."""
    made = Fleet(tmp_path, Record(), 1, lossy=True)
    made.instances = []
    yield made
    made.stop()


def through(fleet, index=0):
    return redis.Redis(port=fleet.proxies[index].port, decode_responses=True, socket_timeout=5)


def add(client, n, epoch="a"):
    client.hset("{rbac:events}:epoch", mapping={"epoch": epoch, "n": n})
    client.xadd("rbac:events", {"n": n, "id": f"e{n}", "tenant": "t", "user": "u",
                                "type": "user_updated", "json": "{}"}, id=f"{n}-0")


def until_copied(fleet):
    end = time.monotonic() + 10
    while fleet.standby.client().xlen("rbac:events") != fleet.redis.client().xlen("rbac:events"):
        assert time.monotonic() < end, "the standby does not follow"
        time.sleep(0.05)


def test_a_failover_loses_what_was_on_its_way_and_the_next_one_works_too(fleet):
    fleet.between.heal()
    client = through(fleet)
    for n in (1, 2, 3):
        add(client, n)
    until_copied(fleet)
    fleet.read_stream(False)
    assert set(fleet.record.streams[0xa]) == {1, 2, 3}
    for _ in range(2):
        last = len(fleet.record.streams[0xa])
        fleet.between.block("down")
        time.sleep(0.2)
        add(client, last + 1)
        fleet.read_stream(False)
        assert last + 1 in fleet.record.streams[0xa]
        fleet.failover()
        client = through(fleet, 1)
        assert client.xlen("rbac:events") == last
        add(client, last + 1)
        until_copied(fleet)
    assert len(fleet.record.losses) == 2


def test_the_reader_of_the_stream_begins_anew_with_another_epoch(fleet):
    client = through(fleet)
    for n in range(1, 6):
        add(client, n)
    fleet.read_stream(False)
    fleet.flush()
    add(client, 1, "b")
    fleet.read_stream(False)
    assert set(fleet.record.streams[0xa]) == {1, 2, 3, 4, 5}
    assert set(fleet.record.streams[0xb]) == {1} and fleet.record.last == [0xb, 1]
