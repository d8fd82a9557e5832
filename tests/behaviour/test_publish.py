# SPDX-License-Identifier: Apache-2.0
# test_publish.py: POST /v1/events: what is taken in, what is refused, and in which words (R41).
import asyncio
import json

import pytest

from clients import join, settle, without_probes
from events import TYPES, event
from tokens import admin, mint, unique

NDJSON = "application/x-ndjson"


async def test_one_event_an_array_and_lines_are_taken_in(server):
    tenant = unique("t")
    client = await join(server, "u", tenant)
    one = event("user_updated", user_id="u", tenant_id=tenant)
    answers = [server.post(one), server.post([one, one]), server.post([one]),
               server.post("\n".join(json.dumps(one) for _ in range(3)), kind=NDJSON),
               server.post(json.dumps(one) + "\r\n\n" + json.dumps(one) + "\n", kind=NDJSON),
               server.post(one, kind="application/json; charset=utf-8"),
               server.post(one, kind="Application/JSON")]
    assert [a.status for a in answers] == [202] * 7
    assert [a.json()["accepted"] for a in answers] == [1, 2, 1, 3, 2, 1, 1]
    made = [e["id"] for a in answers for e in a.json()["events"]]
    for answer in answers:
        assert set(answer.json()) == {"accepted", "degraded", "events"}
        assert answer.json()["degraded"] is False
        assert all(set(e) == {"id", "position"} for e in answer.json()["events"])
        assert answer.headers["Content-Type"].startswith("application/json")
    await settle(server, tenant, client)
    assert without_probes(client.ids) == made
    await client.close()


BAD = [({}, "missing_member", "event_type"),
       (event("no_such_type"), "invalid_member", "event_type"),
       (event("Role_Assigned"), "invalid_member", "event_type"),
       ({"event_type": 5}, "invalid_member", "event_type"),
       ({"event_type": ["user_updated"]}, "invalid_member", "event_type"),
       (event("user_updated", userid="u"), "unknown_member", "userid"),
       (event("user_updated", type="event"), "unknown_member", "type"),
       (event("user_updated", position="x"), "unknown_member", "position"),
       (event("user_updated", timestamp="2020-01-01T00:00:00Z"), "unknown_member", "timestamp"),
       ({"event_type": "user_updated", "user_id": None}, "invalid_member", "user_id"),
       (event("user_updated", user_id=7), "invalid_member", "user_id"),
       (event("user_updated", user_id=""), "invalid_member", "user_id"),
       (event("user_updated", user_id="x" * 257), "invalid_member", "user_id"),
       (event("user_updated", user_id="a\nb"), "invalid_member", "user_id"),
       (event("user_updated", target_user_id=["u"]), "invalid_member", "target_user_id"),
       (event("user_updated", data=[]), "invalid_member", "data"),
       (event("user_updated", data="x"), "invalid_member", "data"),
       (event("user_updated", security_level="SEVERE"), "invalid_member", "security_level"),
       (event("user_updated", security_level=3), "invalid_member", "security_level"),
       (event("user_updated", id=""), "invalid_member", "id"),
       (event("user_updated", id="x" * 65), "invalid_member", "id"),
       (event("user_updated", id="a b"), "invalid_member", "id"),
       (event("user_updated", id="ä"), "invalid_member", "id"),
       (event("user_updated", message=7), "invalid_member", "message"),
       (event("user_updated", message="a\rb"), "invalid_member", "message"),
       (event("user_updated", role_name=1), "invalid_member", "role_name"),
       ("text", "invalid_member", None), (7, "invalid_member", None),
       (None, "invalid_member", None),
       ([], "invalid_member", None)]


@pytest.mark.parametrize("bad,code,member", BAD, ids=range(len(BAD)))
async def test_one_bad_event_refuses_the_batch_with_index_member_and_reason(server, bad, code,
                                                                            member):
    tenant = unique("t")
    client = await join(server, "u", tenant)
    good = event("user_updated", user_id="u", tenant_id=tenant)
    alone = server.post([bad])
    array = server.post([good, good, bad, good])
    lines = server.post("\n".join(map(json.dumps, [good, good, bad])), kind=NDJSON)
    for answer, index in ((alone, 0), (array, 2), (lines, 2)):
        assert answer.status == 400, answer
        error = answer.error
        assert error["code"] == code and error["details"]["index"] == index
        assert error["details"].get("member") == member
        assert error["details"]["reason"] and error["message"]
        assert error["message"].startswith(error["details"].get("member", ""))
    await settle(server, tenant, client)
    assert without_probes(client.ids) == []
    await client.close()


