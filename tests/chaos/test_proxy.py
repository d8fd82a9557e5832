# SPDX-License-Identifier: Apache-2.0
# test_proxy.py: the proxy does to a connection what it says, and nothing when nothing was asked.
import socket
import threading
import time

import pytest

from proxy import Proxy


@pytest.fixture
def echo():
    """A server that answers what it hears; (address, list of its connections)."""
    listener, peers = socket.create_server(("127.0.0.1", 0)), []

    def serve(peer):
        try:
            while chunk := peer.recv(65536):
                peer.sendall(chunk)
        except OSError:
            pass
        peer.close()

    def accept():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peers.append(peer)
            threading.Thread(target=serve, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname(), peers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def proxy(echo):
    with Proxy(echo[0], seed=1) as made:
        yield made


def connect(proxy, seconds=5):
    return socket.create_connection(("127.0.0.1", proxy.port), seconds)


def said(client, text=b"hello"):
    client.sendall(text)
    return heard(client, len(text))


def heard(client, size):
    content = b""
    while len(content) < size:
        chunk = client.recv(65536)
        if not chunk:
            break
        content += chunk
    return content


def silent(client, seconds=0.3):
    client.settimeout(seconds)
    try:
        client.recv(1)
    except socket.timeout:
        client.settimeout(5)
        return True
    return False


def ended(client):
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def refused(proxy):
    """A reset may be there before connect() returns, or just after."""
    try:
        return ended(connect(proxy))
    except ConnectionError:
        return True


def test_it_passes_bytes_both_ways_and_the_end(proxy):
    client = connect(proxy)
    assert said(client) == b"hello"
    content = bytes(range(256)) * 8192
    threading.Thread(target=client.sendall, args=(content,), daemon=True).start()
    assert heard(client, len(content)) == content
    client.close()


def test_a_delay_counts_each_way_and_keeps_order(proxy):
    client = connect(proxy)
    proxy.delay(0.1, 0.02)
    began = time.monotonic()
    assert said(client) == b"hello" and time.monotonic() - began > 0.2
    for i in range(20):
        client.sendall(bytes([i]))
    assert heard(client, 20) == bytes(range(20))


def test_a_stall_keeps_connection_and_bytes(proxy):
    client = connect(proxy)
    assert said(client) == b"hello"
    proxy.stall()
    client.sendall(b"later")
    assert silent(client)
    proxy.heal()
    assert heard(client, 5) == b"later"


@pytest.mark.parametrize("way", ["up", "down"])
def test_one_direction_can_be_blocked(proxy, echo, way):
    client = connect(proxy)
    assert said(client) == b"hello"
    proxy.block(way)
    echo[1][0].sendall(b"s")
    assert silent(client) == (way == "down")
    proxy.heal()
    assert way == "up" or heard(client, 1) == b"s"


def test_a_reset_ends_what_is_and_lets_in_what_comes(proxy):
    client = connect(proxy)
    assert said(client) == b"hello"
    proxy.reset()
    assert ended(client)
    assert said(connect(proxy)) == b"hello"


def test_cut_holds_until_it_is_healed(proxy):
    client = connect(proxy)
    assert said(client) == b"hello"
    proxy.cut()
    assert ended(client) and refused(proxy)
    proxy.heal()
    assert said(connect(proxy)) == b"hello"


def test_a_half_open_connection_hears_nothing_and_a_new_one_works(proxy):
    client = connect(proxy)
    assert said(client) == b"hello"
    proxy.half_open()
    client.sendall(b"anybody?")
    assert silent(client)
    assert said(connect(proxy)) == b"hello"
    assert silent(client)


def test_who_is_not_there_is_a_reset_and_another_upstream_can_be_named(proxy, echo):
    there, proxy.upstream = proxy.upstream, ("127.0.0.1", 1)
    assert refused(proxy)
    proxy.upstream = there
    assert said(connect(proxy)) == b"hello"
