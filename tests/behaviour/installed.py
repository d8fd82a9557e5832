# SPDX-License-Identifier: Apache-2.0
# installed.py: the library as a user has it: installed under a DESTDIR and found by pkg-config.
import os
import pathlib
import subprocess

from serving import ROOT

WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
LANGUAGES = {"c99": ["cc", "-std=c99", "-D_POSIX_C_SOURCE=200809L"],
             "c++17": ["c++", "-x", "c++", "-std=c++17"]}


def checked(command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=600, check=False, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-6000:]}"
    return done.stdout


class Installed:
    """From build/release, which is built when it is not there, or MCP_AUTH_INSTALL_FROM."""

    def __init__(self, folder):
        self.root, self.programs = folder / "root", folder / "programs"
        self.programs.mkdir()
        build = os.environ.get("MCP_AUTH_INSTALL_FROM")
        if not build:
            build = ROOT / "build" / "release"
            checked(["sh", ROOT / "tools" / "build.sh", "release"])
        path = "/usr/bin:/bin:" + os.environ.get("PATH", "")
        checked(["meson", "install", "-C", build, "--no-rebuild", "--quiet"],
                env=dict(os.environ, DESTDIR=str(self.root), PATH=path))
        self.pc = self.one("libmcp-auth.pc")
        self.libdir = self.pc.parent.parent
        self.include = self.one("mcp_auth")

    def one(self, name):
        found = list(self.root.rglob(name))
        assert len(found) == 1, f"{name} was installed as {found}"
        return found[0]

    def flags(self, *wanted):
        environment = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=str(self.root),
                           PKG_CONFIG_PATH=str(self.pc.parent))
        return checked(["pkg-config", *wanted, "libmcp-auth"], env=environment).split()

    def example(self, name, language):
        """The path of examples/NAME.c, compiled as a user would."""
        made = self.programs / f"{name}-{language}"
        if not made.exists():
            compiler = LANGUAGES[language]
            reset = ["-x", "none"] if "-x" in compiler else []
            checked([*compiler, *WARNINGS, ROOT / "examples" / f"{name}.c", *reset,
                     *self.flags("--cflags", "--libs"), "-o", made])
        return made

    def environment(self, **more):
        return {"LD_LIBRARY_PATH": str(self.libdir), **more}


def headers():
    return sorted(path.name for path in pathlib.Path(ROOT, "include", "mcp_auth").glob("*.h"))
