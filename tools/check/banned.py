#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# banned.py: calls that src/ and cli/ do without, each with what to use.
import re

import _tree

BANNED = {
    "strcpy strcat sprintf vsprintf gets stpcpy": "strbuf, or snprintf with its result checked",
    "strncpy strncat": "memcpy with a checked size, or strbuf",
    "strtok strtok_r": "bytes.h: the text of others is not ours to cut",
    "atoi atol atoll atof": "a parser that reports what is wrong",
    "scanf sscanf fscanf": "a parser that reports what is wrong",
    "system popen": "nothing: no shell",
    "sleep usleep nanosleep": "a deadline: a worker never waits",
    "gethostbyname inet_addr inet_ntoa": "getaddrinfo, inet_pton, inet_ntop",
    "localtime gmtime ctime asctime": "clock_rfc3339, or the _r form",
    "rand srand random srandom": "base/random.h",
    "alloca": "a bounded array or the heap",
    "signal": "sigaction",
    "tmpnam mktemp tempnam": "mkstemp",
    "setjmp longjmp": "a return value",
}
CALLS = {call: instead for calls, instead in BANNED.items() for call in calls.split()}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(CALLS) + r")\s*\(")


def check():
    for path in _tree.files(".c", ".h", under=("src", "cli")):
        for number, line in enumerate(_tree.c_code(_tree.text(path)).splitlines(), 1):
            for match in CALL.finditer(line):
                yield f"{_tree.name(path)}:{number}: no {match[1]}(): use {CALLS[match[1]]}"


if __name__ == "__main__":
    _tree.main(lambda: list(check()))
