# SPDX-License-Identifier: Apache-2.0
# test_conformance.py: RFC 6455 against ws-echo: framing, pings, bits, fragments, UTF-8, closes.
"""The goal: what a peer may send comes back as it was; what it may not send ends the connection
with the right code, at once. Compression is in test_conformance_deflate.py."""
import socket
import struct
import time

import pytest

from echo import Echo, Peer, fragments, in_pieces
from raw import BINARY, CLOSE, PING, PONG, TEXT, connect, frame, handshake_request, receive_all

CONTINUATION = 0
SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 131072]
KOSME = "κόσμε"


@pytest.fixture(scope="module", params=["plain", "deflate"])
def echo(request):
    """Everything must be the same for who did not ask for compression, whether or not it is on."""
    server = Echo("1" if request.param == "deflate" else None)
    yield server
    assert server.alive()
    server.stop()


@pytest.fixture
def peer(echo):
    p = Peer(echo)
    yield p
    p.close()


def code(number, reason=b""):
    return struct.pack(">H", number) + reason


# 1. Framing


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_every_length_form_comes_back(peer, opcode, size):
    peer.echoes(opcode, (b"*" if opcode == TEXT else b"\xfe") * size)
    peer.closes(code(1000))


@pytest.mark.parametrize("piece", [1, 997, 2048])
def test_a_message_may_arrive_in_any_segments(peer, piece):
    payload = b"*" * (300 if piece == 1 else 65536)
    in_pieces(peer, frame(TEXT, payload), piece)
    assert peer.read() == (TEXT, payload)


def test_frames_may_follow_the_handshake_in_one_segment(echo):
    with connect(echo) as s:
        s.sendall(handshake_request(echo) + frame(TEXT, "early") + frame(CLOSE, code(1000)))
        content = receive_all(s)
    assert content.split(b"\r\n\r\n", 1)[1] == b"\x81\x05early\x88\x02\x03\xe8"


def test_every_mask_is_undone(peer):
    for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\x01\x7f\xfe"):
        peer.echoes(TEXT, "masked", frame(TEXT, "masked", mask=mask))


def test_a_frame_without_mask_fails(peer):
    peer.send(frame(TEXT, "naked", mask=None))
    peer.fails(1002)


@pytest.mark.parametrize("length, size", [
    (b"\xfe\x00\x05", 5), (b"\xfe\x00\x7d", 125), (b"\xff" + struct.pack(">Q", 5), 5),
    (b"\xff" + struct.pack(">Q", 65535), 65535), (b"\xff\x80" + b"\0" * 7, 0)])
def test_a_length_that_is_not_the_shortest_or_over_63_bits_fails(peer, length, size):
    peer.send(frame(BINARY, b"x" * size, length=length)[:4096])
    peer.fails(1002)


# 2. Pings and pongs


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe\xfd", b"\xfe" * 125])
def test_a_ping_is_answered_with_its_payload(peer, payload):
    peer.pongs(payload)
    in_pieces(peer, frame(PING, payload), 1)
    assert peer.read() == (PONG, payload)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_over_125_bytes_fails(peer, opcode):
    peer.send(frame(opcode, b"\xfe" * 126))
    peer.fails(1002)


@pytest.mark.parametrize("payload", [b"", b"unasked"])
def test_a_pong_nobody_asked_for_is_passed_over(peer, payload):
    peer.send(frame(PONG, payload))
    peer.pongs(b"then")
    peer.echoes(TEXT, "still here")


def test_pings_in_one_segment_are_answered_in_their_order(peer):
    peer.send(b"".join(frame(PING, b"payload-%d" % i) for i in range(100)))
    assert [peer.read() for _ in range(100)] == [(PONG, b"payload-%d" % i) for i in range(100)]


# 3. Reserved bits


@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_a_reserved_bit_fails_unless_it_was_agreed_on(peer, opcode, reserved):
    peer.echoes(TEXT, "before")
    peer.send(frame(opcode, reserved=reserved))
    peer.fails(1002)


def test_what_came_before_a_reserved_bit_is_still_answered(peer):
    peer.send(frame(TEXT, "good") + frame(TEXT, "bad", reserved=4) + frame(PING))
    assert peer.read() == (TEXT, b"good")
    peer.fails(1002)


# 4. Opcodes


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_a_reserved_opcode_fails(peer, opcode):
    peer.send(frame(opcode, b"reserved opcode"))
    peer.fails(1002)


# 5. Fragments


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_in_fragments_fails(peer, opcode):
    peer.send(frame(opcode, b"", fin=False) + frame(CONTINUATION, b""))
    peer.fails(1002)


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_fragments_make_one_message(peer, opcode, size):
    peer.echoes(opcode, "fragmented " * 50, *fragments(opcode, "fragmented " * 50, size))


