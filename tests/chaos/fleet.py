# SPDX-License-Identifier: Apache-2.0
# fleet.py: three instances on one Redis behind a proxy each, and another reader of the stream.
import asyncio
import pathlib
import signal
import threading
import time

import redis

from proxy import Proxy
from redis_server import RedisServer
from serving import REPORTS, Server

NAMES = "ABC"
# Written before it is answered, and never put off behind a flush: kill -9 loses nothing.
MORE = ["--appendfsync", "no", "--auto-aof-rewrite-percentage", "0",
        "--repl-diskless-sync-delay", "0"]
SETTINGS = {"MCP_AUTH_LOG_LEVEL": "warning", "MCP_AUTH_HISTORY_EVENTS": 1000000,
            "MCP_AUTH_BUS_DEADLINE_MS": 300,  # the machine may be busy with other things, too
            "WEBSOCKET_HEARTBEAT_INTERVAL": 5, "WEBSOCKET_MAX_CONNECTIONS": 5000,
            "WEBSOCKET_RATE_LIMIT_MESSAGES": 100000}


class Instance:
    """What answers at one port: one process after the other."""

    def __init__(self, name, proxy, workers, record):
        self.name, self.proxy, self.workers, self.record = name, proxy, workers, record
        self.count, self.server, self.port, self.logs = 0, None, None, {}
        # A fault that is called off goes on in its thread until its step is done.
        self.turn = threading.Lock()

    @property
    def incarnation(self):
        return f"{self.name}#{self.count}" if self.server else None

    def start(self):
        with self.turn:
            if not self.server:
                self.launch()

    def launch(self):
        env = dict(SETTINGS, REDIS_URL=self.proxy.url, MCP_AUTH_WORKERS=self.workers)
        server = Server(env, port=self.port)
        self.port = server.port
        self.count += 1
        self.logs[f"{self.name}#{self.count}"] = server
        try:
            server.wait_ready()
        except AssertionError as error:
            self.record.crashed.append(f"{self.name}#{self.count} did not start: {error}")
            server.discard()
            return
        self.server = server

    def end(self, number):
        """By our hand: SIGKILL, or SIGTERM, which is an orderly end."""
        with self.turn:
            self.end_now(number)

    def end_now(self, number):
        self.notice()
        if not self.server:
            return
        self.record.killed[self.incarnation] = time.time()
        server, name, self.server = self.server, self.incarnation, None
        server.signal(number)
        try:
            status = server.wait_end()
        except AssertionError as error:
            self.record.crashed.append(f"{name}: {error}")
            return
        if (number == signal.SIGTERM and status != 0) or REPORTS.search(server.log):
            self.record.crashed.append(f"{name} ended with {status}: {server.log[-4000:]}")

    def notice(self):
        """One that ended by itself is a finding; it is started again, and the run goes on."""
        if self.server and not self.server.alive():
            name, server, self.server = self.incarnation, self.server, None
            self.record.killed[name] = time.time()
            self.record.crashed.append(f"{name} ended by itself with {server.process.returncode}: "
                                       f"{server.log[-8000:]}")


class Fleet:
    def __init__(self, folder, record, seed, lossy):
        self.record, self.lossy = record, lossy
        folder = pathlib.Path(folder)
        self.redis = RedisServer(folder / "one", *MORE)
        self.standby, self.between = None, None
        if lossy:
            self.between = Proxy(("127.0.0.1", self.redis.port), seed)
            self.standby = RedisServer(folder / "two", *MORE, "--replicaof",
                                       "127.0.0.1", str(self.between.port))
        self.proxies = [Proxy(("127.0.0.1", self.redis.port), seed * 10 + i) for i in range(3)]
        self.instances = [Instance(name, proxy, 1 + i % 2, record)
                          for i, (name, proxy) in enumerate(zip(NAMES, self.proxies))]
        self.alone = asyncio.Lock()  # one fault at Redis itself at a time
        self.turn = threading.Lock()  # as an instance's

    def start(self):
        for instance in self.instances:
            instance.start()

    def alive(self):
        for instance in self.instances:
            instance.notice()
        return [instance for instance in self.instances if instance.server]

    def heal(self):
        for proxy in self.proxies:
            proxy.heal()
        if self.redis.frozen:
            self.redis.thaw()
        self.start_redis()
        for instance in self.instances:
            instance.notice()
            if not instance.server:
                instance.start()

    def kill_redis(self):
        with self.turn:
            self.redis.kill()

    def start_redis(self):
        with self.turn:
            if not self.redis.alive():
                self.redis.start()

    def behind(self):
        """Names of the instances whose bus is not ok."""
        return [i.name for i in self.instances if not i.server or
                i.server.request("GET", "/readyz").json().get("bus") != "ok"]

    def lose(self):
        """Until an instance has noticed, a place may be taken twice: what stood there is kept."""
        try:
            self.read_stream(False)
        except redis.RedisError:
            pass
        for n, entry in list(self.record.streams.get(self.epoch_seen, {}).items()):
            self.record.before.setdefault(self.epoch_seen, {}).setdefault(n, entry)
        self.record.losses.append(time.time())

    def failover(self):
        """The standby takes over, without what was on its way to it."""
        with self.turn:
            self._failover()

    def _failover(self):
        self.lose()
        self.redis.kill()
        self.between.reset()  # with the bytes that it kept back
        self.standby.client().execute_command("REPLICAOF", "NO", "ONE")
        old, self.redis = self.redis, self.standby
        for proxy in self.proxies:
            proxy.upstream = ("127.0.0.1", self.redis.port)
            proxy.reset()
        self.between.upstream = ("127.0.0.1", self.redis.port)
        self.between.heal()
        old.forget()
        if "--replicaof" not in old.command:
            old.command += ["--replicaof", "127.0.0.1", str(self.between.port)]
        old.start()
        self.standby = old

    def flush(self):
        self.lose()
        self.redis.client().flushall()

    def read_stream(self, whole=True):
        """Epoch and entries at one moment into the record."""
        began = time.time()
        client = self.redis.client(decode_responses=True)
        try:
            known = {} if whole else self.record.streams.get(self.epoch_seen, {})
            begin = max(1, max(known, default=0) - 500)
            together = client.pipeline(transaction=True)
            together.hget("{rbac:events}:epoch", "epoch")
            together.xrange("rbac:events", f"{begin}-0", "+")
            epoch, entries = together.execute()
        finally:
            client.close()
        if epoch is None:
            return
        if int(epoch, 16) != getattr(self, "epoch_seen", None):
            self.epoch_seen = int(epoch, 16)
            if begin > 1:
                self.read_stream()
                return
        self.record.born.setdefault(self.epoch_seen, began)
        stream = self.record.streams.setdefault(self.epoch_seen, {})
        for _, fields in entries:
            stream[int(fields["n"])] = [fields.get("tenant", ""), fields.get("id", ""),
                                        fields["type"], fields.get("user", "")]
        if entries:
            self.record.last = [self.epoch_seen, int(entries[-1][1]["n"])]

    epoch_seen = None

    async def watch(self):
        """Only where the stream may lose what it had; else it is read once, at the end."""
        while True:
            try:
                await asyncio.to_thread(self.read_stream, False)
            except redis.RedisError:
                pass
            await asyncio.sleep(0.15)

    def stop(self, judge=True):
        for instance in self.instances:
            if judge:
                instance.end(signal.SIGTERM)
            elif instance.server:
                instance.server.discard()
        for proxy in [*self.proxies, *([self.between] if self.between else [])]:
            proxy.close()
        for server in (self.redis, self.standby):
            if server:
                server.stop()
