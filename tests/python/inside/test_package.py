# SPDX-License-Identifier: Apache-2.0
# test_package.py: the package imports with nothing else installed, and is what it says (R10, R30).
import importlib.metadata
import pathlib

import pytest

NOTHING = """
    import sys

    class Absent:
        names = {"fastapi", "starlette", "pydantic", "redis", "websockets", "aioredis", "dotenv",
                 "uvicorn", "typing_extensions", "anyio", "httpx"}
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in self.names:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Absent())
"""


def test_the_package_imports_and_works_with_none_of_the_optional_ones(alone):
    done = alone(NOTHING + """
    import asyncio
    from mcp_auth.realtime import (notify_rbac_event, RBACEvent, EventType, connection_manager,
                                   setup_realtime_system, RealtimeConfig)
    from mcp_auth.models import Principal
    from mcp_auth.client import RealtimeClient, Publisher

    async def inner(scope, receive, send):
        raise AssertionError("nobody asks")

    app = setup_realtime_system(inner)
    assert callable(app)
    asyncio.run(notify_rbac_event(RBACEvent(event_type=EventType.USER_CREATED, user_id="u")))
    assert connection_manager.get_connection_stats()["active_connections"] == 0
    print("fine")
    """)
    assert done.stdout == "fine\n"


@pytest.mark.parametrize("name", ["pydantic", "redis", "websockets"])
def test_each_of_the_optional_ones_may_be_there(alone, name):
    alone(f"import {name}\nimport mcp_auth.realtime, mcp_auth.client, mcp_auth.models")


def test_import_alone_starts_nothing(alone):
    done = alone("""
    import threading
    import mcp_auth.realtime, mcp_auth.client
    print(threading.active_count(), len(__import__("os").listdir("/proc/self/task")))
    """, MCP_AUTH_JWT_SECRET="")
    assert done.stdout == "1 1\n"


def test_the_distribution_is_typed_needs_nothing_and_has_a_stable_extension():
    from mcp_auth import _core

    assert not [r for r in importlib.metadata.requires("mcp-auth") or [] if "extra ==" not in r]
    assert ".abi3." in pathlib.Path(_core.__file__).name
    folder = pathlib.Path(_core.__file__).parent
    assert (folder / "py.typed").exists() and (folder / "_core.pyi").exists()


def test_every_public_name_says_what_it_does():
    import mcp_auth.client
    import mcp_auth.models
    import mcp_auth.realtime

    for module in (mcp_auth.client, mcp_auth.models, mcp_auth.realtime):
        assert module.__doc__
        for name in getattr(module, "__all__", ["Principal"]):
            assert getattr(module, name).__doc__, f"{module.__name__}.{name}"