def test_fragments_may_be_empty(peer):
    peer.echoes(TEXT, "middle", frame(TEXT, fin=False), frame(CONTINUATION, fin=False),
                frame(CONTINUATION, "middle", fin=False), frame(CONTINUATION))
    peer.echoes(TEXT, "", *[frame(TEXT, fin=False)], frame(CONTINUATION))


def test_pings_between_fragments_are_answered_before_the_message(peer):
    peer.send(frame(TEXT, "one,", fin=False) + frame(PING, b"1") +
              frame(CONTINUATION, "two,", fin=False))
    assert peer.read() == (PONG, b"1")
    peer.pongs(b"2")
    in_pieces(peer, frame(CONTINUATION, "three"), 1)
    assert peer.read() == (TEXT, b"one,two,three")


@pytest.mark.parametrize("fin", [True, False])
def test_a_continuation_of_nothing_fails(peer, fin):
    peer.echoes(TEXT, "whole")
    peer.send(frame(CONTINUATION, "of nothing", fin=fin) + frame(TEXT, "more"))
    peer.fails(1002)


def test_a_continuation_behind_a_finished_message_fails(peer):
    peer.send(frame(TEXT, "a", fin=False) + frame(CONTINUATION, "b") + frame(CONTINUATION, "c"))
    assert peer.read() == (TEXT, b"ab")
    peer.fails(1002)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("fin", [True, False])
def test_a_message_inside_a_message_fails(peer, opcode, fin):
    peer.send(frame(TEXT, "begun", fin=False) + frame(opcode, "another", fin=fin))
    peer.fails(1002)


# 6. UTF-8

VALID = ["", "Hello-µ@ßöäüàá-UTF-8!!", KOSME, "\0", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff",
         "\ue000", "\ufffd", "\uffff", "\ufffe", "\U00010000", "\U0010ffff", "\U0001fffe"]
INVALID = [b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xe0\x80\xaf", b"\xe0\x9f\xbf",
           b"\xe2\x82", b"\xed\xa0\x80", b"\xed\xaf\xbf\xed\xbf\xbf", b"\xf0\x80\x80\xaf",
           b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x8d", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
           b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xfe", b"\xff",
           b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
           b"\xe2\x28\xa1", b"\xc3\x28", b"a\x80b", b"\xf0\x28\x8c\xbc"]


@pytest.mark.parametrize("text", VALID)
def test_valid_text_comes_back_in_any_fragments(peer, text):
    peer.echoes(TEXT, text)
    for size in (1, 2, 3):
        peer.echoes(TEXT, text, *fragments(TEXT, text, size))
    in_pieces(peer, frame(TEXT, text), 1)
    assert peer.read() == (TEXT, text.encode())


@pytest.mark.parametrize("wrong", INVALID)
def test_text_that_is_not_utf_8_fails_in_any_fragments(echo, wrong):
    for frames in ([frame(TEXT, wrong)], fragments(TEXT, wrong, 1), fragments(TEXT, wrong, 2),
                   fragments(TEXT, KOSME.encode() + wrong + b"edited", 3)):
        peer = Peer(echo)
        peer.send(b"".join(frames))
        peer.fails(1007)


def test_the_same_bytes_as_binary_are_no_concern(peer):
    for wrong in INVALID:
        peer.echoes(BINARY, wrong)


def test_a_bad_byte_is_told_before_the_message_ends(peer):
    peer.send(frame(TEXT, KOSME, fin=False))
    time.sleep(0.05)
    peer.send(frame(CONTINUATION, b"\xf4\x90", fin=False))
    peer.fails(1007)


def test_a_bad_byte_is_told_before_its_frame_ends(peer):
    peer.send(frame(TEXT, b"\xf4\x90" + b"x" * 1000)[:20])
    peer.fails(1007)


# 7. Closing


@pytest.mark.parametrize("number", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012,
                                    1013, 1014, 3000, 3999, 4000, 4999])
def test_a_close_is_answered_with_its_code(peer, number):
    peer.closes(code(number, b"a reason"))


@pytest.mark.parametrize("payload", [b"", code(1000), code(1000, b"x" * 123),
                                     code(1000, KOSME.encode())])
def test_a_close_may_be_empty_or_full(peer, payload):
    peer.closes(payload)


@pytest.mark.parametrize("number", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999,
                                    5000, 65535])
def test_a_close_code_that_may_not_be_sent_fails(peer, number):
    peer.send(frame(CLOSE, code(number)))
    peer.fails(1002)


def test_a_close_of_one_byte_fails(peer):
    peer.send(frame(CLOSE, b"\x03"))
    peer.fails(1002)


