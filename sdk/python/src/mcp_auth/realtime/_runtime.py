# SPDX-License-Identifier: Apache-2.0
# _runtime.py: the one core of this process: made when first needed, its ports, its end.
"""`runtime`: what set-up, connections, publishing and the manager share."""

import asyncio
import atexit
import os
import socket
import sys
import threading
from typing import Any, Dict, List, Optional

from mcp_auth import _core
from mcp_auth.realtime import _logging
from mcp_auth.realtime._config import RealtimeConfig
from mcp_auth.realtime._errors import ConfigurationError, RealtimeError
from mcp_auth.realtime._port import Port

# Attributes of the connection manager, in the order of Front.limits(): (setting, unit, default).
LIMITS = (("WEBSOCKET_MAX_CONNECTIONS", 1, 1000), ("WEBSOCKET_HEARTBEAT_INTERVAL", 1000, 30),
          ("WEBSOCKET_RATE_LIMIT_MESSAGES", 1, 100), ("WEBSOCKET_RATE_LIMIT_WINDOW", 1000, 60))


class Runtime:
    """The core of this process. A child of a fork makes its own."""

    def __init__(self) -> None:
        self.config: Optional[RealtimeConfig] = None
        self.overrides: Dict[str, float] = {}  # what the connection manager was told
        self._last_stats: Dict[str, Any] = {}
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._front: Optional["_core.Front"] = None
        self._running: Dict[str, str] = {}  # the settings from code it runs with
        self._ports: Dict[int, Port] = {}
        self._users = 0
        self._ended = False

    def after_fork(self) -> None:
        """In the child: nothing of the parent's is touched."""
        _logging.after_fork()
        self._reset()

    # -- begin and end ----------------------------------------------------------------------

    def front(self, config: Optional[RealtimeConfig] = None) -> "_core.Front":
        """The core, started now if need be: reads files, and may wait for keys from an address.

        Errors: ConfigurationError (one line for each setting that is wrong), RealtimeError.
        """
        with self._lock:
            chosen = config or self.config or RealtimeConfig()
            pairs = {**dict(chosen.pairs()), **{k: str(v) for k, v in self.overrides.items()}}
            if self._front is not None:
                self._same(config)
                return self._front
            if self._ended:
                raise RealtimeError("the program is ending")
            self._front = self._make(chosen, pairs)
            self._running = dict(chosen.pairs())
            self._last_stats = {}
            return self._front

    def _same(self, config: Optional[RealtimeConfig]) -> None:
        if config is not None and dict(config.pairs()) != self._running:
            raise ConfigurationError("the realtime system of this process runs with other settings")

    def _make(self, config: RealtimeConfig, pairs: Dict[str, str]) -> "_core.Front":
        environment = ([f"{name}={value}" for name, value in os.environ.items()]
                       if config.read_environment else [])
        flat = [text for pair in pairs.items() for text in pair]
        try:
            front = _core.Front(config.env_file, environment, flat)
            _logging.start()
            _logging.follow_level()
            front.start()
        except _core.Error as error:
            # What helps at the command line is of no help here.
            raise ConfigurationError(error.args[1].replace(
                "or try with serve --dev", "or RealtimeConfig(jwt_secret=...)")) from None
        _logging.level_lost()
        self._say_if_alone(config, pairs)
        return front

    def _say_if_alone(self, config: RealtimeConfig, pairs: Dict[str, str]) -> None:
        redis = pairs.get("REDIS_URL") or (config.read_environment and
                                           os.environ.get("REDIS_URL"))
        if not redis and not config.env_file and _workers() > 1 and _first_worker():
            _logging.logger.warning(
                "several workers and no REDIS_URL: each worker keeps its events to its own "
                "connections")

    @property
    def running(self) -> Optional["_core.Front"]:
        """The core, if it runs."""
        return self._front

    async def begin(self, config: Optional[RealtimeConfig] = None) -> None:
        """An application starts. Errors: ConfigurationError, RealtimeError."""
        if self.serves_here(config):
            await self.started(config)
        else:
            _logging.logger.info("MCP_AUTH_URL is set: events go to the server there, which "
                                 "serves /ws")
        self._users += 1

    def serves_here(self, config: Optional[RealtimeConfig]) -> bool:
        """Whether connections of this process would get events: not when those go to a server
        elsewhere, unless both have the same Redis."""
        if not os.environ.get("MCP_AUTH_URL"):
            return True
        said = dict((config or self.config or RealtimeConfig()).pairs())
        return bool(said.get("REDIS_URL") or os.environ.get("REDIS_URL"))

    async def started(self, config: Optional[RealtimeConfig] = None) -> "_core.Front":
        """The core, without holding up the running loop."""
        if self._front is not None:
            self._same(config)
            return self._front
        return await asyncio.get_running_loop().run_in_executor(None, self.front, config)

    async def end(self, drain_seconds: float) -> None:
        """An application stops; with the last one the core does, after telling everybody 4200."""
        self._users = max(0, self._users - 1)
        front = self._front
        if self._users or front is None:
            return
        front.drain()
        loop = asyncio.get_running_loop()
        until = loop.time() + drain_seconds
        while front.count() and loop.time() < until:
            await asyncio.sleep(0.02)
        await loop.run_in_executor(None, self._stop, front)

    def _stop(self, front: "_core.Front") -> None:
        front.stop(0)
        with self._lock:
            if self._front is front:
                self._last_stats = {**front.stats(), "active_connections": 0}
                self._front = None
                for port in self._ports.values():
                    _close_port(port)
                self._ports.clear()

    def at_exit(self) -> None:
        """What was published is still announced; then the threads end, and the log says the rest."""
        self._ended = True
        if self._front is not None:
            self._stop(self._front)
        _logging.stop()

    # -- ports ------------------------------------------------------------------------------

    def port(self, front: "_core.Front") -> Port:
        """The port of the running loop. Errors: RealtimeError."""
        loop = asyncio.get_running_loop()
        port = self._ports.get(id(loop))
        if port is not None and port.loop is loop and port.front is front:
            return port
        with self._lock:
            for key, old in list(self._ports.items()):
                if old.loop.is_closed():
                    _close_port(self._ports.pop(key))
            try:
                port = self._ports[id(loop)] = Port(front, loop)
            except _core.Error as error:
                raise RealtimeError(error.args[1]) from None
        return port

    # -- counters and limits ----------------------------------------------------------------

    def stats(self) -> Dict[str, Any]:
        """The counters; those of the last run when it does not run."""
        front = self._front
        return front.stats() if front is not None else dict(self._last_stats)

    def limit(self, index: int) -> float:
        """What is in force, or will be."""
        name, unit, default = LIMITS[index]
        if self._front is not None:
            return _number(self._front.limits()[index] / unit)
        if name in self.overrides:
            return self.overrides[name]
        said = dict((self.config or RealtimeConfig()).pairs()).get(name) or os.environ.get(name)
        try:
            return _number(float((said or "").split("#")[0].strip(" \t\"'")))
        except ValueError:
            return default

    def set_limit(self, index: int, value: float) -> None:
        """At once. Errors: ValueError."""
        name, unit, _ = LIMITS[index]
        problem = _core.check_setting(name, str(value))
        if problem is not None:
            raise ValueError(problem)
        with self._lock:
            self.overrides[name] = value
            if self._front is not None:
                limits: List[int] = list(self._front.limits())
                limits[index] = round(value * unit)
                try:
                    self._front.set_limits(*limits)
                except _core.Error as error:
                    raise ValueError(error.args[1]) from None


