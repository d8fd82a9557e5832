# SPDX-License-Identifier: Apache-2.0
# test_broker_contract.py: what every broker promises, in memory and over a redis-server.
import pytest

from broker_probe import Probe
from redis_server import RedisServer


@pytest.fixture(scope="module")
def module_redis(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"), appendonly=False)
    yield server
    server.stop()


@pytest.fixture(params=["memory", "redis"])
def broker(request, module_redis):
    if request.param == "redis":
        module_redis.client().flushall()
        made = Probe(module_redis.url, "one", 100000)
    else:
        made = Probe("memory")
    made.ready()
    yield made
    made.stop()


def test_events_are_numbered_from_one_without_holes(broker):
    for i in range(1, 51):
        assert broker.answer(broker.publish(f"e{i}")) == [i]
    broker.wait_entry(50)
    assert [e[0] for e in broker.entries().values()] == [f"e{i}" for i in range(1, 51)]
    assert list(broker.entries()) == list(range(1, 51))


def test_the_answer_tells_the_place_at_which_the_entry_comes(broker):
    ticket = broker.publish("a")
    assert broker.answer(ticket) == [1]
    broker.wait_entry(1)
    assert broker.checks(ticket) == [broker.entries()[1][3]]


def test_a_batch_stands_together_in_its_order(broker):
    first, second = broker.publish("a", count=200), broker.publish("b", count=200)
    assert broker.answer(first) == list(range(1, 201))
    assert broker.answer(second) == list(range(201, 401))
    broker.wait_entry(400)
    assert [e[0] for e in broker.entries().values()] == [
        *(f"a-{i}" for i in range(200)), *(f"b-{i}" for i in range(200))]


def test_a_given_id_that_comes_again_is_answered_with_its_first_place(broker):
    first = broker.publish("a", given=True)
    assert broker.answer(first) == [1]
    again = broker.publish("a", given=True)
    assert broker.answer(again) == [-1]
    assert broker.checks(again) == broker.checks(first)
    assert broker.answer(broker.publish("a", tenant="u", given=True)) == [2]
    assert broker.answer(broker.publish("b")) == [3]
    broker.wait_entry(3)
    assert len(broker.entries()) == 3


def test_an_id_that_was_not_given_may_come_again(broker):
    assert broker.answer(broker.publish("a")) == [1]
    assert broker.answer(broker.publish("a")) == [2]


def test_a_conflict_stores_nothing_of_its_batch(broker):
    assert broker.answer(broker.publish("a-3", given=True)) == [1]
    assert broker.answer(broker.publish("a", given=True, size=11, count=5)) == ("conflict", 3)
    assert broker.answer(broker.publish("z")) == [2]
    broker.wait_entry(2)
    assert [e[0] for e in broker.entries().values()] == ["a-3", "z"]


def test_large_events_come_back_whole(broker):
    for i in range(8):
        broker.publish(f"big{i}", size=16000, count=100)
    broker.wait_entry(800)
    sizes = {e[2] for e in broker.entries().values()}
    assert min(sizes) > 16000 and len(broker.entries()) == 800


def test_thousands_of_events_come_back_in_order(broker):
    tickets = [broker.publish(f"e{i}", count=500) for i in range(20)]
    broker.wait_entry(10000)
    assert list(broker.entries()) == list(range(1, 10001))
    for i, ticket in enumerate(tickets):
        assert broker.answer(ticket) == list(range(i * 500 + 1, i * 500 + 501))
