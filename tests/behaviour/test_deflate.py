# SPDX-License-Identifier: Apache-2.0
# test_deflate.py: permessage-deflate of the server: off, agreed on, equal events, what is refused.
import asyncio
import json
import re

import pytest
import websockets

from clients import Client, join, settle
from echo import OFFER, RSV1, Deflater, Peer, fragments
from events import event
from raw import BINARY, CLOSE, PING, PONG, TEXT, connect, frame, handshake_request, receive_all
from tokens import admin, mint, unique

SESSION = "Sec-WebSocket-Protocol: mcp-auth.v1"
OURS = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
BOMB = Deflater(level=9)('{"type":"auth","token":"' + "A" * (4 << 20) + '"}')


@pytest.fixture(scope="module")
def deflating():
    from serving import Server
    server = Server({"MCP_AUTH_WS_DEFLATE": "on", "MCP_AUTH_WORKERS": 2})
    try:
        server.wait_ready()
    except AssertionError:
        server.discard()
        raise
    yield server
    assert server.alive(), server.log[-8000:]
    server.stop()


class Raw(Peer):
    """A peer that keeps what it read as objects, and how each came."""

    def __init__(self, server, offer=OFFER):
        super().__init__(server, "\r\n".join(filter(None, (SESSION, offer))))

    def say(self, message, deflater=None):
        text = json.dumps(message)
        self.send(frame(TEXT, deflater(text), reserved=RSV1) if deflater else frame(TEXT, text))

    def sign_in(self, token, deflater=None):
        self.say({"type": "auth", "token": token}, deflater)
        assert self.until_type("auth_ok")

    def next(self):
        """(object, was it deflated, bytes of the frame's payload) of the next text message."""
        while True:
            before = self.peek()
            kind, payload = self.read()
            if kind == TEXT:
                return json.loads(payload), bool(before & 0x40)
            assert kind == PING, (kind, payload)

    def peek(self):
        first = self._take(1)
        self.content = first + self.content
        return first[0]

    def until_type(self, kind):
        while True:
            found, _ = self.next()
            if found["type"] == kind:
                return found


async def deflated_client(server, token, session=True):
    """A client of the library as it comes: it offers compression by itself."""
    ws = await websockets.connect(server.ws, subprotocols=["mcp-auth.v1"] if session else None,
                                  ping_interval=None, compression="deflate", max_size=None)
    client = Client(ws, "u")
    await client.send({"type": "auth", "token": token})
    if session:
        await client.signed_in()
    return client


def test_it_is_off_unless_it_is_asked_for(server):
    peer = Raw(server)
    assert peer.agreed is None
    peer.sign_in(mint("u", unique("t")))
    peer.say({"type": "ping"}, Deflater())
    peer.fails(1002)
    peer = Raw(server, "Sec-WebSocket-Extensions: ;")  # and then nobody reads the header
    peer.sign_in(mint("u", unique("t")))
    peer.close()


@pytest.mark.parametrize("offer, answer", [
    (OFFER, OURS),
    (OFFER + "; client_max_window_bits", OURS),
    (OFFER + "; client_max_window_bits=9", OURS),
    (OFFER + "; server_max_window_bits=12", OURS + "; server_max_window_bits=12"),
    (OFFER + "; server_max_window_bits=15; server_no_context_takeover",
     OURS + "; server_max_window_bits=15"),
    (OFFER + "; unknown, permessage-deflate", OURS),
    (OFFER + "; server_max_window_bits=11", None),  # a frame of ours could not be read
    (OFFER + "; unknown", None),
    (None, None),
])
def test_what_is_offered_is_agreed_on_or_done_without(deflating, offer, answer):
    tenant = unique("t")
    peer = Raw(deflating, offer)
    assert peer.agreed == answer
    peer.sign_in(mint("u", tenant), Deflater() if answer else None)
    sent = event("user_updated", id=unique("e"), user_id="u", tenant_id=tenant,
                 message="hello " * 100)
    deflating.publish(sent)
    found, deflated = peer.next()
    assert found["id"] == sent["id"] and found["message"] == sent["message"]
    assert deflated == (answer is not None)
    peer.send(frame(PING, b"control frames never are"))
    assert peer.read() == (PONG, b"control frames never are")
    peer.closes()


def test_an_offer_without_grammar_fails_the_handshake(deflating):
    with connect(deflating) as s:
        s.sendall(handshake_request(deflating, OFFER + "; a="))
        assert receive_all(s).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("session", [True, False])
async def test_everybody_gets_equal_events_in_one_order(deflating, session):
    tenant = unique("t")
    token = mint("u", tenant)
    plain = [await join(deflating, "u", tenant, session=session) for _ in range(3)]
    boss = await join(deflating, "root", tenant, roles=["admin"])
    packed = [await deflated_client(deflating, token, session) for _ in range(4)]
    packed += [await deflated_client(deflating, admin(tenant=tenant)) for _ in range(2)]
    for client in packed:
        assert re.search("PerMessageDeflate", str(client.ws.extensions))
        client.identity = (tenant, client.user)
    if not session:
        from clients import is_in
        await is_in(deflating, *packed[:4])
    sent = [event("user_updated", id=unique("e"), user_id="u", tenant_id=tenant,
                  message="é" * size, data={"n": size}) for size in (0, 10, 100, 1000, 5000) * 8]
    made = await asyncio.to_thread(deflating.publish, sent)
    await settle(deflating, tenant, *plain)
    ids = [m["id"] for m in made]
    for client in plain + packed + [boss]:
        await client.event(ids[-1])
        assert [i for i in client.ids if i in set(ids)] == ids
    texts = {f["id"]: f for f in boss.events}
    for client in plain + packed:
        for found in client.events:
            if found["id"] in set(ids):
                assert found == texts[found["id"]]
    for client in plain + packed + [boss]:
        await client.close()


