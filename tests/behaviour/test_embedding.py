# SPDX-License-Identifier: Apache-2.0
# test_embedding.py: the installed library serves from a C and a C++ program that know only its headers.
import re
import shutil
import subprocess
import types

import pytest

from clients import Client
from installed import LANGUAGES, WARNINGS, checked, headers
from serving import ROOT, free_port
from tailing import Lines


class Embedding(Lines):
    """examples/embed.c, which publishes what is written to it."""

    def __init__(self, installed, language):
        self.port = free_port()
        command = [installed.example("embed", language), f"127.0.0.1:{self.port}"]
        super().__init__(command, stdin=subprocess.PIPE, **installed.environment())
        self.line("listening")
        self.tokens = dict(line.split()[1:] for line in self.out if line.startswith("token "))

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def finish(self):
        self.process.stdin.close()
        return self.end()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("header", headers())
def test_each_public_header_stands_alone(installed, tmp_path, header, language):
    source = tmp_path / "alone.c"
    source.write_text(f"#include <mcp_auth/{header}>\n#include <mcp_auth/{header}>\n"
                      "int main(void) { return 0; }\n")
    checked([*LANGUAGES[language], *WARNINGS, "-fsyntax-only", *installed.flags("--cflags"), source])


def test_every_public_header_program_and_page_is_installed(installed):
    assert sorted(path.name for path in installed.include.iterdir()) == headers()
    for name in ("mcp-auth.1", "libmcp-auth.3", "libmcp-auth.a", "libmcp-auth.so.0"):
        installed.one(name)
    assert "mcp-auth" in checked([installed.one("bin") / "mcp-auth", "version"])


def test_the_shared_library_shows_only_its_own_names_and_a_soname(installed):
    library = installed.libdir / "libmcp-auth.so.0"
    shown = re.findall(r" [A-Z] (\w+)", checked(["nm", "-D", "--defined-only", library]))
    strange = [name for name in shown if not name.startswith(("mcp_auth_", "MCP_AUTH_"))]
    assert not strange
    declared = set(re.findall(r"\b(mcp_auth_\w+)\(", " ".join(
        path.read_text() for path in installed.include.iterdir())))
    assert declared == {name for name in shown if name.startswith("mcp_auth_")}
    assert "[libmcp-auth.so.0]" in checked(["readelf", "-d", library])


def test_the_static_library_links_too(installed, tmp_path):
    needed = [word for line in installed.pc.read_text().splitlines()
              if line.startswith("Requires.private:")
              for word in re.findall(r"[a-z]\w+", line.partition(":")[2])]
    checked(["cc", "-std=c99", *installed.flags("--cflags"), ROOT / "examples" / "watch.c",
             installed.one("libmcp-auth.a"), *checked(["pkg-config", "--libs", *needed]).split(),
             "-pthread", "-o", tmp_path / "watch"])
    done = subprocess.run([tmp_path / "watch"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "Usage" in done.stderr


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_host_program_publishes_serves_and_observes(installed, language):
    with Embedding(installed, language) as host:
        server = types.SimpleNamespace(port=host.port)
        alice = await Client.open(server, host.tokens["alice"], session=True)
        await alice.signed_in()
        host.say("role_assigned alice viewer")
        await alice.frame("event")
        assert alice.events[0]["role_name"] == "viewer" and alice.events[0]["data"] == {"by": "embed"}
        host.line(f"published {alice.events[0]['id']} at {alice.events[0]['position']}")
        host.line(f"observed role_assigned {alice.events[0]['id']}")
        host.say("role_revoked alice editor")
        assert (await alice.frame("scope_changed"))["roles"] == []
        host.line("withdrawn from alice: editor")
        host.say("nonsense alice")
        host.note("event_type")
        host.say("user_deleted alice")
        host.line("withdrawn from alice: everything")
        assert (await alice.closed())[0] == 4002
        assert host.finish() == 0
        # Observed in the order of the stream, what was taken away before the event that did it.
        order = [line for line in host.out if line.startswith(("observed", "withdrawn"))]
        assert [line.split()[0] for line in order] == ["observed", "withdrawn", "observed",
                                                      "withdrawn", "observed"]
        assert host.out[-1] == "published 3 events in all"


def test_many_events_of_a_host_program_are_all_answered(installed):
    with Embedding(installed, "c99") as host:
        for number in range(2000):
            host.say(f"user_updated user-{number}")
        assert host.finish() == 0
        told = [line for line in host.out if re.match(r"published \S+ at ", line)]
        failed = [line for line in host.out if line.startswith("failed")]
        # What came in before the stop was published or refused, and each was told of.
        assert len(told) + len(failed) == 2000
        assert host.out[-1] == f"published {len(told)} events in all"


def test_the_static_library_leaves_all_other_names_to_the_host(installed, tmp_path):
    archive = installed.one("libmcp-auth.a")
    names = {line.split()[-1] for line in
             checked(["nm", "--defined-only", "--extern-only", archive]).splitlines()
             if len(line.split()) == 3}
    assert names and not [name for name in names if not name.startswith("mcp_auth_")]
    source = tmp_path / "host.c"
    source.write_text("#include <mcp_auth/server.h>\n#include <stdio.h>\n"
                      "int log_write(void), loop_init(void), map_init(void);\n"
                      "int log_write(void) { return 1; }\nint loop_init(void) { return 2; }\n"
                      "int map_init(void) { return 3; }\n"
                      "int main(void) {\n    mcp_auth_options *options = NULL;\n"
                      "    int r = mcp_auth_options_new(&options);\n"
                      "    mcp_auth_options_free(options);\n"
                      '    printf("%d %d\\n", r, log_write() + loop_init() + map_init());\n'
                      "    return 0;\n}\n")
    shared = checked(["pkg-config", "--libs", "libcrypto", "libssl", "jansson", "zlib",
                      "libcurl", "hiredis"]).split()
    made = tmp_path / "host"
    checked(["cc", "-std=c99", *WARNINGS, source, *installed.flags("--cflags"), archive, *shared,
             "-pthread", "-o", made])
    assert checked([made]) == "0 6\n"


@pytest.mark.parametrize("page", ["mcp-auth.1", "libmcp-auth.3"])
def test_a_man_page_has_no_mistakes(installed, page):
    if not shutil.which("groff"):  # on Debian tools/setup.sh installs it
        pytest.skip("groff is not installed")
    done = subprocess.run(["groff", "-man", "-ww", "-z", installed.one(page)], capture_output=True,
                          text=True, timeout=30, check=True)
    assert not done.stderr, done.stderr
    text = (ROOT / "docs" / "man" / page).read_text()
    if page.endswith(".1"):
        usage = checked([installed.one("bin") / "mcp-auth", "--help"])
        words = re.findall(r"^  (\w+)  ", usage, re.MULTILINE)
    else:
        words = re.findall(r"\b(mcp_auth_\w+)\(", " ".join(
            path.read_text() for path in installed.include.iterdir()))
    missing = [word for word in words if word not in text]
    assert not missing, f"{page} does not name {missing}"
