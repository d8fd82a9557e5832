# SPDX-License-Identifier: Apache-2.0
# test_events.py: event types, events and principals as the guide writes them (R31, R33, R40, R41).
import json

import pytest

import guide
from mcp_auth.models import Principal
from mcp_auth.realtime import EventType, RBACEvent

KEYWORDS = {"user_id": "u", "user_name": "Ü", "target_user_id": "t", "resource": "documents/7",
            "action": "read", "role_name": "editor", "message": "m", "security_level": "High",
            "resource_id": "7", "permission": "documents:read", "data": {"deep": [{"x": None}]},
            "tenant_id": "acme", "id": "a.b:c-1"}


def test_the_event_types_are_those_the_guide_prints():
    printed = {}
    exec("from enum import Enum\n" + guide.EVENT_TYPES, printed)
    assert [(m.name, m.value) for m in EventType] == \
        [(m.name, m.value) for m in printed["EventType"]]
    assert len(EventType) == 14


def test_an_event_type_is_a_str_found_by_its_value_and_is_its_value_in_json():
    kind = EventType.ROLE_ASSIGNED
    assert isinstance(kind, str) and kind == "role_assigned"
    assert EventType("role_assigned") is kind
    assert json.dumps({"k": kind}) == '{"k": "role_assigned"}'
    with pytest.raises(ValueError):
        EventType("role_invented")


def test_every_keyword_is_kept_unchanged():
    event = RBACEvent(event_type=EventType.PERMISSION_GRANTED, **KEYWORDS)
    assert event.to_dict() == {"event_type": "permission_granted", **KEYWORDS}
    assert json.loads(event.to_json()) == event.to_dict()
    for name, value in KEYWORDS.items():
        assert getattr(event, name) == value


def test_what_is_absent_or_none_is_left_out():
    assert RBACEvent(event_type="user_created", user_id=None).to_dict() == {
        "event_type": "user_created"}


def test_an_unknown_keyword_is_a_type_error():
    for name in ("position", "timestamp", "type", "userid", "ressource"):
        with pytest.raises(TypeError):
            RBACEvent(event_type=EventType.USER_CREATED, **{name: "x"})
    with pytest.raises(TypeError):
        RBACEvent()


@pytest.mark.parametrize("kind", ["role_invented", "", None, 7, "ROLE_ASSIGNED", ["role_assigned"]])
def test_an_unknown_event_type_is_a_value_error(kind):
    with pytest.raises((ValueError, TypeError)):
        RBACEvent(event_type=kind)


@pytest.mark.parametrize("wrong", [{"user_id": 7}, {"user_id": b"u"}, {"data": []}, {"data": "x"},
                                   {"message": ["m"]}, {"security_level": "LOUD"},
                                   {"security_level": 3}, {"id": ""}, {"id": "x" * 65},
                                   {"id": "a b"}, {"id": "a\n"}, {"tenant_id": 1}])
def test_a_value_that_no_event_has_is_a_value_error(wrong):
    with pytest.raises(ValueError):
        RBACEvent(event_type=EventType.USER_UPDATED, **wrong)


@pytest.mark.parametrize("data", [{"x": float("nan")}, {"x": object()}, {"x": {1, 2}}])
def test_data_that_json_cannot_hold_is_a_value_error_when_it_is_encoded(data):
    with pytest.raises(ValueError):
        RBACEvent(event_type=EventType.USER_UPDATED, data=data).to_json()


def test_a_principal_has_an_id_and_perhaps_a_name():
    assert Principal(id="u").name is None
    assert (Principal("u", "Ulrike").id, Principal("u", "Ulrike").name) == ("u", "Ulrike")
    for wrong in ({"id": ""}, {"id": 7}, {"id": "x" * 257}, {"id": "u", "name": 7}):
        with pytest.raises(ValueError):
            Principal(**wrong)


def test_an_event_is_a_body_of_a_fastapi_route():
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    app = FastAPI()

    @app.post("/")
    async def take(event: RBACEvent) -> str:
        assert isinstance(event, RBACEvent) and isinstance(event.event_type, EventType)
        return event.to_json()

    with TestClient(app) as client:
        answer = client.post("/", json={"event_type": "role_assigned", **KEYWORDS})
        assert answer.status_code == 200, answer.text
        assert json.loads(answer.json()) == {"event_type": "role_assigned", **KEYWORDS}
        for wrong in ({}, {"event_type": "role_invented"},
                      {"event_type": "role_assigned", "user_id": ["x"]}):
            assert client.post("/", json=wrong).status_code == 422, wrong
