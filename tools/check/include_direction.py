#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# include_direction.py: a room includes only lower rooms, and no headers include each other in a ring.
import re

import _tree

# docs/architecture.md, "Rooms": what each room may include besides itself.
ROOMS = {
    "base": "",
    "codec": "base",
    "model": "base",
    "io": "base",
    "wire": "base codec model",
    "auth": "base codec model",
    "history": "base model",
    "hub": "base model wire auth history",
    "broker": "base codec model io",
    "store": "base model history io",
    "keys": "base codec auth io",
    "node": "base codec model io wire auth history hub broker store keys",
    "net": "base codec model io wire auth history hub broker store keys node",
    "api": "base codec model io wire auth history hub broker store keys node net",
    "server": "base codec model io wire auth history hub broker store keys node net api",
    "client": "base codec wire io",
    "load": "base codec wire io client",
    "front": "base codec model io wire auth history hub broker store keys node net api server",
}
ROOMS = {room: set(allowed.split()) | {room} for room, allowed in ROOMS.items()}

# Public headers are for users; inside, only the error codes belong to everybody.
PUBLIC_FOR_ALL = {"mcp_auth/error.h", "mcp_auth/export.h"}
PUBLIC_ROOMS = {"node", "server", "client", "front"}

# Generated headers and the rooms that turn them into types.
GENERATED = {"protocol_lists.h": {"model", "client"}}

# The core does no input or output, starts no thread and reads no clock.
CORE = {"codec", "model", "wire", "auth", "history", "hub"}
NOT_IN_CORE = {"sys/socket.h", "sys/epoll.h", "sys/eventfd.h", "sys/timerfd.h", "netdb.h",
               "netinet/in.h", "pthread.h", "threads.h", "poll.h", "fcntl.h", "unistd.h"}

# Libraries stay behind one room each, so that another could take their place.
LIBRARIES = {
    "jansson.h": {"codec"},
    "zlib.h": {"codec"},
    "hiredis/": {"codec"},
    "openssl/": {"codec", "auth", "io"},
    "curl/": {"client", "keys"},
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.MULTILINE)


def includes(path):
    source = _tree.text(path)
    for match in INCLUDE.finditer(source):
        yield source.count("\n", 0, match.start()) + 1, match[1] == '"', match[2]


def room_mistake(room, quoted, target):
    if not quoted:
        if room in CORE and target in NOT_IN_CORE:
            return f"the core does no input or output, and <{target}> does"
        for library, rooms in LIBRARIES.items():
            if target.startswith(library) and room not in rooms:
                return f"<{target}> belongs behind {', '.join(sorted(rooms))}"
        return None
    if target in GENERATED:
        return None if room in GENERATED[target] else f"{room} may not include {target}"
    if target.startswith("mcp_auth/"):
        allowed = target in PUBLIC_FOR_ALL or room in PUBLIC_ROOMS
        return None if allowed else f"{room} may not include the public {target}"
    other = target.split("/")[0] if "/" in target else None
    if other not in ROOMS:
        return f'"{target}" names no room: write "room/file.h"'
    if other not in ROOMS[room]:
        return f"{room} may not include {other} ({target})"
    return None


# The engine of `mcp-auth bench` is a tool and no promise to programs: a public header would bind its
# form to the library's version. So the program has this one door to it.
CLI_DOORS = {"load/load.h", "load/histogram.h"}


def cli_mistake(quoted, target):
    if not quoted or "/" not in target or target.startswith(("mcp_auth/", "base/")):
        return None
    if target in CLI_DOORS:
        return None
    return f"cli includes only public headers, base and load/load.h, not {target}"


def public_mistake(quoted, target):
    if target.startswith("mcp_auth/") or (not quoted and "/" not in target):
        return None
    return f"a public header includes only public headers and libc, not {target}"


def direction():
    for path in _tree.files(".c", ".h", under=("src", "cli", "include")):
        parts = path.relative_to(_tree.ROOT).parts
        for line, quoted, target in includes(path):
            if parts[0] == "src" and parts[1] in ROOMS:
                mistake = room_mistake(parts[1], quoted, target)
            elif parts[0] == "src":
                mistake = f"src/{parts[1]} is no room of docs/architecture.md"
            elif parts[0] == "cli":
                mistake = cli_mistake(quoted, target)
            else:
                mistake = public_mistake(quoted, target)
            if mistake:
                yield f"{_tree.name(path)}:{line}: {mistake}"
    # An oracle that shared code with what it judges would share its faults.
    for path in _tree.files(".c", ".h", under=("tests/sim",)):
        if path.stem.startswith("oracle"):
            for line, quoted, target in includes(path):
                if quoted and not target.startswith("oracle"):
                    yield f"{_tree.name(path)}:{line}: the oracle shares no code with src/: {target}"


def cycles():
    graph = {}
    for top in ("src", "include"):
        for path in _tree.files(".h", under=(top,)):
            key = path.relative_to(_tree.ROOT / top).as_posix()
            graph[key] = [target for _, quoted, target in includes(path) if quoted]
    done, trail = set(), []

    def walk(node):
        if node in trail:
            yield "headers include each other: " + " > ".join(trail[trail.index(node):] + [node])
        elif node not in done:
            trail.append(node)
            for target in graph.get(node, ()):
                yield from walk(target)
            trail.pop()
            done.add(node)

    for header in sorted(graph):
        yield from walk(header)


if __name__ == "__main__":
    _tree.main(lambda: [*direction(), *cycles()])
