# SPDX-License-Identifier: Apache-2.0
# test_browser.py: a real browser: the guide's code as printed, and the page at `/` with one click.
import re
import socket
import time

import pytest
from selenium.webdriver.common.by import By

from browsing import browser, guide_page, page, until  # noqa: F401
from events import event
from serving import free_port
from tokens import mint


def port_8000():
    """The guide's own port when nobody has it."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((address, 8000))
            except OSError:
                return free_port()
    return 8000


def test_the_guides_code_unchanged_receives_events_from_a_page_of_another_origin(launch, browser,
                                                                                 page):
    port = port_8000()
    server = launch({"MCP_AUTH_LISTEN": f"localhost:{port}"}, port=port)
    browser.get(page(guide_page(port, mint("alice"))))
    until(browser, "ws.readyState === 1", "the connection did not open")
    server.wait_stats(active_connections=1)
    server.publish([
        event("permission_granted", user_id="alice", user_name="Alice", resource="documents",
              action="read", message="Permission granted for read on documents"),
        event("role_assigned", user_id="admin-1", target_user_id="alice", role_name="editor",
              message="Role editor assigned to user alice"),
        event("security_violation", user_id="alice", security_level="HIGH",
              message="Security violation: brute force <b>&amp;</b>"),
        event("permission_granted", user_id="bob", resource="not", action="for alice")])
    server.publish(event("role_assigned", target_user_id="alice", role_name="last"))
    until(browser, "calls.length >= 4", "the events did not come")
    calls = browser.execute_script("return calls")
    assert [c[0] for c in calls] == ["updateUIPermissions", "refreshUserRoles", "showSecurityAlert",
                                     "refreshUserRoles"]
    assert (calls[0][1]["resource"], calls[0][1]["action"], calls[0][1]["user_name"]) == (
        "documents", "read", "Alice")
    assert calls[2][1]["message"] == "Security violation: brute force <b>&amp;</b>"
    assert browser.execute_script("return logs") == [
        ["Permission granted:", "documents", "read"], ["Role assigned:", "editor"],
        ["Security alert:", "Security violation: brute force <b>&amp;</b>"],
        ["Role assigned:", "last"]]

    server.stop()
    until(browser, "logs.length >= 5", "the close did not come")
    assert browser.execute_script("return logs[4]") == ["WebSocket closed:", 4200,
                                                        "Server is shutting down"]
    until(browser, "reconnects === 1", "the guide's reconnect was not called")


@pytest.mark.parametrize("token,code,reason", [
    ("your_jwt_token", 4001, "Authentication failed"),
    (mint("u", lasts=-600), 4101, "Token expired")])
def test_a_browser_can_read_code_and_reason_of_a_refusal(server, browser, page, token, code,
                                                         reason):
    browser.get(page(guide_page(server.port, token)))
    until(browser, "logs.length >= 1", "the close did not come")
    assert browser.execute_script("return logs[0]") == ["WebSocket closed:", code, reason]
    assert browser.execute_script("return calls") == []


@pytest.fixture
def dev(launch):
    port = free_port()
    return launch({"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_API_KEY": None,
                   "MCP_AUTH_LISTEN": f"localhost:{port}"}, "--dev", port=port)


def sign_in(browser, server, name):
    browser.get(f"http://localhost:{server.port}/")
    until(browser, "document.querySelectorAll('#demo-buttons button').length === 3",
          "no demo tokens")
    button = next(b for b in browser.find_elements(By.CSS_SELECTOR, "#demo-buttons button")
                  if b.text == name)
    button.click()
    until(browser, "document.getElementById('status').textContent === 'Connected'", "not connected")
    assert browser.find_element(By.ID, "who-user").text == name


def rows(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('#events li')].map((row) => row.dataset.id)")


def test_one_click_signs_the_administrator_in_and_a_published_sample_appears(dev, browser):
    sign_in(browser, dev, "admin")
    assert browser.find_element(By.ID, "publish").is_displayed()
    assert rows(browser) == []
    browser.find_element(By.CSS_SELECTOR, "#publish-form button[type=submit]").click()
    until(browser, "document.querySelectorAll('#events li').length === 1",
          "the event did not appear")
    until(browser, "document.getElementById('publish-result').textContent.startsWith('Published')",
          "no answer shown")
    assert rows(browser)[0] in browser.find_element(By.ID, "publish-result").text
    severe = [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert not severe, severe


def test_alice_sees_only_what_is_hers_and_cannot_publish(dev, browser):
    tokens = {row["name"]: row["token"] for row in dev.request("GET",
                                                               "/dev/tokens").json()["tokens"]}
    sign_in(browser, dev, "alice")
    assert not browser.find_element(By.ID, "publish").is_displayed()
    made = dev.publish([event("role_assigned", user_id="admin", target_user_id="bob",
                              role_name="x"),
                        event("policy_updated"),
                        event("role_assigned", user_id="admin", target_user_id="alice",
                              role_name="x",
                              message="<img src=x onerror=alert(1)>")], tokens["admin"])
    until(browser, "document.querySelectorAll('#events li').length >= 1",
          "the event did not appear")
    time.sleep(0.3)
    assert rows(browser) == [made[2]["id"]]
    assert browser.execute_script("return document.querySelectorAll('#events img').length") == 0
    assert "<img src=x" in browser.find_element(By.ID, "events").text


def test_the_page_comes_back_after_a_restart_and_shows_what_it_is_told(dev, browser, launch):
    sign_in(browser, dev, "admin")
    dev.stop()
    until(browser, "/Reconnecting/.test(document.getElementById('status').textContent)",
          "the page did not notice")
    assert re.search("4200|lost", browser.find_element(By.ID, "notice").text)
    launch({"MCP_AUTH_JWT_SECRET": None, "MCP_AUTH_API_KEY": None,
            "MCP_AUTH_LISTEN": f"localhost:{dev.port}"}, "--dev", port=dev.port)
    # Another secret: the old token is not accepted any more, and the page says so.
    until(browser, "document.getElementById('status').textContent === 'Disconnected'",
          "the page did not reconnect")
    assert "Authentication failed" in browser.find_element(By.ID, "notice").text