@pytest.mark.parametrize("wrong", INVALID[:20])
def test_a_close_reason_that_is_not_utf_8_fails(peer, wrong):
    peer.send(frame(CLOSE, code(1000, wrong)))
    peer.fails(1007)


@pytest.mark.parametrize("after", [frame(PING), frame(TEXT, "late"), frame(CLOSE, code(1001)),
                                   b"\xff" * 100, frame(TEXT, "x" * 300000)])
def test_nothing_behind_a_close_is_answered(peer, after):
    peer.send(frame(CLOSE, code(1000)) + after)
    peer.fails(1000)


def test_what_came_before_a_close_is_answered_first(peer):
    peer.send(frame(TEXT, "x" * 262144) + frame(PING, b"p") + frame(CLOSE, code(1000)))
    assert peer.read() == (TEXT, b"x" * 262144)
    assert peer.read() == (PONG, b"p")
    peer.fails(1000)


def test_a_close_inside_a_message_is_answered_and_the_message_dropped(peer):
    peer.send(frame(TEXT, "half", fin=False))
    peer.closes(code(1000))


# 9. Limits


@pytest.mark.parametrize("mib", [1, 16])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_large_message_comes_back(peer, opcode, mib):
    send_while_reading(peer, opcode, bytes(range(32, 96)) * (mib * 16384), None)


@pytest.mark.parametrize("size", [64, 1024, 65536])
def test_a_large_message_in_fragments_comes_back(peer, size):
    send_while_reading(peer, BINARY, b"\xc3\x28" * (min(size * 16384, 4 << 20) // 2), size)


def send_while_reading(peer, opcode, payload, size):
    peer.socket.settimeout(60)
    frames = fragments(opcode, payload, size) if size else [frame(opcode, payload)]
    peer.send(b"".join(frames)) # the server answers only when it has all
    kind, got = peer.read()
    assert kind == opcode and got == payload


def test_thousands_of_small_messages_come_back_in_order(peer):
    for size in (0, 16, 256, 4096):
        payloads = [(b"%d:" % i).ljust(size, b"x") for i in range(1000)]
        for at in range(0, 1000, 50):
            peer.send(b"".join(frame(TEXT, p) for p in payloads[at:at + 50]))
            assert [peer.read() for _ in range(50)] == [(TEXT, p) for p in payloads[at:at + 50]]


def test_a_message_over_the_limit_is_refused_by_its_header(peer):
    peer.send(frame(BINARY, b"", length=b"\xff" + struct.pack(">Q", (64 << 20) + 1)))
    peer.fails(1009)


def test_fragments_over_the_limit_are_refused_by_the_header_that_exceeds_it(peer):
    peer.socket.settimeout(60)
    peer.send(frame(BINARY, b"x" * (33 << 20), fin=False))
    peer.send(frame(CONTINUATION, b"", length=b"\xff" + struct.pack(">Q", 33 << 20)))
    peer.fails(1009)


# 10. Other things


def test_a_peer_that_vanishes_harms_nobody(echo):
    for content in (b"", frame(TEXT, "x" * 1000)[:500], frame(TEXT, "half", fin=False),
                    frame(TEXT, "x" * 100000)):
        peer = Peer(echo)
        peer.send(content)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.socket.close()
    other = Peer(echo)
    other.echoes(TEXT, "still here")
    other.closes()


def test_a_peer_that_does_not_read_is_held_back_not_forgotten(echo):
    peer = Peer(echo)
    peer.socket.settimeout(2)
    sent, piece = 0, frame(BINARY, b"y" * 65536)
    try:
        while sent < 2000:
            peer.send(piece)
            sent += 1
    except TimeoutError:
        pass
    assert sent < 2000, "a server that takes everything keeps everything"
    peer.socket.settimeout(20)
    for _ in range(sent):
        assert peer.read() == (BINARY, b"y" * 65536)
    peer.close()


@pytest.mark.parametrize("lines, status", [
    (["GET / HTTP/1.1", "Host: a"], 426),
    (["POST / HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"], 400),
    (["GET / HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 12"], 426),
    (["GET / HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Key: short", "Sec-WebSocket-Version: 13"], 400),
    (["nonsense"], 400),
])
def test_a_handshake_that_is_none_is_refused(echo, lines, status):
    with connect(echo) as s:
        s.sendall("\r\n".join([*lines, "", ""]).encode())
        assert receive_all(s).startswith(b"HTTP/1.1 %d " % status)


def test_a_handshake_may_arrive_byte_by_byte(echo):
    with connect(echo) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in handshake_request(echo, "X-Long: " + "x" * 300):
            s.sendall(bytes([byte]))
        assert s.recv(4096).startswith(b"HTTP/1.1 101 ")