def test_a_slip_gets_a_suggestion(server):
    assert "role_assigned" in server.post(event("role_asigned")).error["details"]["reason"]
    assert "user_id" in server.post(event("user_updated", userid="x")).error["details"]["reason"]


BODIES = ["", " ", "{", "[", "[{}", "{}{}", "[]x", '{"event_type":"user_updated",}', "nonsense",
          '{"event_type":"user_updated","event_type":"user_updated"}', "\ufeff{}", "NaN",
          '{"event_type":"user_updated","data":{"a":1,"a":2}}', "'x'",
          '{"event_type":"user_updated"}\0',
          '{"event_type":"user_updated","data":' + '{"a":' * 60 + "1" + "}" * 60 + "}",
          b'{"event_type":"user_updated","message":"\xff\xfe"}',
          b'{"event_type":"user_updated","message":"\xed\xa0\x80"}',
          '{"event_type":"user_updated","message":"\\ud800"}',
          '{"event_type":"user_updated","\\u0000":1}',
          '{"event_type":"user_updated","data":{"n":1e999}}',
          '{"event_type":"user_updated","message":"a\\u0000b"}']


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_that_is_not_json_is_a_400(server, body):
    answer = server.post(body.encode() if isinstance(body, str) else body)
    assert answer.status == 400 and answer.error["code"] in ("bad_json", "bad_request",
                                                             "missing_member", "invalid_member",
                                                             "unknown_member"), answer


def test_a_line_that_is_not_json_is_named(server):
    good = json.dumps(event("user_updated"))
    answer = server.post(f"{good}\n{good}\n{{\n{good}", kind=NDJSON)
    assert answer.status == 400 and answer.error["details"]["index"] == 2


def test_an_empty_batch_is_no_crash(server):
    assert server.post([]).status in (202, 400)
    assert server.post("\n\n", kind=NDJSON).status in (202, 400)


def test_another_media_type_is_a_415(server):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "json",
                 "multipart/form-data; boundary=x"):
        answer = server.post(event("user_updated"), kind=kind)
        assert answer.status == 415 and answer.error["code"] == "unsupported_media_type", kind


def test_sizes_have_limits_and_the_limit_itself_fits(server):
    tenant = unique("t")

    def padded(size):
        one = event("user_updated", tenant_id=tenant, data={"x": ""})
        one["data"]["x"] = "y" * (size - len(json.dumps(one, separators=(",", ":"))))
        return one

    assert server.post(padded(60 * 1024)).status == 202
    too_large = server.post([padded(200), padded(66 * 1024)])
    assert too_large.status == 413 and too_large.error["code"] == "too_large"
    assert too_large.error["details"]["index"] == 1
    many = [event("user_updated", tenant_id=tenant)] * 1000
    assert server.post(many).json()["accepted"] == 1000
    over = server.post(many + many[:1])
    assert over.status == 413 and over.error["code"] == "too_many_events"
    lines = server.post("\n".join(map(json.dumps, many + many[:1])), kind=NDJSON)
    assert lines.status == 413 and lines.error["code"] == "too_many_events"
    batch = server.post(json.dumps(many[:2]) + " " * (4 * 1024 * 1024))
    assert batch.status == 413 and batch.error["code"] == "batch_too_large"


def test_who_may_not_publish_is_told_401_or_403(server):
    one = event("user_updated")
    for token in (None, "wrong", "an-api-key-for-tests-onlyx", "an-api-key-for-tests-onl"):
        answer = server.post(one, token)
        assert answer.status == 401 and answer.error["code"] == "unauthorized"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    expired = server.post(one, mint("root", roles=["admin"], lasts=-100))
    assert expired.status == 401 and expired.error["code"] == "token_expired"
    for who in ({}, {"roles": ["editor"]}, {"permissions": ["realtime:read", "publish"]},
                {"roles": ["Admin"]}):
        answer = server.post(one, mint("u", **who))
        assert answer.status == 403 and answer.error["code"] == "forbidden", who


