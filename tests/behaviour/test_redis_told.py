# SPDX-License-Identifier: Apache-2.0
# test_redis_told.py: a server whose Redis is not there says so wherever an operator or a user looks.
import re

import pytest

from events import event
from serving import API_KEY, free_port, run
from tailing import tail
from tokens import mint, unique


@pytest.fixture
def alone(launch):
    """A server with an address of Redis at which nobody listens."""
    server = launch({"REDIS_URL": f"redis://:hunter2@127.0.0.1:{free_port()}/3",
                     "WEBSOCKET_HEARTBEAT_INTERVAL": 1})
    server.wait_log("WARNING.*Redis unavailable")
    return server


def test_the_log_says_it_once_with_the_reason_and_without_the_password(alone):
    alone.publish(event("user_updated", user_id="u"))
    lines = [line for line in alone.log.splitlines() if "Redis unavailable" in line]
    assert len(lines) == 1 and "reason=" in lines[0], lines
    assert "hunter2" not in alone.log and re.search(r"bus=\S*redis://127.0.0.1:\d+/3", alone.log)


def test_a_publisher_is_told_that_it_was_delivered_alone_and_gets_no_position(alone):
    answer = alone.post(event("user_updated", user_id="u", id=unique("told"))).json()
    assert answer["degraded"] is True and answer["accepted"] == 1
    assert set(answer["events"][0]) == {"id"}
    done = run("publish", "--url", alone.url, "--token", API_KEY, "--type", "user_updated")
    assert done.returncode == 0 and "Redis unavailable" in done.stderr, done


def test_a_revocation_and_a_disconnect_say_that_others_do_not_know_yet(alone):
    answer = alone.request("POST", "/v1/revocations", '{"user_id":"gone"}', API_KEY,
                           {"Content-Type": "application/json"})
    assert answer.status == 200 and answer.json()["degraded"] is True
    answer = alone.request("POST", "/v1/users/gone/disconnect", token=API_KEY)
    assert answer.status == 200 and answer.json()["degraded"] is True


def test_readyz_stats_and_metrics_say_it(alone):
    alone.publish(event("user_updated", user_id="u"))
    ready = alone.request("GET", "/readyz")
    assert ready.status == 200 and ready.json()["status"] == "ready"
    assert ready.json()["reasons"] == ["Redis unavailable"] and ready.json()["bus"] == "degraded"
    stats = alone.stats()
    assert stats["bus"] == "degraded" and stats["bus_reason"] == "Redis unavailable"
    redis = stats["redis"]
    assert not redis["connected"] and redis["epoch"] == "0" * 16 and redis["outages"] == 1
    assert redis["outbox_events"] == redis["alone"] == 1 and redis["outbox_bytes"] > 0
    metrics = alone.request("GET", "/metrics").body.decode()
    for line in ("bus_ok 0", "bus_connected 0", "outbox_events 1", "events_alone_total 1",
                 "redis_outages_total 1"):
        assert f"\nmcp_auth_{line}\n" in metrics, line


def test_an_administrator_among_tenants_sees_the_state_and_no_sums(alone):
    for tenant in ("one", "two"):
        alone.publish(event("user_updated", user_id="u", tenant_id=tenant))
    stats = alone.request("GET", "/v1/stats", token=mint("root", "one", roles="admin")).json()
    assert stats["bus_reason"] == "Redis unavailable" and "redis" not in stats


def test_tail_says_it_once_and_goes_on(alone):
    user, tenant = unique("u"), unique("t")
    with tail(alone, user, tenant=tenant) as shown:
        shown.note("Redis unavailable")
        sent = event("user_updated", user_id=user, tenant_id=tenant, id=unique("tail"))
        alone.publish(sent)
        shown.id(sent["id"])
        assert sum("Redis unavailable" in note for note in shown.notes) == 1


def test_without_an_address_nothing_speaks_of_redis(server):
    assert "redis" not in server.stats() and server.stats()["bus"] == "none"
    assert "bus_connected" not in server.request("GET", "/metrics").body.decode()
