# SPDX-License-Identifier: Apache-2.0
# setup.py: builds the C core with meson, then the extension that links it statically.
"""pip install ./sdk/python

The core is built in build/python-core of the repository, once for all versions of Python; the extension
uses Python's stable interface (abi3) and serves 3.9 and every later one.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# MCP_AUTH_PYTHON_SANITIZE=1 pip install ...: under AddressSanitizer, whose library is then preloaded.
SANITIZE = os.environ.get("MCP_AUTH_PYTHON_SANITIZE") == "1"
# MCP_AUTH_PYTHON_BUILD=DIR keeps what meson builds there.
CORE = pathlib.Path(os.environ.get("MCP_AUTH_PYTHON_BUILD") or
                    ROOT / "build" / ("python-sanitize" if SANITIZE else "python-core")).resolve()
LIBRARIES = ["ssl", "crypto", "jansson", "z", "curl", "hiredis", "pthread"]

# Header -> Debian package.
HEADERS = {
    "Python.h": "python3-dev",
    "openssl/ssl.h": "libssl-dev",
    "jansson.h": "libjansson-dev",
    "zlib.h": "zlib1g-dev",
    "curl/curl.h": "libcurl4-openssl-dev",
    "hiredis/hiredis.h": "libhiredis-dev",
}
TOOLS = {"pkg-config": "pkg-config", "python3": "python3"}


def compiler():
    return os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or ""


def has_header(cc, header):
    """Whether the preprocessor finds it, where the build will look for it."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "header.c"
        source.write_text(f"#include <stdio.h>\n#include <{header}>\n", encoding="utf-8")
        command = [*cc.split(), *os.environ.get("CPPFLAGS", "").split(),
                   "-I" + sysconfig.get_path("include"), "-E", str(source), "-o", os.devnull]
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def missing():
    """(what, Debian package) of everything that is not there."""
    if not sys.platform.startswith("linux"):
        return [("Linux (epoll, eventfd)", "")]
    if not (ROOT / "src" / "front" / "front.h").is_file():
        return [(f"{ROOT}/src/front: the C core; install from the whole repository", "")]
    cc = compiler()
    if not cc:
        return [("a C compiler", "gcc libc6-dev")]
    return ([(header, package) for header, package in HEADERS.items()
             if not has_header(cc, header)] +
            [(tool, package) for tool, package in TOOLS.items() if not shutil.which(tool)])


def refuse(absent):
    print("\nmcp-auth cannot be built here:", file=sys.stderr)
    for what, package in absent:
        print(f"  {what} was not found" + (f": apt install {package}" if package else ""),
              file=sys.stderr)
    packages = " ".join(package for _, package in absent if package)
    if packages:
        print(f"All at once: apt install {packages}\n", file=sys.stderr)
    sys.exit(1)


def tool(name):
    """meson and ninja of the build's environment, or of the system."""
    beside = pathlib.Path(sys.executable).parent / name
    return shutil.which(name) or (str(beside) if beside.exists() else name)


def build_core():
    """The static library of every room. Two installs at once take turns."""
    CORE.parent.mkdir(parents=True, exist_ok=True)
    with open(CORE.parent / (CORE.name + ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (CORE / "build.ninja").is_file():
            shutil.rmtree(CORE, ignore_errors=True)
            subprocess.check_call(
                [tool("meson"), "setup", str(CORE), str(ROOT), "-Db_staticpic=true",
                 "-Dc_args=-ffunction-sections -fdata-sections",
                 *(["-Db_sanitize=address,undefined", "-Db_lundef=false"] if SANITIZE
                   else ["--buildtype=release"])])
        subprocess.check_call([tool("ninja"), "-C", str(CORE), "src/libmcp-auth-core.a"])
    return CORE / "src" / "libmcp-auth-core.a"


class BuildCore(build_ext):
    def run(self):
        self.force = True  # objects of another kind of build may lie here
        absent = missing()
        if absent:
            refuse(absent)
        library = build_core()
        for extension in self.extensions:
            extension.extra_objects = [str(library)]
            extension.depends.append(str(library))
            if SANITIZE:
                extension.extra_compile_args += ["-fsanitize=address,undefined", "-g"]
                extension.extra_link_args += ["-fsanitize=address,undefined"]
        super().run()


setup(
    ext_modules=[Extension(
        "mcp_auth._core",
        sources=["src/_core.c", "src/_core_ask.c", "src/_core_front.c", "src/_core_log.c",
                 "src/_core_loop.c"],
        depends=["src/_core.h"],
        include_dirs=[str(ROOT / "include"), str(ROOT / "src"), str(CORE / "src")],
        define_macros=[("Py_LIMITED_API", "0x03090000"), ("_GNU_SOURCE", "1")],
        extra_compile_args=["-std=gnu11", "-fvisibility=hidden", "-Wall", "-Wextra",
                            "-Wno-missing-field-initializers"],
        extra_link_args=["-Wl,--gc-sections", "-Wl,--exclude-libs,ALL", "-Wl,-z,relro,-z,now"],
        libraries=LIBRARIES,
        py_limited_api=True,
    )],
    cmdclass={"build_ext": BuildCore},
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
)
