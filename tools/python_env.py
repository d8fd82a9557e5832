#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# python_env.py: makes a virtual environment with the Python package in it, for tests and figures.
"""Usage: python_env.py debian|newest [sanitize]

Prints the path of the environment's Python. `debian` has Debian's FastAPI, pydantic and ASGI
servers; `newest` the newest from the Python registry, fetched once and kept in build/venv (remove
the folder to fetch again). The package is built once for both: its extension is abi3. `sanitize`
builds the core and the extension with AddressSanitizer, for an environment of its own.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
VENV = ROOT / "build" / "venv"
NEWEST = ["fastapi", "pydantic", "starlette", "uvicorn", "uvicorn-worker", "uvloop", "httptools",
          "websockets", "wsproto", "gunicorn", "hypercorn", "httpx", "python-dotenv", "redis",
          "mypy", "pytest"]
PIP = ["-m", "pip", "--disable-pip-version-check", "--quiet"]


def run(command, **more):
    """Its output only when it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **more)
    if done.returncode:
        sys.stderr.write(done.stdout[-8000:])
        sys.exit(f"python_env.py: failed: {' '.join(map(str, command))}")


def environment(kind, folder):
    """The environment without our package."""
    python = folder / "bin" / "python"
    made = folder / "made"
    if not made.exists():
        shutil.rmtree(folder, ignore_errors=True)
        run([PYTHON, "-m", "venv", *(["--system-site-packages"] if kind == "debian" else []),
             folder])
        if kind == "newest":
            run([python, *PIP, "install", *NEWEST])
        made.touch()
    return python


def fingerprint():
    """Of all that goes into the wheel: it is built again when one of them has changed."""
    digest = hashlib.sha256()
    for folder in ("src", "include", "protocol", "sdk/python"):
        for path in sorted((ROOT / folder).rglob("*")):
            parts = path.relative_to(ROOT).parts
            if path.is_file() and not any(p in ("build", "__pycache__") or p.endswith(".egg-info")
                                          for p in parts):
                digest.update(str(path).encode() + b"\0" + path.read_bytes())
    digest.update((ROOT / "meson.build").read_bytes())
    return digest.hexdigest()


def wheel(sanitize):
    """(path, fingerprint) of the package, built now unless it is there."""
    folder = VENV / ("wheel-sanitize" if sanitize else "wheel")
    stamp, now = folder / "of", fingerprint()
    found = sorted(folder.glob("*.whl"))
    if not found or not stamp.exists() or stamp.read_text() != now:
        shutil.rmtree(folder, ignore_errors=True)
        # Debian's meson, ninja and setuptools: a Python from elsewhere in the PATH has others.
        path = "/usr/bin:/bin:" + os.environ.get("PATH", "")
        more = {"MCP_AUTH_PYTHON_SANITIZE": "1"} if sanitize else {}
        run([PYTHON, *PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder,
             ROOT / "sdk" / "python"], env=dict(os.environ, PATH=path, **more))
        found = sorted(folder.glob("*.whl"))
        stamp.write_text(now)
    return found[0], now


def make(kind, sanitize=False):
    """The environment's Python, with the package of this tree in it."""
    folder = VENV / (kind + ("-sanitize" if sanitize else ""))
    python = environment(kind, folder)
    path, now = wheel(sanitize)
    stamp = folder / "of"
    if not stamp.exists() or stamp.read_text() != now:
        run([python, *PIP, "install", "--no-deps", "--no-index", "--force-reinstall", path])
        stamp.write_text(now)
    return python


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in ("debian", "newest") or (
            sys.argv[2:] not in ([], ["sanitize"])):
        sys.exit(__doc__)
    print(make(sys.argv[1], bool(sys.argv[2:])))


if __name__ == "__main__":
    main()
