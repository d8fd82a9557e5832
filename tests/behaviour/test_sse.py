# SPDX-License-Identifier: Apache-2.0
# test_sse.py: GET /v1/events/stream: the same session as on /ws, as server-sent events.
import asyncio
import json
import time

import pytest

from clients import join
from events import event
from tokens import admin, mint, unique

WAIT = 10


class Stream:
    """A reader that knows as much of the format as the HTML standard asks for."""

    @classmethod
    async def open(cls, server, token=None, query="", last_id=None, method="GET", version="1.1", **more):
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", server.port)
        lines = [f"{method} /v1/events/stream{query} HTTP/{version}", "Host: localhost"]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        if last_id is not None:
            lines.append(f"Last-Event-ID: {last_id}")
        lines += [f"{name}: {value}" for name, value in more.items()]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WAIT)).decode()
        first, *rest = head.split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, _, value in
                        (line.partition(": ") for line in rest if line)}
        self.frames, self.comments = [], 0
        return self

    async def frame(self, seconds=WAIT):
        """The next frame as (name, id, object); None at the end of the stream."""
        fields = {}
        while True:
            line = await asyncio.wait_for(self.reader.readline(), seconds)
            if not line:
                assert not fields, fields
                return None
            text = line.decode().rstrip("\n")
            if text == "":
                if fields:
                    break
                continue
            name, _, value = text.partition(":")
            if name == "":
                self.comments += 1
                continue
            assert name not in fields and value.startswith(" ")
            fields[name] = value[1:]
        self.frames.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
        return self.frames[-1]

    async def event(self, event_id):
        while True:
            frame = await self.frame()
            assert frame, f"the stream ended: {self.frames[-3:]}"
            if frame[0] == "event" and frame[2]["id"] == event_id:
                return frame

    async def until_end(self):
        while await self.frame():
            pass
        return self.frames[-1]

    @property
    def ids(self):
        return [f[2]["id"] for f in self.frames if f[0] == "event"]

    async def close(self):
        self.writer.close()
        await self.writer.wait_closed()


async def begin(server, token, **more):
    stream = await Stream.open(server, token, **more)
    assert stream.status == 200, stream.headers
    name, _, auth_ok = await stream.frame()
    assert name == "auth_ok" and auth_ok["type"] == "auth_ok"
    return stream


async def test_a_stream_has_the_same_events_as_a_session(server):
    tenant, user = unique("t"), unique("u")
    stream = await begin(server, mint(user, tenant))
    client = await join(server, user, tenant)
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["connection"] == "close" and "content-length" not in stream.headers
    assert stream.headers["cache-control"] == "no-store"
    names = [unique("e") for _ in range(20)]
    server.publish([event("user_updated", id=name, user_id=user, tenant_id=tenant,
                          data={"line": "a\nb\r\n\n", "ü": "\u2028"}) for name in names])
    await stream.event(names[-1])
    await client.event(names[-1])
    assert [f[2] for f in stream.frames if f[0] == "event"] == client.events
    assert all(f[1] == f[2]["position"] for f in stream.frames)
    assert stream.frames[0][2]["user_id"] == user and stream.frames[0][2]["tenant_id"] == tenant
    await stream.close()
    await client.close()


async def test_last_event_id_resumes_without_hole_or_double(server):
    tenant, user = unique("t"), unique("u")
    token = mint(user, tenant)
    names = [unique("e") for _ in range(300)]

    def publish(part):
        server.publish([event("user_updated", id=name, user_id=user, tenant_id=tenant)
                        for name in part])

    stream = await begin(server, token)
    publish(names[:10])
    position = (await stream.event(names[9]))[1]
    await stream.close()
    publish(names[10:])
    again = await begin(server, token, last_id=position)
    assert again.frames[0][2]["resumed"] is True and again.frames[0][1] == position
    await again.event(names[-1])
    assert again.ids == names[10:]
    await again.close()
    fresh = await begin(server, token, last_id="nonsense")
    assert fresh.frames[0][2]["resumed"] is False
    await fresh.close()
    fresh = await begin(server, token, last_id="")
    assert fresh.frames[0][2]["resumed"] is False
    await fresh.close()


async def test_the_query_narrows(server):
    tenant, user = unique("t"), unique("u")
    stream = await begin(server, mint(user, tenant),
                         query="?event_types=user_updated,role_assigned&resources=docs/*"
                               "&resources=a&min_security_level=HIGH")
    names = [unique("e") for _ in range(6)]
    rows = [("user_updated", "docs/1", "HIGH"), ("user_created", "docs/1", "HIGH"),
            ("user_updated", "other", "HIGH"), ("user_updated", "docs/1", "LOW"),
            ("user_updated", None, "HIGH"), ("role_assigned", "a", "CRITICAL")]
    server.publish([event(kind, id=name, user_id=user, tenant_id=tenant, resource=resource,
                          security_level=level)
                    for name, (kind, resource, level) in zip(names, rows)])
    await stream.event(names[5])
    assert stream.ids == [names[0], names[5]]
    await stream.close()


@pytest.mark.parametrize("query, member", [
    ("?event_types=nothing", "event_types"), ("?min_security_level=1", "min_security_level"),
    ("?resources=" + "r" * 257, "resources"), ("?token=x", "token")])
