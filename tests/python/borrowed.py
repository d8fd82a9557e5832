# SPDX-License-Identifier: Apache-2.0
# borrowed.py: what the conftest.py of tests/behaviour has, for both conftest.py of these tests.
import importlib.util
import pathlib
import sys

BEHAVIOUR = pathlib.Path(__file__).resolve().parent.parent / "behaviour"
sys.path.append(str(BEHAVIOUR))

# Two files cannot both be the module "conftest": that of the behaviour tests is loaded by its path.
_spec = importlib.util.spec_from_file_location("behaviour_conftest", BEHAVIOUR / "conftest.py")
_behaviour = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_behaviour)

pytest_pyfunc_call = _behaviour.pytest_pyfunc_call
pytest_runtest_makereport = _behaviour.pytest_runtest_makereport
pytest_configure = _behaviour.pytest_configure
no_endless_test = _behaviour.no_endless_test
end_servers = _behaviour.end_servers
launch = _behaviour.launch  # an `mcp-auth serve`
shared_server = _behaviour.shared_server
server = _behaviour.server
start_redis = _behaviour.start_redis
redis_server = _behaviour.redis_server
authority = _behaviour.authority
