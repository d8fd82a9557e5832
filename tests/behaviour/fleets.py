# SPDX-License-Identifier: Apache-2.0
# fleets.py: several instances on one real redis-server, each behind a proxy that can be disturbed.
import pathlib
import sys
import time

from tokens import admin, unique

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "chaos"))

from proxy import Proxy  # noqa: E402

AWAY = r"WARNING.*Redis unavailable"
BACK = r"INFO.*Redis is back"


def wait_for(condition, what, seconds=15):
    """The first true value of condition(), asked again and again."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.03)


def wait_bus(server, state="ok", seconds=20):
    try:
        wait_for(lambda: server.stats()["bus"] == state, f"bus {state}", seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{server.stats()}\n{server.log[-4000:]}") from None


def lines(server, pattern):
    import re
    return [line for line in list(server.lines) if re.search(pattern, line)]


def stream(redis_server, prefix="", **more):
    """[(n, type, id)] as it stands in Redis."""
    client = redis_server.client(decode_responses=True, **more)
    return [(int(fields["n"]), fields["type"], fields.get("id"))
            for _, fields in client.xrange(prefix + "rbac:events")]


def stored_ids(redis_server, **more):
    return [name for _, kind, name in stream(redis_server, **more) if not kind.startswith("$")]


def publish(server, events):
    """(degraded, ids)"""
    answer = server.post(events)
    assert answer.status == 202, answer
    content = answer.json()
    for made in content["events"]:
        assert content["degraded"] or "position" in made, content
    return content["degraded"], [made["id"] for made in content["events"]]


class Fleet:
    """launch(env) of conftest.py for each instance, on its own proxy to this redis-server."""

    def __init__(self, launch, redis_server, count=3, **env):
        self.launch, self.redis, self.env = launch, redis_server, env
        self.proxies = [Proxy(("127.0.0.1", redis_server.port)) for _ in range(count)]
        self.instances = [self._start(proxy) for proxy in self.proxies]
        for instance in self.instances:
            wait_bus(instance)

    def _start(self, proxy, port=None):
        # A busy machine is not to be an outage: the deadline is far from what Redis needs.
        env = {"REDIS_URL": proxy.url, "MCP_AUTH_WORKERS": 2, "MCP_AUTH_BUS_DEADLINE_MS": 1500,
               **self.env}
        return self.launch(env, port=port)

    def __iter__(self):
        return iter(self.instances)

    def __getitem__(self, index):
        return self.instances[index]

    def restart(self, index, wait=True):
        """An orderly end, and a new one at the same port that remembers nothing."""
        old = self.instances[index]
        old.stop()
        self.instances[index] = self._start(self.proxies[index], old.port)
        if wait:
            wait_bus(self.instances[index])
        return self.instances[index]

    def wait(self, state="ok"):
        for instance in self.instances:
            wait_bus(instance, state)

    def close(self):
        for proxy in self.proxies:
            proxy.close()


def history(server, tenant):
    """Ids of what this instance's history shows an administrator of the tenant, oldest first."""
    answer = server.request("GET", "/v1/events?limit=1000", token=admin(tenant, unique("reader")))
    assert answer.status == 200, answer
    return [made["id"] for made in answer.json()["events"]]
