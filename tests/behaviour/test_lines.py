# SPDX-License-Identifier: Apache-2.0
# test_lines.py: lines of events are read as they arrive, and published when all were checked.
import json
import time

import raw
from clients import join, settle, without_probes
from events import event
from serving import API_KEY
from tokens import unique


def start(server, size=None):
    """The head of a request to publish lines; its body is chunked when no size is given."""
    s = raw.connect(server, 20)
    framing = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
    s.sendall(("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson"
               f"\r\nAuthorization: Bearer {API_KEY}\r\n{framing}\r\n\r\n").encode())
    return s


def chunk(content):
    return b"%X\r\n%s\r\n" % (len(content), content)


def answer(s):
    [(status, _, body)] = raw.receive_answers(s)
    return status, json.loads(body)


def lines(tenant, count, **more):
    return "".join(json.dumps(event("user_updated", user_id="u", tenant_id=tenant, **more)) + "\n"
                   for _ in range(count)).encode()


async def test_lines_in_pieces_are_published_together_at_the_end(server):
    tenant = unique("t")
    client = await join(server, "u", tenant)
    body = lines(tenant, 60)
    for s, wrap, end in ((start(server, len(body)), bytes, b""), (start(server), chunk, b"0\r\n\r\n")):
        before = server.stats()["events_published"]
        pieces = [body[i:i + 997] for i in range(0, len(body), 997)]
        for piece in pieces[:-1]:
            s.sendall(wrap(piece))
            time.sleep(0.01)
        assert server.stats()["events_published"] == before  # nothing before all is here
        s.sendall(wrap(pieces[-1]) + end)
        status, said = answer(s)
        assert status == 202 and said["accepted"] == 60
        s.close()
    await settle(server, tenant, client)
    assert len(without_probes(client.ids)) == 120
    await client.close()


async def test_a_bad_line_refuses_all_and_the_connection_goes_on(server):
    tenant = unique("t")
    client = await join(server, "u", tenant)
    body = lines(tenant, 3) + b'{"event_type":7}\n' + lines(tenant, 5)
    s = start(server)
    for i in range(0, len(body), 200):
        s.sendall(chunk(body[i:i + 200]))
        time.sleep(0.01)
    s.sendall(b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    refused, healthy = raw.receive_answers(s, 2)
    assert refused[0] == 400 and healthy[0] == 200
    assert json.loads(refused[2])["error"]["details"]["index"] == 3
    s.close()
    await settle(server, tenant, client)
    assert without_probes(client.ids) == []
    await client.close()


def test_lines_that_arrive_are_still_bounded_in_all(server):
    s = start(server)
    padded = lines("t", 1, data={"x": "y" * 60000})
    try:
        for _ in range(75):  # 4.5 MB
            s.sendall(chunk(padded))
    except OSError:
        pass  # it stopped reading
    assert raw.receive_all(s).startswith(b"HTTP/1.1 413 ")
    s.close()


def test_a_line_that_does_not_end_is_refused(server):
    body = b"{" + b" " * 200000
    s = start(server, len(body))
    for i in range(0, len(body), 50000):
        s.sendall(body[i:i + 50000])
        time.sleep(0.02)
    status, said = answer(s)
    assert status == 413 and said["error"]["code"] == "too_large"
    assert said["error"]["details"]["index"] == 0
    s.close()


def test_who_leaves_in_the_middle_of_lines_has_published_nothing(server):
    before = server.stats()["events_published"]
    body = lines("t", 50)
    for cut in (len(body) // 2, len(body) - 1):
        s = start(server, len(body))
        s.sendall(body[:cut])
        time.sleep(0.05)
        s.close()
    time.sleep(0.1)
    assert server.stats()["events_published"] == before
