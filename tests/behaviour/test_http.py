# SPDX-License-Identifier: Apache-2.0
# test_http.py: HTTP/1.1 to the letter: smuggling shapes, pipelining, chunks, and half requests.
import json
import threading
import time

import pytest

import raw
from events import event
from serving import API_KEY

EVENT = json.dumps(event("user_updated", user_id="u"))


def request(server, *lines, first="GET /healthz HTTP/1.1", host=True, body=b""):
    fields = [first] + ([f"Host: 127.0.0.1:{server.port}"] if host else []) + list(lines)
    return "\r\n".join([*fields, "", ""]).encode("latin-1") + body


def post(server, *lines, body=EVENT):
    body = body.encode() if isinstance(body, str) else body
    return request(server, f"Authorization: Bearer {API_KEY}", "Content-Type: application/json",
                   *lines,
                   first="POST /v1/events HTTP/1.1", body=body)


def exchange(server, *pieces, pause=0.02):
    """Sends the pieces, and answers everything until the server closes."""
    s = raw.connect(server)
    for i, piece in enumerate(pieces):
        if i:
            time.sleep(pause)
        try:
            s.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            break
    content = raw.receive_all(s)
    s.close()
    return content


def odd(*lines, **more):
    return lambda server: request(server, *lines, **more)