async def test_a_library_client_signs_in_filters_and_pings_compressed(deflating):
    tenant = unique("t")
    client = await deflated_client(deflating, mint("u", tenant))
    await client.send({"type": "subscribe", "event_types": ["user_updated"],
                       "resources": ["r" * 200 + str(i) for i in range(20)]})
    assert len((await client.frame("subscribed"))["resources"]) == 20
    await client.send({"type": "ping", "id": 7})
    assert (await client.frame("pong"))["id"] == 7
    await client.close()


def test_messages_in_pieces_and_many_in_one_packet_are_read(deflating):
    peer, deflater = Raw(deflating), Deflater()
    peer.send(b"".join(fragments(TEXT, deflater(json.dumps(
        {"type": "auth", "token": mint("u", unique("t"))})), 7, reserved=RSV1)))
    assert peer.until_type("auth_ok")
    ping = [json.dumps({"type": "ping", "id": i}) for i in range(20)]
    peer.send(b"".join(frame(TEXT, deflater(text), reserved=RSV1) if i % 3 else frame(TEXT, text)
                       for i, text in enumerate(ping)))
    assert [peer.until_type("pong")["id"] for _ in ping] == list(range(20))
    peer.closes()


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_bomb_is_refused_and_nobody_else_notices(deflating, signed_in):
    other = Raw(deflating)
    other.sign_in(mint("u", unique("t")))
    before = deflating.resident_kb()
    assert len(BOMB) < 5000
    for _ in range(20):
        peer = Raw(deflating)
        if signed_in:
            peer.sign_in(mint("u", unique("t")))
        peer.send(frame(TEXT, BOMB, reserved=RSV1))
        peer.fails(1009)
    assert deflating.resident_kb() - before < 40 << 10
    other.say({"type": "ping", "id": 1})
    assert other.until_type("pong")
    other.close()


def test_the_size_limit_before_sign_in_is_of_what_it_says(deflating):
    peer = Raw(deflating)
    peer.say({"type": "auth", "token": "A" * (20 << 10)}, Deflater())
    peer.fails(1009)


@pytest.mark.parametrize("content, code", [
    (frame(TEXT, b"no deflate data", reserved=RSV1), 1007),
    (frame(TEXT, Deflater()(b"\xff\xfe"), reserved=RSV1), 1007),
    (frame(TEXT, bytes.fromhex("f200110000"), reserved=RSV1), 1007),  # refers to one before
    (frame(PING, b"", reserved=RSV1), 1002),
    (frame(TEXT, b"", reserved=2), 1002),
])
def test_what_is_not_as_agreed_closes(deflating, content, code):
    peer = Raw(deflating)
    peer.sign_in(mint("u", unique("t")))
    peer.send(content)
    peer.fails(code)


def test_a_deflated_message_without_agreement_closes(deflating):
    peer = Raw(deflating, None)
    peer.sign_in(mint("u", unique("t")))
    peer.say({"type": "ping"}, Deflater())
    peer.fails(1002)


def test_binary_is_refused_compressed_too(deflating):
    peer = Raw(deflating)
    peer.sign_in(mint("u", unique("t")))
    peer.send(frame(BINARY, Deflater()(b"\x00" * 100), reserved=RSV1))
    peer.until_type("closing")
    kind, payload = peer.read()
    assert kind == CLOSE and int.from_bytes(payload[:2], "big") == 4005
    peer.close()


def test_events_come_smaller(deflating):
    tenant = unique("t")
    peer = Raw(deflating)
    peer.sign_in(mint("u", tenant))
    sent = event("role_assigned", id=unique("e"), user_id="u", user_name="Ann Lee",
                 target_user_id="v", tenant_id=tenant, resource="documents/quarterly",
                 data={"granted_by": "administrator", "granted_until": "2027-01-01T00:00:00Z"})
    deflating.publish(sent)
    first, second = peer._take(2)
    size = second & 0x7f
    header = b""
    if size == 126:
        header = peer._take(2)
        size = int.from_bytes(header, "big")
    peer.content = bytes([first, second]) + header + peer.content
    kind, payload = peer.read()
    assert first & 0x40 and kind == TEXT and size < len(payload) * 0.85, (size, len(payload))
    print(f"{len(payload)} bytes became {size}")
    peer.close()


async def test_resumed_events_and_live_ones_are_both_read(deflating):
    tenant = unique("t")
    token = mint("u", tenant)
    client = await deflated_client(deflating, token)
    position = client.position
    await client.close()
    sent = [event("user_updated", id=unique("e"), user_id="u", tenant_id=tenant,
                  message="m" * 300) for _ in range(30)]
    await asyncio.to_thread(deflating.publish, sent[:15])
    ws = await websockets.connect(deflating.ws, subprotocols=["mcp-auth.v1"], ping_interval=None,
                                  compression="deflate")
    client = Client(ws, "u")
    await client.send({"type": "auth", "token": token, "position": position})
    assert (await client.signed_in())["resumed"] is True
    await asyncio.to_thread(deflating.publish, sent[15:])
    await client.event(sent[-1]["id"])
    assert client.ids == [e["id"] for e in sent]
    await client.close()
