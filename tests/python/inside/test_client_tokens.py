# SPDX-License-Identifier: Apache-2.0
# test_client_tokens.py: RealtimeClient and its token: asked for, renewed, withdrawn, refused.
import asyncio
import logging
import time

import pytest

from following import Following, ask, http, live, publish, root, signing_in, until
from mcp_auth.client import Refused, TokenNeeded
from minting import mint


@pytest.fixture(scope="module")
def strict():
    """A server to which a token is over in the second that it says."""
    from serving import Server

    one = Server({"MCP_AUTH_TOKEN_LEEWAY": 0})
    one.wait_ready()
    yield one
    one.stop()


class Source:
    """A token function: its answers one after the other, the last one for ever."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def __call__(self):
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    async def later(self):
        await asyncio.sleep(0.01)
        return self()


async def test_a_function_is_asked_once_for_a_sign_in_and_again_before_the_end(strict, tenant):
    async def follows(source, token):
        async with Following(strict, token) as client:
            await live(client.iterate())
            assert source.asked == 1
            await until(lambda: len(client.of("auth_ok")) == 2, "renewed", 5)
            first, second = client.of("auth_ok")
            assert first["connection_id"] == second["connection_id"]
            assert first["expires_at"] < second["expires_at"] and source.asked == 2
            made = publish(strict, tenant)[0]
            await until(lambda: made in [event.id for event in client.given])
            assert not client.of("closing") and client.gaps == []

    sources = [Source(root(tenant, lasts=1.7), root(tenant)) for _ in range(2)]
    await asyncio.gather(follows(sources[0], sources[0]), follows(sources[1], sources[1].later))


async def test_when_no_new_one_came_in_time_it_is_asked_again_at_4101(strict, tenant, caplog):
    caplog.set_level(logging.WARNING, "mcp_auth.client")
    source = Source(root(tenant, lasts=1.5), OSError("no answer"), root(tenant))
    async with Following(strict, source) as client:
        await live(client.iterate())
        made = publish(strict, tenant)
        await until(lambda: client.of("closing"), "the end of the token", 4)
        assert client.of("closing")[0]["code"] == 4101
        made += publish(strict, tenant)
        assert await client.ids(2) == made and client.gaps == []
        assert source.asked == 3 and "no new token: no answer" in caplog.text


async def test_the_end_of_a_text_is_the_end(strict, tenant):
    async with Following(strict, root(tenant, lasts=1)) as client:
        await live(client)
        made = publish(strict, tenant)
        assert await client.ids(1) == made
        kept, error = client.position, await client.error()
        assert isinstance(error, TokenNeeded) and error.code == 4101 and str(error)
    publish(strict, tenant)
    async with Following(strict, root(tenant), position=kept) as client:
        await client.take(1)
        assert client.gaps == []


async def test_the_end_of_another_token_is_told_once(strict, tenant):
    async with Following(strict, root(tenant)) as client:
        await live(client.iterate())
        await client.set_token(root(tenant, lasts=1))
        error = await client.error()
        assert isinstance(error, TokenNeeded) and error.code == 4101
        assert len(client.of("closing")) == 1, "what the server has judged is not tried again"


def young(tenant):
    """Made so long after a withdrawal that it is no matter whose clock is right."""
    return mint("u", tenant_id=tenant, iat=int(time.time()) + 10)


async def test_a_withdrawn_text_is_the_end_and_a_function_is_asked(server, tenant):
    old = mint("u", tenant_id=tenant)
    source = Source(old, young(tenant))
    async with Following(server, old) as text, Following(server, source) as asks:
        await live(text)
        await live(asks.iterate())
        ask(server, tenant, "/v1/revocations", user_id="u")
        error = await text.error()
        assert isinstance(error, TokenNeeded) and error.code == 4102
        made = publish(server, tenant)
        assert await asks.ids(1) == made and source.asked == 2 and asks.gaps == []


async def test_another_token_that_crosses_the_close_is_tried(server, proxied, tenant):
    proxy = proxied(server)
    async with Following(http(proxy), mint("u", tenant_id=tenant)) as client:
        await live(client.iterate())
        proxy.block("down")
        ask(server, tenant, "/v1/revocations", user_id="u")
        await client.set_token(young(tenant))
        proxy.heal()
        await until(lambda: len(client.of("auth_ok")) == 2, "signed in with the other")
        assert [one["code"] for one in client.of("closing")] == [4102]


async def test_what_removes_the_account_is_its_last_event(server, tenant):
    source = Source(mint("u", tenant_id=tenant))
    async with Following(server, source) as client:
        await live(client)
        made = publish(server, tenant, event_type="user_deleted", target_user_id="u")
        assert await client.ids(1) == made
        for _ in range(2):  # whoever asks again hears the same
            error = await client.error()
            assert isinstance(error, Refused) and error.code == 4002 and error.reason
            client.task, client.given = None, []
        assert source.asked == 1 and not client.connected


async def test_it_stays_away_when_an_administrator_says_so(server, tenant):
    async with Following(server, mint("u", tenant_id=tenant)) as client:
        await live(client)
        ask(server, tenant, "/v1/users/u/disconnect")
        error = await client.error()
        assert isinstance(error, Refused) and error.code == 4004


@pytest.mark.parametrize("token", ["no token", mint("u", secret="x" * 64), ""])
async def test_a_token_that_is_none_is_refused(server, token):
    async with Following(server, token, event_types=["role_assigned"]) as client:
        error = await client.error()
        assert isinstance(error, Refused) and str(error) == "4001 Authentication failed"


async def test_what_is_no_server_is_refused(server, tenant):
    async with Following(server.url + "/elsewhere", root(tenant)) as client:
        error = await client.error()
        assert isinstance(error, Refused) and error.code == 404
    async with Following(server.url + "/healthz", root(tenant)) as client:
        error = await client.error()
        assert isinstance(error, Refused) and error.code == 200


async def test_another_token_is_taken_on_the_live_connection(server, tenant):
    async with Following(server, mint("u", tenant_id=tenant)) as client:
        await live(client.iterate())
        await client.set_token(mint("u", ["admin"], tenant_id=tenant))
        await until(lambda: len(client.of("auth_ok")) == 2)
        first, second = client.of("auth_ok")
        assert first["connection_id"] == second["connection_id"] and second["roles"] == ["admin"]
        await client.set_token(mint("somebody-else", tenant_id=tenant))
        error = await client.error()
        assert isinstance(error, Refused) and error.code == 4003


async def test_another_token_that_comes_during_the_sign_in_is_taken_too(server, proxied, tenant):
    proxy = proxied(server)
    proxy.delay(0.06)
    async with Following(http(proxy), mint("root", tenant_id=tenant)) as client:
        await signing_in(client.iterate(), server, tenant)
        await client.set_token(root(tenant))
        await until(lambda: len(client.of("auth_ok")) == 2)
        assert [one["roles"] for one in client.of("auth_ok")] == [[], ["admin"]]


async def test_another_token_that_comes_while_it_connects_is_the_one_that_is_used(
        server, proxied, tenant):
    proxy = proxied(server)
    proxy.stall()
    async with Following(http(proxy), "a token that is refused") as client:
        await until(lambda: proxy.accepted)
        await client.set_token(root(tenant))
        proxy.heal()
        await live(client.iterate())


async def test_another_token_is_that_of_the_next_connection(server, proxied, tenant):
    proxy = proxied(server)
    async with Following(http(proxy), mint("u", tenant_id=tenant)) as client:
        await live(client.iterate())
        proxy.cut()
        await until(lambda: not client.connected)
        await client.set_token(mint("u", ["auditor"], tenant_id=tenant))
        proxy.heal()
        await until(lambda: len(client.of("auth_ok")) == 2)
        assert client.of("auth_ok")[1]["roles"] == ["auditor"]


@pytest.mark.parametrize("answer, kind", [(ZeroDivisionError("theirs"), ZeroDivisionError),
                                          (7, TypeError), ("", TypeError)])
async def test_what_the_function_raises_reaches_the_program(server, answer, kind):
    async with Following(server, Source(answer)) as client:
        assert isinstance(await client.error(), kind)


async def test_what_the_other_functions_raise_reaches_the_program(server, tenant):
    def fails(frame):
        raise ZeroDivisionError(frame["type"])

    async with Following(server, root(tenant), on_control=fails) as client:
        error = await client.error()
        assert isinstance(error, ZeroDivisionError) and str(error) == "auth_ok"


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://a/?token=x", "http://u:p@a/",
                                 "http://a:port/", "http://a b/", "unix:"])
def test_what_is_no_address_is_told_at_once(url):
    with pytest.raises(ValueError):
        Following(url, "token")


async def test_a_filter_that_is_none_is_told_as_such(server, tenant):
    with pytest.raises(TypeError):
        Following(server, root(tenant), event_types="role_assigned")
    async with Following(server, root(tenant), event_types=["role_asigned"]) as client:
        error = await client.error()
        assert isinstance(error, Refused) and error.code == 4001 and "filter" in error.reason
    async with Following(server, root(tenant)) as client:
        await live(client)
        await client.subscribe(min_security_level="HIHG")
        error = await client.error()
        assert isinstance(error, Refused) and error.code == 4005