HIDDEN = b"GET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n"
REFUSED = {
    "length doubled": lambda s: post(s, f"Content-Length: {len(EVENT)}",
                                     f"Content-Length: {len(EVENT)}"),
    "lengths that differ": lambda s: post(s, "Content-Length: 5", f"Content-Length: {len(EVENT)}"),
    "a list of lengths": lambda s: post(s, f"Content-Length: {len(EVENT)}, {len(EVENT)}"),
    "length and chunked": lambda s: post(s, "Content-Length: 4", "Transfer-Encoding: chunked",
                                         body=b"0\r\n\r\n" + HIDDEN),
    "chunked and length": lambda s: post(s, "Transfer-Encoding: chunked", "Content-Length: 5",
                                         body=b"0\r\n\r\n" + HIDDEN),
    **{f"length {v!r}": (lambda v: lambda s: post(s, f"Content-Length: {v}"))(v)
       for v in ("+5", "-5", "0x5", "5 5", "5a", "", "\xb2", "1e1", "99999999999999999999", "5;")},
    **{f"coding {v!r}": (lambda v: lambda s: post(s, f"Transfer-Encoding: {v}",
                                                  body=b"0\r\n\r\n"))(v)
       for v in ("xchunked", "chunked, chunked", "identity", "chunked;q=1", "gzip, chunked",
                 "chunked, x",
                 "\x0bchunked", "")},
    "coding doubled": lambda s: post(s, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked",
                                     body=b"0\r\n\r\n"),
    "chunked in HTTP/1.0": lambda s: post(s, "Transfer-Encoding: chunked",
                                          body=b"0\r\n\r\n").replace(
        b"HTTP/1.1", b"HTTP/1.0"),
    **{f"chunk {c!r}": (lambda c: lambda s: post(s, "Transfer-Encoding: chunked", body=c))(c)
       for c in (b"5 \r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
                 b"+5\r\nhello\r\n0\r\n\r\n",
                 b"5\nhello\n0\n\n", b"5\rhello", b"-1\r\n", b"\r\n", b"5\r\nhelloX\r\n0\r\n\r\n",
                 b"fffffffffffffffff\r\n", b"5\r\nhello0\r\n\r\n", b"5;a\nb\r\nhello\r\n0\r\n\r\n",
                 b"g\r\n", b"0\r\nContent-Length : 5\r\n\r\n")},
    "a space before the colon": odd("X : 1"), "a tab before the colon": odd("X\t: 1"),
    "a space before the name": odd(" X: 1"), "a folded line": odd("X: 1", " folded"),
    "no colon": odd("nothing"), "an empty name": odd(": 1"), "a NUL in a value": odd("X: a\0b"),
    "a bare CR in a value": odd("X: a\rY: b"), "a bare LF in a value": odd("X: a\nY: b"),
    "a control character in a name": odd("X\x01: b"), "a byte over 127 in a name": odd("X\xe4: b"),
    "a DEL in a value": odd("X: a\x7f"),
    "bare LF line ends": lambda s: request(s).replace(b"\r\n", b"\n"),
    "bare CR line ends": lambda s: request(s).replace(b"\r\n", b"\r") + b"\r\n\r\n",
    "no Host": odd(host=False), "two Hosts": odd("Host: x"),
    "a list of Hosts": odd("Host: a, b", host=False),
    "a Host with a path": odd("Host: a/b", host=False),
    "a Host with a user": odd("Host: u@a", host=False),
    "a Host with a space": odd("Host: a b", host=False),
    **{f"line {f!r}": odd(first=f) for f in (
        "GET  /healthz HTTP/1.1", "GET /healthz  HTTP/1.1", " GET /healthz HTTP/1.1",
        "GET /healthz HTTP/1.1 ", "GET\t/healthz\tHTTP/1.1", "GET /healthz", "GET",
        "/healthz HTTP/1.1",
        "GET /healthz http/1.1", "GET /healthz HTTP/1.1x", "GET /healthz HTTP/11",
        "GET /healthz HTTP/1.",
        "G@T /healthz HTTP/1.1", "GET /a b HTTP/1.1", "GET healthz HTTP/1.1", "GET /\x00 HTTP/1.1",
        "GET /\xe4 HTTP/1.1", "GET /healthz#x HTTP/1.1", "GET http:// HTTP/1.1")},
    "a TLS hello": lambda s: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
    "HTTP/2": lambda s: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "zeros": lambda s: b"\0" * 100 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_ambiguous_or_malformed_request_is_a_4xx_and_the_end(server, name):
    content = REFUSED[name](server)
    answer = exchange(server, content + HIDDEN)
    status = int(answer.split(b" ", 2)[1])
    assert status in (400, 404, 405, 414, 501, 505), answer
    if name != "HTTP/2" and not name.startswith("coding"):
        assert status == 400, answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer  # what was hidden behind it is not looked at
    assert b"connection: close" in answer.lower()


def test_the_same_in_any_split_is_answered_the_same(server):
    for name in ("length and chunked", "a folded line", "a bare CR in a value", "coding doubled"):
        content = REFUSED[name](server)
        whole = exchange(server, content).split(b"\r\n")[0]
        for at in (1, 5, len(content) // 3, len(content) // 2, len(content) - 1):
            assert exchange(server, content[:at], content[at:]).split(b"\r\n")[0] == whole, (name,
                                                                                             at)


def test_a_good_request_byte_by_byte_is_answered(server):
    s = raw.connect(server)
    for byte in post(server, f"Content-Length: {len(EVENT)}"):
        s.sendall(bytes([byte]))
    assert raw.receive_answers(s)[0][0] == 202
    s.close()


def test_a_connection_is_kept_for_the_next_request(server):
    s = raw.connect(server)
    for _ in range(20):
        s.sendall(post(server, f"Content-Length: {len(EVENT)}"))
        assert raw.receive_answers(s)[0][0] == 202
        s.sendall(request(server))
        assert raw.receive_answers(s)[0][0] == 200
    s.sendall(request(server, "Connection: close"))
    assert raw.receive_all(s).startswith(b"HTTP/1.1 200 ")
    s.close()


def test_pipelined_requests_are_answered_in_their_order(server):
    s = raw.connect(server)
    one = post(server, f"Content-Length: {len(EVENT)}")
    s.sendall(request(server) + one + request(server, first="GET /nowhere HTTP/1.1") + one +
              one * 5 + request(server))
    statuses = [status for status, _, _ in raw.receive_answers(s, 10)]
    assert statuses == [200, 202, 404, 202, 202, 202, 202, 202, 202, 200]
    s.close()


def test_many_pipelined_requests_do_not_pile_up(server):
    s = raw.connect(server)
    s.sendall(request(server) * 500)
    assert [a[0] for a in raw.receive_answers(s, 500)] == [200] * 500
    s.close()


def test_endless_pipelining_is_answered_and_held_back(server):
    s, count = raw.connect(server), 20000  # 700 KB of requests, 4 MB of answers
    sender = threading.Thread(target=s.sendall, args=(request(server) * count,), daemon=True)
    sender.start()
    answered = 0
    while answered < count:
        chunk = s.recv(65536)
        assert chunk, f"closed after {answered} answers"
        answered += chunk.count(b"{\"status\"")
        if answered >= count * 0.98:  # one that is cut in two is not counted
            break
    sender.join(10)
    assert not sender.is_alive()
    s.close()


@pytest.mark.parametrize("sizes", [[1], [7, 1, 20], [1000], [3, 2, 65536]])
def test_a_chunked_body_in_any_chunks_is_read(server, sizes):
    body, content, i = EVENT.encode(), b"", 0
    while body:
        size = sizes[i % len(sizes)]
        piece, body, i = body[:size], body[size:], i + 1
        content += b"%X;name=\"value\"\r\n%s\r\n" % (len(piece), piece)
    content += b"0\r\nTrailer-Field: ignored\r\n\r\n"
    s = raw.connect(server)
    s.sendall(post(server, "Transfer-Encoding: chunked", body=content) + request(server))
    assert [a[0] for a in raw.receive_answers(s, 2)] == [202, 200]
    s.close()


def test_expect_100_continue_is_answered_before_the_body(server):
    s = raw.connect(server)
    s.sendall(post(server, f"Content-Length: {len(EVENT)}", "Expect: 100-continue", body=b""))
    assert raw.receive_answers(s)[0][0] == 100
    s.sendall(EVENT.encode())
    assert raw.receive_answers(s)[0][0] == 202
    s.close()


def test_expect_100_continue_of_somebody_who_may_not_is_refused_at_once(server):
    s = raw.connect(server)
    s.sendall(request(server, "Content-Type: application/json", "Content-Length: 1000000",
                      "Expect: 100-continue", first="POST /v1/events HTTP/1.1"))
    answer = raw.receive_all(s)
    assert answer.startswith(b"HTTP/1.1 401 ") and b"100 Continue" not in answer
    s.close()


def test_a_body_that_is_too_large_is_refused_before_it_comes(server):
    s = raw.connect(server)
    s.sendall(post(server, "Content-Length: 5000000", body=b""))
    assert raw.receive_all(s).startswith(b"HTTP/1.1 413 ")
    s.close()


def test_endless_heads_and_targets_are_cut_off(server):
    assert exchange(server, request(server, "X: " + "y" * 200000)).startswith(b"HTTP/1.1 431 ")
    assert exchange(server, request(server, *(f"X{i}: y" for i in range(5000)))).startswith(
        b"HTTP/1.1 431 ")
    long = exchange(server, request(server, first=f"GET /{'x' * 100000} HTTP/1.1"))
    assert long[:13] in (b"HTTP/1.1 414 ", b"HTTP/1.1 431 ")


def test_a_request_that_ends_half_way_leaves_nothing_behind(server):
    for content in (b"G", b"GET / HT", request(server)[:-2], post(server, "Content-Length: 999")):
        s = raw.connect(server)
        s.sendall(content)
        s.close()
    assert server.request("GET", "/healthz").status == 200


def test_a_request_that_does_not_go_on_is_cut_off(server):
    head = post(server, "Content-Length: 99", body=b"")
    stalls = {"nothing": b"", "half a line": b"GET /hea", "half a head": b"GET / HTTP/1.1\r\nHost: x\r\n",
              "drops": b"GET / HTTP/1.1\r\n"}
    sockets = {name: raw.connect(server, 20) for name in stalls}
    for name, s in sockets.items():
        s.sendall(stalls[name])
    body = raw.connect(server, 20)
    body.sendall(head)
    began = time.monotonic()
    for drop in b"X: slowly, slowly":  # each drop does not begin the time again
        sockets["drops"].sendall(bytes([drop]))
        time.sleep(0.4)
    for name, s in sockets.items():
        answer = raw.receive_all(s)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 "), (name, answer)
        s.close()
    assert 8 < time.monotonic() - began < 14
    body.sendall(EVENT.encode() + b" " * (99 - len(EVENT)))  # a body may take longer
    assert raw.receive_answers(body)[0][0] == 202
    body.close()


def test_http_1_0_is_answered_and_closed(server):
    answer = exchange(server, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b'{"status":"ok"}')


def test_head_has_the_headers_of_get_and_no_body(server):
    get = server.request("GET", "/healthz")
    head = server.request("HEAD", "/healthz")
    assert head.status == 200 and head.body == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


BAD_UPGRADES = {
    "no key": ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"],
    "a short key": ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: AAAA"],
    "two keys": ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
    "version 8": ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 8",
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
    "no Connection": ["Upgrade: websocket", "Sec-WebSocket-Version: 13",
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
    "another protocol": ["Upgrade: h2c", "Connection: Upgrade"],
}


@pytest.mark.parametrize("name", BAD_UPGRADES)
def test_a_bad_upgrade_is_no_upgrade(server, name):
    answer = exchange(server, request(server, *BAD_UPGRADES[name], first="GET /ws HTTP/1.1"))
    assert answer[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 426 "), answer


def test_a_handshake_in_any_case_and_split_with_a_frame_behind_it_works(server):
    head = raw.handshake_request(server, key="dGhlIHNhbXBsZSBub25jZQ==").replace(
        b"Connection: Upgrade", b"connection: keep-alive, UPGRADE").replace(b"Upgrade: w",
                                                                            b"uPGRADE: W")
    content = head + raw.frame(raw.PING, b"early")
    for at in (1, 40, len(head) - 1, len(head), len(head) + 3):
        s = raw.connect(server)
        s.sendall(content[:at])
        time.sleep(0.02)
        s.sendall(content[at:])
        got = b""
        while b"early" not in got:
            chunk = s.recv(4096)
            assert chunk, got
            got += chunk
        assert got.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in got
        s.close()
