# SPDX-License-Identifier: Apache-2.0
# test_typing.py: the package, the examples and a user's program hold under mypy --strict.
import subprocess

import pytest

from application import EXAMPLES, PYTHON, has
from guide import ROOT

PROGRAM = """
from mcp_auth.client import Accepted, Publisher, RealtimeClient
from mcp_auth.models import Principal
from mcp_auth.realtime import EventType, RBACEvent, connection_manager, notify_rbac_event


async def main(who: Principal) -> str:
    await notify_rbac_event(RBACEvent(event_type=EventType.ROLE_ASSIGNED, user_id=who.id,
                                      user_name=who.name))
    connection_manager.max_connections = 1000
    gone: int = await connection_manager.disconnect(who.id)
    async with Publisher("http://localhost:8000", "token") as publisher:
        taken: Accepted = await publisher.publish({"event_type": "user_created"})
    async with RealtimeClient("http://localhost:8000", "token") as client:
        async for event in client:
            return event.id + taken.id + str(gone)
    return ""
"""


def mypy(*arguments, folder=ROOT):
    done = subprocess.run([PYTHON, "-m", "mypy", "--strict", "--no-incremental",
                           "--cache-dir=/dev/null", *map(str, arguments)], cwd=folder, text=True,
                          capture_output=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_users_program_and_the_examples(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    examples = sorted(EXAMPLES.glob("*.py"))
    assert len(examples) == 4
    mypy(path, *examples, folder=tmp_path)


def test_the_package_itself():
    mypy("-p", "mcp_auth", folder=ROOT / "sdk" / "python")
