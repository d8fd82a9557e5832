# SPDX-License-Identifier: Apache-2.0
# test_manager.py: connection_manager before and after set-up; what is nonsense (R80-R83, R104).
import pytest

import guide

ATTRIBUTES = ["max_connections", "heartbeat_interval", "rate_limit_messages", "rate_limit_window"]


def test_the_guides_blocks_run_before_set_up_and_are_kept_by_it(alone):
    done = alone(guide.LIMITS.replace("1000", "777") + guide.RATE.replace("100 ", "55 ") +
                 guide.DEBUG + guide.SETUP + guide.HEALTH +
                 "print(connection_manager.max_connections, connection_manager.heartbeat_interval,"
                 "connection_manager.rate_limit_messages, connection_manager.rate_limit_window)\n")
    assert done.stdout.splitlines() == ["Active connections: 0", "Total messages sent: 0",
                                        "Failed authentications: 0", "777 30 55 60"]


def test_they_stand_over_the_environment_and_it_over_the_defaults(alone):
    show = ("from mcp_auth.realtime import *\nfrom mcp_auth.realtime import connection_manager as m\n"
            "from fastapi import FastAPI\nsetup_realtime_system(FastAPI())\n")
    ask = "print(m.max_connections, m.heartbeat_interval)"
    assert alone(show + ask).stdout == "1000 30\n"
    env = {"WEBSOCKET_MAX_CONNECTIONS": "5", "WEBSOCKET_HEARTBEAT_INTERVAL": "7  # seconds"}
    assert alone(show + ask, **env).stdout == "5 7\n"
    assert alone(show + "m.max_connections = 9\n" + ask, **env).stdout == "9 7\n"
    assert alone(show + "import asyncio\nasyncio.run(notify_rbac_event(RBACEvent(event_type="
                 "'user_created')))\nm.max_connections = 9\n" + ask, **env).stdout == "9 7\n"


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize("started", [False, True])
def test_nonsense_is_a_value_error_and_changes_nothing(alone, name, started):
    done = alone(f"""
    import asyncio
    from mcp_auth.realtime import (RBACEvent, connection_manager, notify_rbac_event,
                                   setup_realtime_system)
    async def inner(scope, receive, send): pass
    setup_realtime_system(inner)
    if {started}:
        asyncio.run(notify_rbac_event(RBACEvent(event_type="user_created")))
    before = connection_manager.{name}
    for wrong in (-1, "many", None, float("inf"), True, float("nan"), 1 << 70, [], b"5"):
        try:
            connection_manager.{name} = wrong
        except ValueError:
            assert connection_manager.{name} == before
            continue
        raise AssertionError(f"{{wrong!r}} was taken")
    """)
    assert done.stdout == ""


def test_a_name_that_does_not_exist_is_no_silent_loss(alone):
    alone("""
    from mcp_auth.realtime import connection_manager
    try:
        connection_manager.max_conections = 5
    except AttributeError:
        pass
    else:
        raise AssertionError("a misspelt limit was taken")
    """)
