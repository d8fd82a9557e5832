# SPDX-License-Identifier: Apache-2.0
# test_conformance_deflate.py: RFC 7692 against ws-echo: offers, windows, contexts, what is refused.
import os
import random
import zlib

import pytest

from echo import OFFER, RSV1, Deflater, Echo, Peer, fragments, in_pieces
from raw import BINARY, CLOSE, PING, PONG, TEXT, connect, frame, handshake_request, receive_all

CONTINUATION = 0
OURS = "permessage-deflate; server_no_context_takeover"
HELLO = bytes.fromhex("f248cdc9c90700")  # RFC 7692 section 7.2.3.1


@pytest.fixture(scope="module")
def echo():
    server = Echo("1")
    yield server
    assert server.alive()
    server.stop()


@pytest.fixture(scope="module")
def takeover():
    server = Echo("takeover")
    yield server
    assert server.alive()
    server.stop()


@pytest.fixture
def peer(echo):
    p = Peer(echo, OFFER)
    yield p
    p.close()


def json_like(size):
    rows = random.Random(size)
    text = ",".join('{"type":"session.created","id":"%032x","n":%d,"name":"ä€"}'
                    % (rows.getrandbits(128), i) for i in range(size // 80 + 1))
    return text[:size].encode()[:size].decode(errors="ignore").encode()


# What was agreed on


def test_compression_is_off_unless_it_is_configured():
    server = Echo()
    peer = Peer(server, OFFER)
    assert peer.agreed is None
    peer.echoes(TEXT, "plain")
    peer.send(frame(TEXT, HELLO, reserved=RSV1))
    peer.fails(1002)
    server.stop()


@pytest.mark.parametrize("offer, answer", [
    ("", "; client_no_context_takeover"),
    ("; client_max_window_bits", "; client_no_context_takeover"),
    ("; client_max_window_bits=8", "; client_no_context_takeover"),
    ("; server_no_context_takeover; client_no_context_takeover", "; client_no_context_takeover"),
    ("; server_max_window_bits=9", "; client_no_context_takeover; server_max_window_bits=9"),
    ('; server_max_window_bits="15"', "; client_no_context_takeover; server_max_window_bits=15"),
    ("; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10",
     "; client_no_context_takeover; server_max_window_bits=10"),
    ("; server_max_window_bits=16, permessage-deflate", "; client_no_context_takeover"),
])
def test_the_first_offer_that_suits_is_accepted(echo, offer, answer):
    peer = Peer(echo, OFFER + offer)
    assert peer.agreed == OURS + answer
    peer.echoes(TEXT, "x" * 1000)
    peer.closes()


@pytest.mark.parametrize("offer", [
    "; unknown", "; server_max_window_bits", "; server_max_window_bits=7",
    "; server_max_window_bits=8", "; server_max_window_bits=010", "; client_max_window_bits=16",
    "; server_no_context_takeover=1", "; client_no_context_takeover; client_no_context_takeover"])
def test_an_offer_that_does_not_suit_is_declined(echo, offer):
    peer = Peer(echo, OFFER + offer)
    assert peer.agreed is None
    peer.echoes(TEXT, "plain")
    peer.send(frame(TEXT, HELLO, reserved=RSV1))
    peer.fails(1002)


@pytest.mark.parametrize("offer", [";", "; a=", '; a="', "; a b", '; a="b,c"'])
def test_an_offer_without_grammar_fails_the_handshake(echo, offer):
    with connect(echo) as s:
        s.sendall(handshake_request(echo, OFFER + offer))
        assert receive_all(s).startswith(b"HTTP/1.1 400 ")


# 12. Messages of all sizes


@pytest.mark.parametrize("size", [16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_every_size_come_back(peer, opcode, size):
    deflater = Deflater()
    payload = json_like(size) if opcode == TEXT else os.urandom(size)
    for _ in range(20):
        peer.echoes(opcode, payload, frame(opcode, deflater(payload), reserved=RSV1))
    for part in (1 + size // 3, 256):
        peer.echoes(opcode, payload, *fragments(opcode, deflater(payload), part, reserved=RSV1))


def test_a_large_message_comes_back(peer):
    peer.socket.settimeout(60)
    payload = json_like(16 << 20)
    peer.echoes(TEXT, payload, frame(TEXT, Deflater(level=1)(payload), reserved=RSV1))
    zeros = b"0" * (16 << 20)
    peer.echoes(TEXT, zeros, frame(TEXT, Deflater()(zeros), reserved=RSV1))


def test_a_message_may_also_be_sent_as_it_is(peer):
    peer.echoes(TEXT, "not compressed")
    peer.echoes(TEXT, "Hello", frame(TEXT, HELLO, reserved=RSV1))
    peer.echoes(BINARY, b"\xff" * 300)


def test_the_examples_of_the_rfc_mean_hello(peer):
    for payload in (HELLO, bytes.fromhex("000500faff48656c6c6f00"),
                    bytes.fromhex("f348cdc9c9070000"),
                    bytes.fromhex("f248050000 00ffffcac9c90700".replace(" ", ""))):
        peer.echoes(TEXT, "Hello", frame(TEXT, payload, reserved=RSV1))
        peer.echoes(TEXT, "Hello", *fragments(TEXT, payload, 3, reserved=RSV1))
        in_pieces(peer, frame(TEXT, payload, reserved=RSV1), 1)
        assert peer.read() == (TEXT, b"Hello")
    peer.echoes(TEXT, "", frame(TEXT, b"\x00", reserved=RSV1))
    peer.echoes(BINARY, b"", frame(BINARY, b"", reserved=RSV1))


def test_pings_between_compressed_fragments_are_answered(peer):
    first, *rest = fragments(TEXT, HELLO, 2, reserved=RSV1)
    peer.send(first + frame(PING, b"between"))
    assert peer.read() == (PONG, b"between")
    peer.echoes(TEXT, "Hello", *rest)


# 13. Windows and contexts


@pytest.mark.parametrize("bits", range(9, 16))
@pytest.mark.parametrize("size", [100, 8192, 131072])
def test_the_servers_window_is_what_was_asked_for(echo, bits, size):
    peer = Peer(echo, f"{OFFER}; server_max_window_bits={bits}; client_max_window_bits={bits}")
    assert peer.bits == bits
    deflater, payload = Deflater(bits), json_like(size)
    for _ in range(3):  # read with a window no larger, and a fresh one each time
        peer.echoes(TEXT, payload, frame(TEXT, deflater(payload), reserved=RSV1))
    peer.closes()


@pytest.mark.parametrize("bits", [9, 12, 15])
def test_a_client_may_take_over_its_context_where_it_is_allowed(takeover, bits):
    peer = Peer(takeover, f"{OFFER}; client_max_window_bits={bits}")
    assert peer.agreed == OURS
    deflater, payload = Deflater(bits, takeover=True), json_like(300)
    sizes = []
    for size in (300, 300, 5000, 40000, 300, 0, 300, 100000, 300):
        compressed = deflater(json_like(size)) if size else b"\x00"
        sizes.append(len(compressed))
        peer.echoes(TEXT, json_like(size), frame(TEXT, compressed, reserved=RSV1))
    assert sizes[1] < sizes[0], "the second message did refer to the first"
    peer.echoes(TEXT, payload)
    peer.closes()


def test_contexts_of_connections_stay_apart(takeover):
    peers = [(Peer(takeover, OFFER), Deflater(takeover=True)) for _ in range(5)]
    for round_number in range(10):
        for i, (peer, deflater) in enumerate(peers):
            text = f"connection {i} says {round_number}, as ever"
            peer.echoes(TEXT, text, frame(TEXT, deflater(text), reserved=RSV1))
    for peer, _ in peers:
        peer.closes()


def test_a_context_that_was_not_allowed_fails(peer):
    peer.echoes(TEXT, "Hello", frame(TEXT, HELLO, reserved=RSV1))
    peer.send(frame(TEXT, bytes.fromhex("f200110000"), reserved=RSV1))
    peer.fails(1007)


# What is refused


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_compressed_control_frame_fails(peer, opcode):
    peer.send(frame(opcode, HELLO, reserved=RSV1))
    peer.fails(1002)


def test_the_bit_on_a_continuation_fails(peer):
    peer.send(frame(TEXT, HELLO[:3], fin=False, reserved=RSV1) +
              frame(CONTINUATION, HELLO[3:], reserved=RSV1))
    peer.fails(1002)


@pytest.mark.parametrize("reserved", [1, 2, 3, 5, 6, 7])
def test_the_other_bits_fail(peer, reserved):
    peer.send(frame(TEXT, HELLO, reserved=reserved))
    peer.fails(1002)


@pytest.mark.parametrize("payload", [
    b"\xff", b"Hello", HELLO[:-1], HELLO[:4], HELLO + b"\x00\x00\xff\xff", HELLO + b"\x01",
    bytes.fromhex("f348cdc9c9070000") + b"garbage", zlib.compress(b"Hello")])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_what_is_not_deflate_data_fails(peer, opcode, payload):
    peer.send(frame(opcode, payload, reserved=RSV1))
    peer.fails(1007)


@pytest.mark.parametrize("wrong", [b"\xc0\xaf", b"abc\xff", b"abc\xe2\x82", b"\xed\xa0\x80"])
def test_inflated_text_must_be_utf_8(echo, wrong):
    for frames in ([frame(TEXT, Deflater()(wrong), reserved=RSV1)],
                   fragments(TEXT, Deflater()(wrong), 2, reserved=RSV1)):
        peer = Peer(echo, OFFER)
        peer.send(b"".join(frames))
        peer.fails(1007)
    peer = Peer(echo, OFFER)
    peer.echoes(BINARY, wrong, frame(BINARY, Deflater()(wrong), reserved=RSV1))
    peer.closes()


def test_a_bomb_is_refused(peer):
    peer.socket.settimeout(60)
    bomb = Deflater(level=9)(b"\0" * ((64 << 20) + 1))
    assert len(bomb) < 70000
    peer.send(frame(BINARY, bomb, reserved=RSV1))
    peer.fails(1009)
