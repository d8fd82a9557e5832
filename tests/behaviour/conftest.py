# SPDX-License-Identifier: Apache-2.0
# conftest.py: servers for tests, how an async test runs, and that no wait is without end.
import asyncio
import faulthandler
import inspect
import subprocess

import pytest

from installed import Installed
from redis_server import RedisServer
from serving import API_KEY, Server

TEST_SECONDS = 60


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """An `async def` test runs in a loop of its own, for TEST_SECONDS at most."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    limit = pyfuncitem.get_closest_marker("seconds")

    async def bounded():
        await asyncio.wait_for(pyfuncitem.obj(**arguments),
                               limit.args[0] if limit else TEST_SECONDS)

    asyncio.run(bounded())
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "failed_in_" + call.when, outcome.get_result().failed)


def pytest_configure(config):
    config.addinivalue_line("markers", "seconds(n): the longest an async test may take")


@pytest.fixture(autouse=True)
def no_endless_test():
    """A test without a loop that hangs all the same ends the run with a stack, not in silence."""
    faulthandler.dump_traceback_later(240, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def end_servers(request, servers, what="server"):
    """The end of those that a test has started: with their logs, and not judged, when it failed."""
    failed = (getattr(request.node, "failed_in_call", False) or
              getattr(request.node, "failed_in_setup", False))
    for server in servers:
        if failed:
            print(f"-- log of the {what} on {server.port}\n{server.log[-6000:]}")
            server.discard()
    for server in servers:
        if not failed:
            server.stop()


@pytest.fixture
def launch(request):
    """launch(env, arguments...) starts a server of this test's own."""
    servers = []

    def start(env=None, *arguments, **more):
        server = Server(env, arguments, **more)
        servers.append(server)
        server.wait_ready()
        return server

    yield start
    end_servers(request, servers)


@pytest.fixture(scope="session")
def shared_server():
    server = Server({"MCP_AUTH_WORKERS": 4, "MCP_AUTH_LOG_LEVEL": "debug"})
    try:
        server.wait_ready()
    except AssertionError:
        server.discard()
        raise
    yield server
    server.stop()


@pytest.fixture
def server(shared_server):
    """One with four workers, for tests that need nothing special; each uses tenants of its own."""
    assert shared_server.alive(), f"an earlier test ended the server:\n{shared_server.log[-8000:]}"
    yield shared_server
    assert shared_server.alive(), f"the server ended:\n{shared_server.log[-8000:]}"


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The library and its headers, installed once for all tests that link it."""
    return Installed(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def start_redis(request, tmp_path):
    """start_redis(arguments..., appendonly=True) starts a redis-server of this test's own."""
    servers = []

    def start(*arguments, **more):
        servers.append(RedisServer(tmp_path / f"redis-{len(servers)}", *arguments, **more))
        return servers[-1]

    yield start
    for server in servers:
        if getattr(request.node, "failed_in_call", False):
            print(f"-- log of the redis-server on {server.port}\n{server.tail()}")
        server.stop()


@pytest.fixture
def redis_server(start_redis):
    return start_redis()


@pytest.fixture
def fleet(launch, redis_server):
    """Three instances on one redis-server."""
    from fleets import Fleet  # it needs PyJWT, which is not wherever this file is used

    made = Fleet(launch, redis_server)
    yield made
    if redis_server.frozen:
        redis_server.thaw()
    made.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority of our own, and a certificate of 127.0.0.1 and localhost by it."""
    folder = tmp_path_factory.mktemp("ca")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for command in (
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=Test-CA "
            "-keyout ca.key -out ca.pem",
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost "
            "-keyout server.key -out server.csr",
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
            "-extfile names -out server.pem"):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def api_key():
    return API_KEY
