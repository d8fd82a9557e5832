# SPDX-License-Identifier: Apache-2.0
# _tree.py: what the checks share: the files of the tree, their lines, and how a check reports.
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LEFT_OUT = {"build", ".git", ".cache", "__pycache__", ".pytest_cache", "node_modules"}


def files(*suffixes, under=()):
    """Paths in the tree with one of the suffixes, below the folders named (all when none)."""
    starts = [ROOT / folder for folder in under] or [ROOT]
    found = []
    for start in starts:
        for path in start.rglob("*"):
            parts = path.relative_to(ROOT).parts
            if path.is_file() and not LEFT_OUT & set(parts) and (
                    not suffixes or path.suffix in suffixes):
                found.append(path)
    return sorted(found)


def name(path):
    return path.relative_to(ROOT).as_posix()


def text(path):
    return path.read_text(encoding="utf-8", errors="replace")


def run(command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def report(mistakes):
    """Prints one mistake a line; the exit status of the check."""
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


def c_code(source):
    """The C text with comments and literals blanked, every line kept in its place."""
    out, i, state = [], 0, None
    while i < len(source):
        two, one = source[i:i + 2], source[i]
        if state is None and two in ("/*", "//"):
            state, keep = two, "  "
        elif state is None and one in "\"'":
            state, keep = one, one
        elif state == "/*" and two == "*/":
            state, keep = None, "  "
        elif state == "//" and one == "\n":
            state, keep = None, one
        elif state in ('"', "'") and one == "\\":
            keep = "  "
        elif state in ('"', "'") and one == state:
            state, keep = None, one
        else:
            keep = one if state is None or one == "\n" else " "
        out.append(keep)
        i += len(keep)
    return "".join(out)


def main(check):
    sys.exit(report(check()))
