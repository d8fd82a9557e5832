# SPDX-License-Identifier: Apache-2.0
# test_guide_app.py: the guide's Python, typed into an empty folder and served (R16, R17, R30-R37).
import asyncio

import pytest
import requests

import guide
from application import PYTHON, gunicorn, hypercorn, uvicorn
from browsing import browser, guide_page, page, until  # noqa: F401
from clients import Client, join
from tokens import admin, mint, unique

# Only what the guide leaves to the reader: routes that call its three functions.
AROUND = '''

@app.post("/grant")
async def grant(user: str, name: str, resource: str, action: str):
    await grant_permission(Principal(id=user, name=name), resource, action)


@app.post("/assign")
async def assign(admin: str, target: str, role: str):
    await assign_role(Principal(id=admin), target, role)


@app.post("/violate")
async def violate(user: str, kind: str):
    await log_security_violation(Principal(id=user), kind)


@app.get("/health")
async def health():
    return connection_manager.get_connection_stats()
'''


@pytest.fixture
def typed(tmp_path):
    """The folder in which the guide's blocks, in its order, are main.py."""
    (tmp_path / "main.py").write_text(
        "from enum import Enum\n" + "\n".join(guide.ALL).replace("EventType(str, Enum)",
                                                                 "Printed(str, Enum)") + AROUND,
        encoding="utf-8")
    return tmp_path


def call(server, path, **arguments):
    answer = requests.post(f"{server.url}{path}", params=arguments, timeout=10)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("how", [uvicorn, gunicorn, hypercorn], ids=lambda how: how.__name__)
async def test_the_three_functions_reach_the_right_clients(serve, typed, how):
    server = serve(app="main:app", server=how, folder=typed, ready="/health")
    alice, bob = unique("alice"), unique("bob")
    clients = [await join(server, alice, token=mint(alice)), await join(server, bob),
               await join(server, "root", token=admin())]
    call(server, "/grant", user=alice, name="Älice", resource="documents/7", action="read")
    call(server, "/assign", admin=alice, target=bob, role="editor")
    call(server, "/violate", user=bob, kind="three wrong passwords")
    first, second, third = clients
    for client, count in ((first, 2), (second, 2), (third, 3)):
        await client.frame("event", count)
    granted, assigned, violated = third.events
    assert [e["event_type"] for e in third.events] == ["permission_granted", "role_assigned",
                                                       "security_violation"]
    assert first.events == [granted, assigned] and second.events == [assigned, violated]
    assert (granted["user_id"], granted["user_name"], granted["resource"], granted["action"],
            granted["message"]) == (alice, "Älice", "documents/7", "read",
                                    "Permission granted for read on documents/7")
    assert (assigned["user_id"], assigned["target_user_id"], assigned["role_name"],
            assigned["message"]) == (alice, bob, "editor", f"Role editor assigned to user {bob}")
    assert (violated["message"], violated["security_level"]) == (
        "Security violation: three wrong passwords", "HIGH")
    assert requests.get(server.url + "/health", timeout=10).json()["active_connections"] == 3
    for client in clients:
        await client.close()
    assert "Active connections: 0" in server.log and "Failed authentications: 0" in server.log


async def test_the_guides_browser_message_signs_in_and_every_frame_is_an_event(serve, typed):
    server = serve(app="main:app", folder=typed, ready="/health")
    client = await Client.open(server, mint("alice"))  # no subprotocol, no header
    while not client.events:
        call(server, "/violate", user="alice", kind="x")
        await asyncio.sleep(0.02)
    assert {frame["type"] for frame in client.frames} == {"event"}
    await client.close()


def test_the_guides_javascript_in_a_browser_hears_of_the_guides_python(serve, typed, browser, page):
    server = serve(app="main:app", folder=typed, ready="/health")
    browser.get(page(guide_page(server.port, mint("alice"))))
    while requests.get(server.url + "/health", timeout=10).json()["active_connections"] == 0:
        until(browser, "ws.readyState <= 1", "the connection was refused")
    call(server, "/grant", user="bob", name="Bob", resource="not", action="for alice")
    call(server, "/grant", user="alice", name="Älice", resource="documents/7", action="read")
    call(server, "/assign", admin="root", target="alice", role="editor")
    call(server, "/violate", user="alice", kind="<b>three wrong passwords</b>")
    until(browser, "calls.length >= 3", "the events did not come")
    granted, assigned, alarmed = browser.execute_script("return calls")
    assert (granted[0], granted[1]["user_name"]) == ("updateUIPermissions", "Älice")
    assert assigned == ["refreshUserRoles"]
    assert (alarmed[0], alarmed[1]["security_level"]) == ("showSecurityAlert", "HIGH")
    assert browser.execute_script("return logs") == [
        ["Permission granted:", "documents/7", "read"], ["Role assigned:", "editor"],
        ["Security alert:", "Security violation: <b>three wrong passwords</b>"]]

    server.stop()
    until(browser, "logs.length >= 4", "the close did not come")
    if "newest" in PYTHON:  # Debian's uvicorn cuts its sockets before it tells us
        word, code, reason = browser.execute_script("return logs[3]")
        assert word == "WebSocket closed:"
        # A newer one says 1012, "service restart", by itself when it is before us.
        assert (code, reason) in ((4200, "Server is shutting down"), (1012, ""))
