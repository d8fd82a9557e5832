# SPDX-License-Identifier: Apache-2.0
# arms.py: the servers that are compared, each with the client that loads it.
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = ROOT / "bench"
BUILD = pathlib.Path(os.environ.get("BENCH_BUILD", ROOT / "build" / "bench"))
CACHE = ROOT / "build" / "peers"
SECRET = "a-secret-of-64-bytes-for-benchmarks-only-0123456789abcdef0123456"
API_KEY = "an-api-key-for-benchmarks"
START_SECONDS, ANSWER_SECONDS = 20, 180
# The first core we may use is the server's, the last the client's; with one only, they share it.
CORES = [str(core) for core in sorted(os.sched_getaffinity(0))]
CLIENT_CORE = CORES[-1]

# What the client is told, from the members of a scenario's arm.
CLIENT_OPTIONS = ["path", "protocol", "hello", "hello_frames", "secret", "role", "connecting",
                  "spread", "road", "publish_path", "publish_header", "publish_type", "event",
                  "prefix", "join", "suffix", "publishers", "nap", "timeout"]
CLIENT_FLAGS = ["bearer", "mixed_permissions", "single", "latency", "burst"]

OURS = {"environment": {"MCP_AUTH_WORKERS": "1", "MCP_AUTH_LOG_LEVEL": "warning",
                        "WEBSOCKET_MAX_CONNECTIONS": "19500",
                        "WEBSOCKET_HEARTBEAT_INTERVAL": "3600",
                        "MCP_AUTH_JWT_SECRET": SECRET, "MCP_AUTH_API_KEY": API_KEY},
        "secret": SECRET, "bearer": True}
HTTP = {"road": "http", "publish_path": "/v1/events",
        "publish_header": f"Authorization: Bearer {API_KEY}", "prefix": "[", "join": ",",
        "suffix": "]"}
SERVERS = {
    "limit": {"command": ["{build}/bench/limit", "{port}"], "road": "order", "path": "/",
              "event": '{"type":"event","data":{"t":"{time}"},"message":"m{pad}"}'},
    "mcp-auth": {"command": ["{mcp_auth}", "serve", "--listen", "127.0.0.1:{port}"],
                 **OURS, **HTTP},
    "host": {"command": ["{build}/bench/host", "{control_port}"], **OURS, "road": "host"},
}


class Absent(Exception):
    """A server that is not installed here: it is reported, never invented."""


def free_port():
    """Below the ports that the receivers' ends are given, or one of them would take it first."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("", port))
                return port
            except OSError:
                continue


def described(name):
    """How a server is started and loaded: one of ours, or a peer's folder."""
    if name in SERVERS:
        return SERVERS[name]
    folder = HERE / "peers" / name
    if not (folder / "peer.json").exists():
        raise Absent(f"no server is called {name!r}")
    found = json.loads((folder / "peer.json").read_text(encoding="utf-8"))
    if not (CACHE / name / "installed").exists():
        raise Absent(f"not installed: bench/peers/install.sh {name}")
    return found


def merged(*parts):
    found = {}
    for part in parts:
        for key, value in part.items():
            if key == "environment":
                value = {**found.get(key, {}), **value}
            found[key] = value
    return found


def descendants(pid):
    """The process and its children: nginx and uvicorn work in a child."""
    found = [pid]
    for process in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = process.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) in found:
            found.append(int(process.parent.name))
    return found


def anonymous_bytes(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1]) * 1024
    return total


class Arm:
    """A running server, and its client; both end with close()."""

    def __init__(self, name, settings, folder):
        self.name = name
        self.settings = merged(described(settings["server"]), settings)
        self.folder = folder / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.server = self.client = None
        self.pids = []
        self.places = {"build": BUILD, "port": free_port(), "control_port": free_port(),
                       "folder": self.folder, "root": ROOT, "cache": CACHE / settings["server"],
                       "mcp_auth": os.environ.get("MCP_AUTH_BIN", BUILD / "mcp-auth"),
                       "peer": HERE / "peers" / settings["server"]}

    def filled(self, text):
        for key, value in self.places.items():
            text = text.replace("{" + key + "}", str(value))
        return text

    def start(self):
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith(("MCP_AUTH_", "WEBSOCKET_", "REDIS_"))}
        kept.update({k: self.filled(v) for k, v in self.settings.get("environment", {}).items()})
        if self.settings["server"] == "host":
            kept["MCP_AUTH_LISTEN"] = self.filled("127.0.0.1:{port}")
        for path, text in self.settings.get("files", {}).items():
            (self.folder / path).write_text(self.filled(
                text if isinstance(text, str) else json.dumps(text)), encoding="utf-8")
        for source in self.settings.get("templates", []):
            text = (HERE / "peers" / self.settings["server"] / source).read_text(encoding="utf-8")
            (self.folder / source).write_text(self.filled(text), encoding="utf-8")
        self.command = [self.filled(word) for word in self.settings["command"]]
        core = ",".join(CORES[:self.settings.get("server_cores", 1)])
        with open(self.folder / "server.log", "wb") as log:
            self.server = subprocess.Popen(["taskset", "-c", core, *self.command], env=kept,
                                           cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=log)
        self.await_port()
        self.pids = descendants(self.server.pid)
        self.start_client()

    def await_port(self):
        last = time.monotonic() + START_SECONDS
        while time.monotonic() < last:
            if self.server.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.places["port"]), 1).close()
                time.sleep(self.settings.get("settle_seconds", 0.1))
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not start:\n{self.log()}")

    def start_client(self):
        words = [str(BUILD / "bench" / "client"), "--port", str(self.places["port"]),
                 "--control-port", str(self.places["control_port"]),
                 "--pids", ",".join(map(str, self.pids))]
        for key in CLIENT_OPTIONS:
            if self.settings.get(key) is not None:
                words += ["--" + key.replace("_", "-"), self.filled(str(self.settings[key]))]
        words += ["--" + key.replace("_", "-") for key in CLIENT_FLAGS if self.settings.get(key)]
        self.client_command = words
        with open(self.folder / "client.log", "wb") as log:
            self.client = subprocess.Popen(["taskset", "-c", CLIENT_CORE, *words], text=True,
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=log, bufsize=1)

    def log(self):
        return "".join((self.folder / name).read_text(errors="replace")[-1500:]
                       for name in ("server.log", "client.log") if (self.folder / name).exists())

    def tell(self, *words):
        """The client's answer to one command."""
        try:
            self.client.stdin.write(" ".join(str(word) for word in words) + "\n")
            self.client.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.client.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: the client ended at {words}:\n{self.log()}")
        return json.loads(line)

    def memory(self):
        return anonymous_bytes(self.pids)

    def close(self):
        for process, end in ((self.client, signal.SIGKILL), (self.server, signal.SIGTERM)):
            if process is None:
                continue
            if process.poll() is None:
                process.send_signal(end)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
