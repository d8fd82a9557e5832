# SPDX-License-Identifier: Apache-2.0
# conftest.py: tests of the Python package: their clients are those of tests/behaviour.
import importlib.util
import pathlib
import sys

import pytest

BEHAVIOUR = pathlib.Path(__file__).resolve().parent.parent / "behaviour"
sys.path.append(str(BEHAVIOUR))

from application import Application  # noqa: E402

# Two files cannot both be the module "conftest": that of the behaviour tests is loaded by its path.
_spec = importlib.util.spec_from_file_location("behaviour_conftest", BEHAVIOUR / "conftest.py")
_behaviour = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_behaviour)

pytest_pyfunc_call = _behaviour.pytest_pyfunc_call
pytest_runtest_makereport = _behaviour.pytest_runtest_makereport
pytest_configure = _behaviour.pytest_configure
no_endless_test = _behaviour.no_endless_test
launch = _behaviour.launch  # an `mcp-auth serve`
start_redis = _behaviour.start_redis
redis_server = _behaviour.redis_server

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
    _behaviour.end_servers(request, started, "application")


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
