# SPDX-License-Identifier: Apache-2.0
# test_client_c.py: a service in C or C++ on client.h follows revocations through all that can happen.
import signal

import pytest

from events import event
from installed import LANGUAGES
from tailing import Lines
from tokens import mint, unique

BEAT = {"WEBSOCKET_HEARTBEAT_INTERVAL": 1}


def watching(installed, server, token, language="c99", **env):
    started = Lines([installed.example("watch", language), server.url],
                    **installed.environment(MCP_AUTH_TOKEN=token, **env))
    return started


def admin(tenant=None, **more):
    return mint("root", tenant, roles=["admin"], **more)


@pytest.mark.parametrize("language", LANGUAGES)
def test_revocations_are_followed_and_nothing_else(installed, server, language):
    tenant = unique("t")
    with watching(installed, server, admin(tenant), language) as service:
        service.note("live")
        server.publish([
            event("role_assigned", target_user_id="a", role_name="x", tenant_id=tenant),
            event("role_revoked", target_user_id="a", role_name="x", tenant_id=tenant),
            event("permission_revoked", target_user_id="b", permission="doc:write", tenant_id=tenant),
            event("user_deleted", target_user_id="c", tenant_id=tenant)])
        service.line("forget c")
        assert service.out == ["forget a: x", "forget b: doc:write", "forget c: everything"]
        assert service.interrupt(signal.SIGTERM) == 0


def test_after_a_restart_it_is_told_that_it_may_have_missed_something(installed, launch):
    server = launch(BEAT)
    with watching(installed, server, admin()) as service:
        service.note("live")
        server.expected_status = -signal.SIGKILL
        server.signal(signal.SIGKILL)
        server.wait_end()
        again = launch(BEAT, port=server.port)
        service.line("forget everybody")
        again.publish(event("role_revoked", target_user_id="a", role_name="x"))
        service.line("forget a: x")


def test_while_the_server_is_frozen_nothing_is_lost(installed, launch):
    server = launch(BEAT)
    with watching(installed, server, admin()) as service:
        service.note("live")
        server.signal(signal.SIGSTOP)
        try:
            service.note("waiting: nothing was heard")
        finally:
            server.signal(signal.SIGCONT)
        server.publish(event("role_revoked", target_user_id="a", role_name="x"))
        service.line("forget a: x", 30)
        assert service.out == ["forget a: x"], "and nobody was told of a gap that was none"


def test_a_withdrawn_token_is_renewed(installed, server):
    tenant = unique("t")
    newer = admin(tenant, age=-20)  # made after the withdrawal: fences cover what is older
    with watching(installed, server, admin(tenant, lasts=-100), MCP_AUTH_NEXT_TOKEN=newer) as service:
        service.note("needs a token")
        service.note("live")
        server.publish(event("role_revoked", target_user_id="a", role_name="x", tenant_id=tenant))
        service.line("forget a: x")


def test_without_another_token_it_ends(installed, server):
    with watching(installed, server, admin(lasts=-100)) as service:
        assert service.end() == 1
        assert any("4101" in note for note in service.notes)


def test_a_token_that_is_none_ends_it(installed, server):
    with watching(installed, server, "nonsense") as service:
        assert service.end() == 1
        assert any("4001" in note for note in service.notes)
