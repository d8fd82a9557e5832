# SPDX-License-Identifier: Apache-2.0
# test_history.py: GET /v1/events: pages, filters, whose history it is, and what is refused.
import datetime
from urllib.parse import quote, urlencode

import pytest

from clients import join
from events import event
from tokens import admin, mint, unique


def page(server, token, **query):
    answer = server.request("GET", "/v1/events?" + urlencode(query, doseq=True), token=token)
    assert answer.status == 200, answer
    content = answer.json()
    assert set(content) == {"events", "next"}
    return content


def ids(content):
    return [e["id"] for e in content["events"]]


def whole(server, token, **query):
    """All pages, one after the other."""
    found, after = [], {}
    for _ in range(100):
        content = page(server, token, **query, **after)
        found += content["events"]
        if content["next"] is None:
            return found
        after = {"after": content["next"]}
    raise AssertionError("pages without end")


async def test_history_has_the_very_frames_in_order(server):
    tenant = unique("t")
    root = await join(server, "root", tenant, roles=["admin"])
    names = [unique("e") for _ in range(5)]
    server.publish([event("user_updated", id=name, user_id="u", tenant_id=tenant, data={"n": i})
                    for i, name in enumerate(names)])
    await root.event(names[-1])
    content = page(server, admin(tenant))
    assert content["events"] == root.events and ids(content) == names
    assert content["next"] is None
    assert page(server, admin(tenant), after=content["events"][1]["position"])["events"] == \
        root.events[2:]
    await root.close()


def test_pages_follow_one_another_without_hole_or_double(server):
    tenant = unique("t")
    names = [unique("e") for _ in range(25)]
    for part in (names[:10], names[10:]):
        server.publish([event("user_updated", id=name, user_id="u", tenant_id=tenant)
                        for name in part])
        server.publish(event("user_updated", user_id="u", tenant_id=unique("else")))
    first = page(server, admin(tenant), limit=10)
    assert ids(first) == names[:10] and first["next"]
    second = page(server, admin(tenant), limit=10, after=first["next"])
    third = page(server, admin(tenant), limit=10, after=second["next"])
    assert ids(second) + ids(third) == names[10:] and third["next"] is None
    assert [e["id"] for e in whole(server, admin(tenant), limit=1)] == names
    last = third["events"][-1]["position"]
    assert page(server, admin(tenant), after=last) == {"events": [], "next": None}


def test_a_filter_passes_what_it_names(server):
    tenant = unique("t")
    rows = [("user_updated", dict(user_id="a", resource="docs/1")),
            ("role_assigned", dict(target_user_id="a", resource="docs/2", security_level="High")),
            ("security_violation", dict(user_id="b", security_level="CRITICAL")),
            ("policy_updated", dict(resource="other"))]
    names = [unique("e") for _ in rows]
    server.publish([event(kind, id=name, tenant_id=tenant, **more)
                    for name, (kind, more) in zip(names, rows)])

    def found(**query):
        return [names.index(i) for i in ids(page(server, admin(tenant), **query))]

    assert found() == [0, 1, 2, 3]
    assert found(event_type="user_updated") == [0]
    assert found(event_type="user_updated,policy_updated") == [0, 3]
    assert found(event_type=["user_updated", "policy_updated"]) == [0, 3]
    assert found(user_id="a") == [0, 1]
    assert found(user_id="nobody") == []
    assert found(resource="docs/1") == [0]
    assert found(resource="docs/*") == [0, 1]
    assert found(resource=["docs/1", "other"]) == [0, 3]
    assert found(min_security_level="high") == [1, 2]
    assert found(user_id="a", min_security_level="HIGH") == [1]


def test_since_and_until_bound_the_time(server):
    tenant = unique("t")
    names = [unique("e"), unique("e")]
    for name in names:
        server.publish(event("user_updated", id=name, user_id="u", tenant_id=tenant))
    times = [e["timestamp"] for e in page(server, admin(tenant))["events"]]
    assert ids(page(server, admin(tenant), since=times[0])) == names
    assert ids(page(server, admin(tenant), until=times[0])) == []
    later = datetime.datetime.fromisoformat(times[1].replace("Z", "+00:00"))
    later += datetime.timedelta(milliseconds=1)
    east = later.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
    assert ids(page(server, admin(tenant), until=east.isoformat())) == names
    assert ids(page(server, admin(tenant), since=east.isoformat())) == []


