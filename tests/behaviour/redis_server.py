# SPDX-License-Identifier: Apache-2.0
# redis_server.py: a real redis-server of a test's own: started, stopped, killed, frozen, restarted.
import os
import pathlib
import signal
import subprocess
import time

import redis

from serving import free_port

START_SECONDS = 20


class RedisServer:
    """One redis-server on a loopback port and a Unix socket, in a folder of its own. What it
    stores is kept over restart() when `appendonly`, else lost with it."""

    def __init__(self, folder, *arguments, appendonly=True, program="redis-server"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.socket = self.folder / "redis.sock"
        self.log = self.folder / "redis.log"
        self.frozen, self.process, self.clients = False, None, []
        self.command = [program, "--bind", "127.0.0.1", "--port", str(self.port),
                        "--unixsocket", str(self.socket), "--dir", str(self.folder),
                        "--logfile", str(self.log), "--daemonize", "no", "--save", "",
                        "--appendonly", "yes" if appendonly else "no",
                        "--appendfsync", "always", *map(str, arguments)]
        self.password = None
        if "--requirepass" in arguments:
            self.password = arguments[arguments.index("--requirepass") + 1]
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def client(self, **more):
        """redis-py, with answers as bytes. Closed by stop()."""
        made = redis.Redis(host="127.0.0.1", port=self.port, password=self.password,
                           socket_timeout=20, **more)
        self.clients.append(made)
        return made

    def start(self):
        assert not self.alive()
        self.frozen = False
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                # Any answer but "loading" is one of a server that has started.
                self.client().ping()
                return
            except (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError):
                return
            except redis.exceptions.ResponseError as error:
                if "unknown" in str(error).lower() or "wrong" in str(error).lower():
                    return
            except redis.exceptions.RedisError:
                pass
            assert self.alive() and time.monotonic() < until, self.tail()
            time.sleep(0.02)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else "no log"

    def freeze(self):
        """SIGSTOP: connections stand, the kernel takes what is sent, nothing answers."""
        os.kill(self.process.pid, signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)
        self.frozen = False

    def kill(self):
        """SIGKILL: nothing is written any more, connections break."""
        if self.alive():
            self.process.kill()
            self.process.wait(10)

    def end(self):
        """SIGTERM, as an operator stops it."""
        if self.frozen:
            self.thaw()
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def restart(self, seconds_away=0):
        """kill() and start() on the same port and folder."""
        self.kill()
        time.sleep(seconds_away)
        self.start()

    def forget(self):
        """Removes what it stored; to be called while it is down."""
        assert not self.alive()
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path == self.log:
                continue
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()

    def stop(self):
        for client in self.clients:
            client.close()
        self.end()
