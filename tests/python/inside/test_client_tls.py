# SPDX-License-Identifier: Apache-2.0
# test_client_tls.py: RealtimeClient and Publisher through a proxy that ends TLS.
import asyncio
import ssl

import pytest

from following import Following, live, publish, root
from mcp_auth.client import Publisher
from serving import API_KEY

SOON = 5


class Terminator:
    """Ends TLS and passes on to the server. `deaf`: nothing is passed on, nor the end."""

    def __init__(self, server, authority):
        self.server, self.deaf, self.writers = server, False, []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority / "server.pem", authority / "server.key")
        self.trust = ssl.create_default_context(cafile=str(authority / "ca.pem"))

    async def __aenter__(self):
        self.door = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.context)
        self.url = f"https://127.0.0.1:{self.door.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.door.close()
        for writer in self.writers:
            writer.close()
        await asyncio.sleep(0.01)

    async def _accept(self, reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        self.writers += [writer, inner_writer]
        await asyncio.gather(self._pass(reader, inner_writer), self._pass(inner_reader, writer))

    async def _pass(self, reader, writer):
        try:
            while chunk := await reader.read(65536):
                if not self.deaf:
                    writer.write(chunk)
        except OSError:
            pass
        if not self.deaf:
            writer.close()


def socket_of(client):
    return client._session._socket._writer.get_extra_info("socket")


@pytest.mark.parametrize("deaf", [False, True])
async def test_it_follows_through_tls_and_its_end_leaves_no_socket(
        server, authority, tenant, deaf):
    async with Terminator(server, authority) as front:
        client = Following(front.url, root(tenant), ssl_context=front.trust)
        client.start()
        await live(client)
        made = publish(server, tenant, 3)
        assert await client.ids(3) == made
        its_own = socket_of(client)
        if deaf:
            front.deaf = True
            for writer in front.writers:
                writer.transport.pause_reading()
        await asyncio.wait_for(client.close(), SOON)
        assert its_own.fileno() == -1, "it is closed"


async def test_who_vouches_for_nobody_is_not_talked_to(server, authority, tenant, caplog):
    caplog.set_level("INFO", "mcp_auth.client")
    async with Terminator(server, authority) as front:
        async with Following(front.url, root(tenant)) as client:
            await asyncio.sleep(0.3)
            assert not client.connected and not front.writers
        assert "cannot connect: [SSL: CERTIFICATE_VERIFY_FAILED]" in caplog.text


async def test_publishing_through_tls(server, authority, tenant):
    async with Terminator(server, authority) as front:
        async with Publisher(front.url, API_KEY, ssl_context=front.trust) as sends:
            taken = [await sends.publish({"event_type": "policy_updated", "tenant_id": tenant})
                     for _ in range(2)]
        assert all(one.position for one in taken) and len(front.writers) == 2