def _number(value: float) -> float:
    return int(value) if value == int(value) else value


def _close_port(port: Port) -> None:
    if port.loop.is_closed():
        port.close()
    else:
        try:
            port.loop.call_soon_threadsafe(port.close)
        except RuntimeError:  # it was closed meanwhile
            port.close()


def _workers() -> int:
    """How many processes the ASGI server was told to run, as far as that can be seen."""
    for index, word in enumerate(sys.argv):
        name, _, value = word.partition("=")
        if name in ("--workers", "-w"):
            value = value or (sys.argv[index + 1] if index + 1 < len(sys.argv) else "")
        elif word.startswith("-w") and word[2:].isdigit():
            value = word[2:]
        else:
            continue
        return int(value) if value.isdigit() else 1
    count = os.environ.get("WEB_CONCURRENCY", "")
    return int(count) if count.isdigit() else 1


def _first_worker() -> bool:
    """Whether no other child of our parent has asked before: the name goes when we do."""
    global _first
    _first = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        _first.bind(f"\0mcp-auth-workers-{os.getuid()}-{os.getppid()}")
    except OSError:
        _first.close()
        return False
    return True


_first: Optional[socket.socket] = None
runtime = Runtime()
os.register_at_fork(after_in_child=runtime.after_fork)
atexit.register(runtime.at_exit)
