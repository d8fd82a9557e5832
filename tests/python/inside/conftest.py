# SPDX-License-Identifier: Apache-2.0
# conftest.py: tests inside the environment under test: its pytest, its FastAPI and pydantic.
import pathlib
import subprocess
import sys
import textwrap
import uuid

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent), str(HERE), str(HERE.parent.parent / "chaos")]

from borrowed import (authority, launch, no_endless_test, pytest_configure,  # noqa: E402, F401
                      pytest_pyfunc_call, pytest_runtest_makereport, redis_server, server,
                      shared_server, start_redis)
from minting import SECRET  # noqa: E402
from proxy import Proxy  # noqa: E402


@pytest.fixture
def tenant():
    """A name that no other test uses: tests that share a server do not meet."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def proxied():
    """proxied(server): a proxy before it that can be disturbed."""
    proxies = []

    def start(server):
        proxies.append(Proxy(("127.0.0.1", server.port)))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.close()


@pytest.fixture
def alone(tmp_path):
    """alone(code, env): the output of a fresh interpreter, in which nothing was set up yet."""

    def run(code, seconds=60, status=0, **env):
        path = tmp_path / "alone.py"
        path.write_text(textwrap.dedent(code), encoding="utf-8")
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{HERE}:{HERE.parent}",
                       "PYTHONDONTWRITEBYTECODE": "1", "MCP_AUTH_JWT_SECRET": SECRET}
        environment.update({k: str(v) for k, v in env.items() if v is not None})
        environment = {k: v for k, v in environment.items() if v != ""}
        done = subprocess.run([sys.executable, "-X", "dev", "-W", "error::RuntimeWarning",
                               str(path)], cwd=tmp_path, env=environment, text=True,
                              capture_output=True, timeout=seconds)
        assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run
