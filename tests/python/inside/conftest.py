# SPDX-License-Identifier: Apache-2.0
# conftest.py: tests inside the environment under test: its pytest, its FastAPI and pydantic.
import pathlib
import subprocess
import sys
import textwrap

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent), str(HERE)]

SECRET = "a-secret-of-64-bytes-for-tests-only-0123456789abcdef0123456789ab"


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
