# SPDX-License-Identifier: Apache-2.0
# conftest.py: tests of the Python package: their clients are those of tests/behaviour.
import pytest

from borrowed import (end_servers, launch, no_endless_test, pytest_configure,  # noqa: F401
                      pytest_pyfunc_call, pytest_runtest_makereport, redis_server, start_redis)

from application import Application  # behind borrowed, which finds tests/behaviour

collect_ignore = ["inside", "apps"]  # inside: run by the environment under test


@pytest.fixture
def serve(request):
    """serve(env, app=..., server=...) starts an application of this test's own."""
    started = []

    def start(env=None, ready="/realtime", **how):
        application = Application(env, **how)
        started.append(application)
        return application.wait_ready(ready) if ready else application

    yield start
    end_servers(request, started, "application")


@pytest.fixture(scope="session")
def shared_service():
    application = Application()
    try:
        application.wait_ready()
    except AssertionError:
        application.discard()
        raise
    yield application
    application.stop()


@pytest.fixture
def service(shared_service):
    """One application for tests that need nothing special; each uses tenants of its own."""
    assert shared_service.alive(), f"an earlier test ended it:\n{shared_service.log[-8000:]}"
    yield shared_service
    assert shared_service.alive(), f"it ended:\n{shared_service.log[-8000:]}"