def test_a_tenant_sees_its_own_and_the_key_sees_all(server, api_key):
    mine, other = unique("t"), unique("t")
    names = [unique("e"), unique("e")]
    server.publish([event("user_updated", id=name, user_id="u", tenant_id=tenant)
                    for name, tenant in zip(names, (mine, other))])
    assert ids(page(server, admin(mine))) == names[:1]
    assert ids(page(server, admin(mine), tenant_id=mine)) == names[:1]
    assert ids(page(server, api_key, tenant_id=other)) == names[1:]
    everything = [e["id"] for e in whole(server, api_key, limit=1000)]
    assert [i for i in everything if i in names] == names
    answer = server.request("GET", f"/v1/events?tenant_id={other}", token=admin(mine))
    assert answer.status == 403 and answer.error["code"] == "wrong_tenant"
    assert server.request("GET", "/v1/events", token=mint("u", mine)).status == 403
    assert server.request("GET", "/v1/events").status == 401


def test_revocations_are_no_events(server):
    tenant = unique("t")
    server.request("POST", "/v1/revocations", '{"user_id":"u"}', admin(tenant),
                   {"Content-Type": "application/json"})
    assert page(server, admin(tenant, age=-10)) == {"events": [], "next": None}


@pytest.mark.parametrize("query, member, word", [
    ("limit=0", "limit", "1 to 1000"), ("limit=1001", "limit", "1 to 1000"),
    ("limit=", "limit", "1 to 1000"), ("limit=-1", "limit", "1 to 1000"),
    ("limit=99999999999999999999", "limit", "1 to 1000"), ("limit=1&limit=2", "limit", "twice"),
    ("event_type=user_updatet", "event_type", "user_updated"), ("event_type=", "event_type", "known"),
    ("min_security_level=huge", "min_security_level", "CRITICAL"),
    ("since=yesterday", "since", "RFC 3339"), ("until=2026-13-01T00:00:00Z", "until", "RFC 3339"),
    ("after=x", "after", "position"), ("user_id=", "user_id", "1 to 256"),
    ("resource=" + "r" * 257, "resource", "256"),
])
def test_a_wrong_parameter_is_named(server, query, member, word):
    answer = server.request("GET", "/v1/events?" + query, token=admin(unique("t")))
    assert answer.status == 400 and answer.error["code"] == "invalid_member", answer
    assert answer.error["details"]["member"] == member and word in answer.error["message"]


def test_an_unknown_parameter_and_a_bad_escape_are_refused(server):
    token = admin(unique("t"))
    answer = server.request("GET", "/v1/events?limits=3", token=token)
    assert answer.status == 400 and answer.error["code"] == "unknown_member"
    assert "did you mean limit?" in answer.error["message"]
    assert server.request("GET", "/v1/events?user_id=%ff", token=token).status == 400
    assert server.request("GET", "/v1/events?user_id=" + quote("ü"), token=token).status == 200


def test_a_lost_position_is_410_and_no_hole(launch):
    server = launch({"MCP_AUTH_HISTORY_EVENTS": 10})
    first = server.publish(event("user_updated", user_id="u"))["position"]
    server.publish([event("user_updated", id=f"e{i}", user_id="u") for i in range(30)])
    answer = server.request("GET", f"/v1/events?after={first}", token=admin())
    assert answer.status == 410 and answer.error["code"] == "position_lost"
    assert ids(page(server, admin())) == [f"e{i}" for i in range(20, 30)]
    other = launch()
    assert other.request("GET", f"/v1/events?after={first}", token=admin()).status == 410


def test_a_large_history_is_searched_while_news_go_on(launch):
    server = launch({"MCP_AUTH_WORKERS": 2})
    for batch in range(20):
        server.publish([event("user_updated", user_id="u", tenant_id="bulk") for _ in range(1000)])
    server.publish(event("user_updated", id="needle", user_id="u", tenant_id="rare"))
    assert ids(page(server, admin("rare"))) == ["needle"]
    assert len(page(server, admin("bulk"), limit=1000)["events"]) == 1000


def test_a_page_is_bounded_in_bytes(launch):
    server = launch()
    for _ in range(5):
        server.publish([event("user_updated", user_id="u", data={"x": "y" * 60000})
                        for _ in range(30)])
    first = page(server, admin(), limit=1000)
    assert 0 < len(first["events"]) < 150 and first["next"]
    assert len(whole(server, admin(), limit=1000)) == 150
