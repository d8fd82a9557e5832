# SPDX-License-Identifier: Apache-2.0
# test_cors.py: which web pages may read the answers of /v1; and OPTIONS and HEAD on every route.
import asyncio

import pytest

from test_sse import Stream
from tokens import admin, mint

PAGE = "https://app.example.com"
ROUTES = {"/v1/events": "GET, HEAD, POST, OPTIONS", "/v1/events/stream": "GET, HEAD, OPTIONS",
          "/v1/stats": "GET, HEAD, OPTIONS", "/v1/connections": "GET, HEAD, OPTIONS",
          "/v1/revocations": "POST, OPTIONS", "/v1/users/u/disconnect": "POST, OPTIONS",
          "/healthz": "GET, HEAD, OPTIONS", "/readyz": "GET, HEAD, OPTIONS",
          "/metrics": "GET, HEAD, OPTIONS", "/": "GET, HEAD, OPTIONS"}


def allowed(answer):
    return {name: value for name, value in answer.headers.items()
            if name.lower().startswith("access-control-")}


def preflight(server, path, origin, method="GET"):
    return server.request("OPTIONS", path, headers={
        "Origin": origin, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type"})


@pytest.mark.parametrize("path", ROUTES)
def test_options_and_head_are_answered_everywhere(server, path):
    answer = server.request("OPTIONS", path)
    assert answer.status == 204 and answer.body == b"" and not allowed(answer)
    assert answer.headers["Allow"] == ROUTES[path]
    head = server.request("HEAD", path, token=admin())
    if "HEAD" in ROUTES[path]:
        assert head.status == 200 and head.body == b""
    else:
        assert head.status == 405 and head.headers["Allow"] == ROUTES[path]


def test_unset_says_nothing_to_pages(server):
    for answer in (server.request("GET", "/v1/stats", token=admin(), headers={"Origin": PAGE}),
                   preflight(server, "/v1/stats", PAGE)):
        assert not allowed(answer) and "Vary" not in answer.headers


def test_only_allowed_pages_are_let_in_and_only_to_v1(launch):
    server = launch({"MCP_AUTH_ALLOWED_ORIGINS": f"{PAGE},http://localhost:3000"})
    for origin in (PAGE, "http://localhost:3000"):
        answer = preflight(server, "/v1/events", origin, "POST")
        found = allowed(answer)
        assert answer.status == 204
        assert found["Access-Control-Allow-Origin"] == origin
        assert "POST" in found["Access-Control-Allow-Methods"]
        assert "Authorization" in found["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in found
        assert answer.headers["Vary"] == "Origin"
        # What was refused can be read as well.
        for token, status in ((admin(), 200), (None, 401), (mint("u"), 403)):
            answer = server.request("GET", "/v1/stats", token=token, headers={"Origin": origin})
            assert answer.status == status
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert answer.headers["Vary"] == "Origin"
    for origin in ("https://evil.example.com", "http://app.example.com", "null", PAGE + ".evil"):
        for answer in (preflight(server, "/v1/events", origin),
                       server.request("GET", "/v1/stats", token=admin(), headers={"Origin": origin})):
            assert not allowed(answer) and answer.headers["Vary"] == "Origin"
    for path in ("/healthz", "/metrics", "/"):
        answer = server.request("GET", path, headers={"Origin": PAGE})
        assert not allowed(answer)
    assert not allowed(server.request("GET", "/v1/stats", token=admin()))


def test_answers_that_come_later_have_it_too(launch):
    server = launch({"MCP_AUTH_ALLOWED_ORIGINS": PAGE})
    answer = server.request("POST", "/v1/events", '{"event_type":"user_updated"}', admin(),
                            {"Content-Type": "application/json", "Origin": PAGE})
    assert answer.status == 202 and answer.headers["Access-Control-Allow-Origin"] == PAGE
    answer = server.request("GET", "/v1/events", token=admin(), headers={"Origin": PAGE})
    assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == PAGE


def test_a_star_lets_every_page_in(launch):
    server = launch({"MCP_AUTH_ALLOWED_ORIGINS": "*"})
    answer = server.request("GET", "/v1/stats", token=admin(), headers={"Origin": "https://x.y"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_stream_may_be_read_by_an_allowed_page(launch):
    server = launch({"MCP_AUTH_ALLOWED_ORIGINS": PAGE})
    stream = await Stream.open(server, mint("u"), Origin=PAGE)
    assert stream.headers["access-control-allow-origin"] == PAGE
    await stream.close()
    await asyncio.sleep(0)