def test_who_may_publish(server):
    one = event("user_updated")
    for who in ({"roles": ["admin"]}, {"roles": "rbac_admin"}, {"roles": ["realtime:publish"]},
                {"permissions": ["x", "realtime:publish"]}, {"permissions": ["realtime:*"]}):
        assert server.post(one, mint("u", **who)).status == 202, who


async def test_a_token_publishes_in_its_own_tenant_only(server):
    here, there = unique("t"), unique("t")
    client, foreigner, nameless = (await join(server, "u", here), await join(server, "u", there),
                                   await join(server, "u-" + here))
    token = admin(here)
    own = [server.publish(event("user_updated", user_id="u"), token),
           server.publish(event("user_updated", user_id="u", tenant_id=here), token)]
    for named in (there, "", here + "x"):
        answer = server.post([event("user_updated", user_id="u"),
                              event("user_updated", user_id="u", tenant_id=named)], token)
        assert answer.status == 403 and answer.error["code"] == "wrong_tenant"
        assert answer.error["details"] == {"index": 1, "member": "tenant_id",
                                           "reason": answer.error["details"]["reason"]}
    nobody = server.publish(event("user_updated", user_id="u-" + here))  # the API key's default
    await settle(server, here, client)
    await settle(server, there, foreigner)
    await nameless.event(nobody["id"])
    assert without_probes(client.ids) == [o["id"] for o in own]
    assert without_probes(foreigner.ids) == []
    assert client.events[0]["tenant_id"] == here
    for c in (client, foreigner, nameless):
        await c.close()


async def test_a_repeated_id_answers_the_first_position_and_is_not_delivered_again(server):
    tenant = unique("t")
    client = await join(server, "u", tenant)
    given = event("user_updated", id=unique("id"), user_id="u", tenant_id=tenant,
                  data={"b": 1, "a": 2})
    first = server.publish(given)
    second = server.publish({**given, "data": {"b": 1, "a": 2}})
    assert first == {"id": given["id"], "position": first["position"]}
    assert second == {**first, "duplicate": True}
    twice = unique("id")
    both = server.publish([event("user_updated", id=twice, user_id="u", tenant_id=tenant)] * 2)
    assert both[1] == {**both[0], "duplicate": True}
    elsewhere = server.publish({**given, "tenant_id": tenant + "2"})
    assert "duplicate" not in elsewhere
    await settle(server, tenant, client)
    assert without_probes(client.ids) == [given["id"], twice]
    await client.close()


async def test_the_same_id_with_another_body_is_a_409_and_nothing_of_it_is_published(server):
    tenant = unique("t")
    client = await join(server, "u", tenant)
    given = event("user_updated", id=unique("id"), user_id="u", tenant_id=tenant)
    server.publish(given)
    answer = server.post([event("user_updated", user_id="u", tenant_id=tenant),
                          {**given, "message": "another"}])
    assert answer.status == 409 and answer.error["code"] == "conflict"
    assert answer.error["details"]["index"] == 1 and answer.error["details"]["member"] == "id"
    within = unique("id")
    answer = server.post([event("user_updated", id=within, user_id="u", tenant_id=tenant),
                          event("user_updated", id=within, user_id="x", tenant_id=tenant)])
    assert answer.status == 409
    await settle(server, tenant, client)
    assert without_probes(client.ids) == [given["id"]]
    await client.close()


async def test_after_the_dedupe_window_an_id_is_new(launch):
    server = launch({"MCP_AUTH_DEDUPE_SECONDS": "0.4"})
    given = event("user_updated", id="again", user_id="u")
    assert "duplicate" not in server.publish(given)
    assert server.publish(given)["duplicate"] is True
    await asyncio.sleep(1)
    assert "duplicate" not in server.publish(given)


def test_each_type_and_only_those_are_known(server):
    assert len(server.publish([event(kind) for kind in TYPES])) == 14


async def test_the_publisher_is_recorded_and_not_shown(server):
    tenant = unique("t")
    client = await join(server, "u", tenant, roles=["admin"])
    made = server.publish(event("user_updated", user_id="u"), mint("the-publisher", tenant,
                                                                   permissions="realtime:publish"))
    await client.event(made["id"])
    assert "the-publisher" not in "".join(client.raw)
    await client.close()