def test_a_wrong_query_is_refused(server, query, member):
    answer = server.request("GET", "/v1/events/stream" + query, token=mint("u", unique("t")))
    assert answer.status == 400 and answer.error["details"]["member"] == member


def test_who_may_not(server, api_key):
    path = "/v1/events/stream"
    assert server.request("GET", path).status == 401
    assert server.request("GET", path, token="x").status == 401
    assert server.request("GET", path, token=mint("u", lasts=-100)).error["code"] == "token_expired"
    assert server.request("GET", path, token=api_key).status == 403
    assert server.request("POST", path, token=mint("u")).status == 405


async def test_a_stream_ends_at_exp_and_says_so(server):
    stream = await begin(server, mint(unique("u"), unique("t"), lasts=2))
    began = time.monotonic()
    name, _, closing = await stream.until_end()
    assert name == "closing" and closing["code"] == 4101 and closing["reason"] == "Token expired"
    assert time.monotonic() - began < 4


async def test_a_revocation_a_disconnection_and_a_deletion_end_a_stream(server):
    tenant, headers = unique("t"), {"Content-Type": "application/json"}
    a, b, c = [await begin(server, mint(user, tenant)) for user in "abc"]
    server.request("POST", "/v1/revocations", '{"user_id":"a"}', admin(tenant), headers)
    server.request("POST", "/v1/users/b/disconnect", None, admin(tenant))
    server.publish(event("user_deleted", target_user_id="c", tenant_id=tenant))
    assert (await a.until_end())[2]["code"] == 4102
    assert (await b.until_end())[2]["code"] == 4004
    assert (await c.until_end())[2]["code"] == 4002
    assert c.frames[-2][2]["event_type"] == "user_deleted"


async def test_a_scope_change_is_said_and_applies(server):
    tenant, user = unique("t"), unique("u")
    stream = await begin(server, mint(user, tenant, ["admin"]))
    server.publish([event("role_revoked", target_user_id=user, role_name="admin", tenant_id=tenant),
                    event("policy_updated", tenant_id=tenant)])
    last = unique("e")
    server.publish(event("user_updated", id=last, user_id=user, tenant_id=tenant))
    await stream.event(last)
    assert [f[0] for f in stream.frames[1:]] == ["scope_changed", "event", "event"]
    await stream.close()


async def test_heartbeats_move_the_id_and_comments_keep_it_open(launch):
    server = launch({"WEBSOCKET_HEARTBEAT_INTERVAL": 1})
    stream = await begin(server, mint("u"))
    for _ in range(3):
        name, position, heartbeat = await stream.frame()
        assert name == "heartbeat" and heartbeat["position"] == position
    assert stream.comments >= 2
    await stream.close()


async def test_it_counts_as_a_connection(launch):
    server = launch({"WEBSOCKET_MAX_CONNECTIONS": 1})
    stream = await begin(server, mint("u"))
    assert server.stats()["active_connections"] == 1
    full = await Stream.open(server, mint("v"))
    name, _, closing = await full.frame()
    assert name == "closing" and closing["code"] == 4204 and "retry_after_ms" in closing
    assert await full.frame() is None
    await stream.close()
    server.wait_stats(active_connections=0)
    await (await begin(server, mint("v"))).close()


async def test_draining_ends_streams_with_4200(launch):
    server = launch()
    streams = [await begin(server, mint("u")) for _ in range(4)]
    server.process.terminate()
    for stream in streams:
        assert (await stream.until_end())[2]["code"] == 4200


async def test_head_and_old_http(server):
    head = await Stream.open(server, mint("u", unique("t")), method="HEAD")
    assert head.status == 200 and head.headers["content-type"] == "text/event-stream"
    assert await head.frame() is None
    user, tenant = unique("u"), unique("t")
    old = await begin(server, mint(user, tenant), version="1.0")
    name = unique("e")
    server.publish(event("user_updated", id=name, user_id=user, tenant_id=tenant))
    await old.event(name)
    await old.close()


@pytest.mark.seconds(90)
async def test_a_slow_reader_is_closed_and_frames_stay_whole(launch):
    server = launch()
    stream = await begin(server, mint("u"))
    quick = await join(server, "u")  # its reader goes on all the time; the stream's stops by itself
    big = [event("user_updated", user_id="u", data={"x": "y" * 20000}) for _ in range(20)]
    made = []
    while len(made) < 600:
        made += await asyncio.to_thread(server.publish, big)
        await quick.event(made[-1]["id"])
        if server.stats()["closes"].get("4202 Slow consumer"):
            break
    name, _, closing = await stream.until_end()
    assert name == "closing" and closing["code"] == 4202
    assert all(f[0] == "event" for f in stream.frames[1:-1])
    assert quick.ids == [published["id"] for published in made]
    await quick.close()


async def test_a_stream_that_talks_is_closed(server):
    stream = await begin(server, mint(unique("u"), unique("t")))
    stream.writer.write(b"\r\n")
    await asyncio.sleep(0.1)
    assert not stream.reader.at_eof()
    stream.writer.write(b"x" * 200000)
    try:
        assert await stream.frame() is None
    except ConnectionError:
        pass
    stream.writer.close()
