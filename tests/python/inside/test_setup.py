# SPDX-License-Identifier: Apache-2.0
# test_setup.py: set-up at import, twice, with a lifespan, in TestClient, after a fork (R15-R17, R32).
import json

import pytest

import guide

BEGIN = """
import asyncio, json, logging, os, sys
from fastapi import FastAPI
from fastapi.testclient import TestClient
from minting import mint
from mcp_auth.realtime import *
from mcp_auth.realtime import (EventType, RBACEvent, RealtimeConfig, connection_manager,
                               notify_rbac_event, setup_realtime_system)

def sign_in(socket, user="alice", **more):
    socket.send_json({"type": "auth", "token": mint(user, **more)})

def session(client, user="alice", **more):
    socket = client.websocket_connect("/ws", subprotocols=["mcp-auth.v1"])
    return socket
"""


def test_the_guides_set_up_block_serves_ws(alone):
    alone(guide.SETUP + BEGIN + """
@app.post("/tell")
async def tell() -> None:
    await notify_rbac_event(RBACEvent(event_type=EventType.ROLE_ASSIGNED, user_id="root",
                                      target_user_id="alice", role_name="editor"))

assert realtime_router is not None
with TestClient(app) as client:
    with client.websocket_connect("/ws", subprotocols=["mcp-auth.v1"]) as socket:
        assert socket.accepted_subprotocol == "mcp-auth.v1"
        sign_in(socket)
        assert socket.receive_json()["type"] == "auth_ok"
        assert client.post("/tell").status_code == 200
        event = socket.receive_json()
        assert (event["event_type"], event["role_name"]) == ("role_assigned", "editor")
        assert connection_manager.get_connection_stats()["active_connections"] == 1
""")


def test_test_client_without_a_lifespan_and_many_loops(alone):
    alone(BEGIN + guide.SETUP + """
client = TestClient(app)                       # no `with`: no start-up, a loop for each call
for round in range(3):
    with client.websocket_connect("/ws", subprotocols=["mcp-auth.v1"]) as first:
        sign_in(first)
        assert first.receive_json()["type"] == "auth_ok"
        with client.websocket_connect("/ws", subprotocols=["mcp-auth.v1"]) as second:
            sign_in(second, "root", roles=["admin"])
            assert second.receive_json()["type"] == "auth_ok"
            asyncio.run(notify_rbac_event(RBACEvent(event_type="user_updated", user_id="alice",
                                                    id=f"round-{round}")))
            assert first.receive_json()["id"] == second.receive_json()["id"] == f"round-{round}"
""")


def test_twice_is_the_same_as_once(alone):
    alone(BEGIN + """
app = FastAPI()
first = setup_realtime_system(app)
routes = len(app.routes)
assert setup_realtime_system(app) is first and len(app.routes) == routes
with TestClient(app) as client, client.websocket_connect("/ws") as socket:
    sign_in(socket, "root", roles=["admin"])
    asyncio.run(asyncio.sleep(0.3))
    asyncio.run(notify_rbac_event(RBACEvent(event_type="policy_updated", id="a")))
    asyncio.run(notify_rbac_event(RBACEvent(event_type="policy_updated", id="b")))
    assert [socket.receive_json()["id"] for _ in range(2)] == ["a", "b"]
""")


def test_the_apps_own_lifespan_and_handlers_run_too(alone):
    done = alone(BEGIN + """
import contextlib, inspect
from starlette.applications import Starlette

@contextlib.asynccontextmanager
async def lifespan(app):
    print("up")
    await notify_rbac_event(RBACEvent(event_type="configuration_changed"))
    yield {"mine": 7}
    print("down")

def handled():
    async def up():
        print("up")
    async def down():
        print("down")
    return FastAPI(on_startup=[up], on_shutdown=[down])

# FastAPI before 0.93 takes no lifespan, and a newer Starlette no handlers.
made = [Starlette(lifespan=lifespan)]
if "lifespan" in inspect.signature(FastAPI).parameters:
    made.append(FastAPI(lifespan=lifespan))
if "on_startup" in inspect.signature(Starlette).parameters:
    made.append(handled())
assert len(made) >= 2
for app in made:
    setup_realtime_system(app)
    with TestClient(app) as client, client.websocket_connect("/ws") as socket:
        sign_in(socket)
    print(";")
""")
    rounds = done.stdout.split(";")[:-1]
    assert len(rounds) >= 2 and all(one.split() == ["up", "down"] for one in rounds), done.stdout


def test_a_starlette_app_and_a_bare_asgi_app(alone):
    alone(BEGIN + """
from starlette.applications import Starlette
from starlette.testclient import TestClient

async def bare(scope, receive, send):
    assert scope["type"] in ("http", "lifespan"), scope["type"]
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"mine"})

star = Starlette()
setup_realtime_system(star)
for app in (star, setup_realtime_system(bare)):
    with TestClient(app) as client:
        with client.websocket_connect("/ws", subprotocols=["mcp-auth.v1"]) as socket:
            sign_in(socket)
            assert socket.receive_json()["type"] == "auth_ok"
        if app is not star:
            assert client.get("/x").text == "mine"
        answer = client.get("/ws")
        assert answer.status_code == 426, answer
""")


def test_the_guides_env_block_by_env_file_by_environment_and_by_dotenv(alone, tmp_path):
    env = guide.blocks("env")[0]
    path = tmp_path / "guide.env"
    path.write_text(env.replace("MAX_CONNECTIONS=1000", "MAX_CONNECTIONS=900")
                    .replace("REDIS_URL", "# REDIS_URL"), encoding="utf-8")
    ask = """
app = FastAPI()
setup_realtime_system(app%s)
with TestClient(app):
    print(connection_manager.max_connections, connection_manager.heartbeat_interval)
"""
    by_file = ask % f", RealtimeConfig(env_file={str(path)!r})"
    assert alone(BEGIN + by_file).stdout == "900 30\n"
    lines = [line.split("=", 1) for line in path.read_text().splitlines()
             if "=" in line and not line.startswith("#")]
    assert alone(BEGIN + ask % "", **dict(lines)).stdout == "900 30\n"
    dotenv = f"from dotenv import load_dotenv\nload_dotenv({str(path)!r})\n"
    assert alone(dotenv + BEGIN + ask % "").stdout == "900 30\n"


def test_without_any_key_the_start_names_the_setting(alone):
    done = alone(BEGIN + """
from mcp_auth.realtime import ConfigurationError
app = FastAPI()
setup_realtime_system(app)
try:
    with TestClient(app):
        pass
except ConfigurationError as error:
    print(error)
""", MCP_AUTH_JWT_SECRET="")
    assert "MCP_AUTH_JWT_SECRET" in done.stdout


@pytest.mark.parametrize("name, value", [("MCP_AUTH_JWT_SECRET", "short"),
                                         ("WEBSOCKET_HEARTBEAT_INTERVAL", "soon"),
                                         ("MCP_AUTH_NO_SUCH", "x")])
def test_a_wrong_setting_is_refused_by_name(alone, name, value):
    done = alone(BEGIN + """
from mcp_auth.realtime import ConfigurationError
app = FastAPI()
setup_realtime_system(app)
try:
    with TestClient(app):
        pass
except ConfigurationError as error:
    print(error)
""", **{name: value})
    assert name in done.stdout and "short" not in done.stdout


def test_a_child_of_a_fork_has_a_front_of_its_own(alone):
    done = alone(BEGIN + guide.SETUP + """
import warnings
warnings.simplefilter("ignore")
def use(word):
    with TestClient(app) as client:
        with client.websocket_connect("/ws", subprotocols=["mcp-auth.v1"]) as socket:
            sign_in(socket)
            assert socket.receive_json()["type"] == "auth_ok"
            asyncio.run(notify_rbac_event(RBACEvent(event_type="user_updated", user_id="alice")))
            assert socket.receive_json()["type"] == "event"
    print(word, flush=True)

use("parent")
pid = os.fork()
if pid == 0:
    use("child")
    sys.exit(0)
_, status = os.waitpid(pid, 0)
assert status == 0, status
use("parent again")
""")
    assert done.stdout.splitlines() == ["parent", "child", "parent again"]


def test_publishing_without_clients_or_a_loop_of_its_own_never_raises(alone):
    alone(BEGIN + guide.SETUP + """
for _ in range(20):
    asyncio.run(notify_rbac_event(RBACEvent(event_type="user_updated", user_id="nobody")))
async def many():
    await asyncio.gather(*(notify_rbac_event(RBACEvent(event_type="user_updated", user_id=str(n)))
                           for n in range(2000)))
asyncio.run(many())
""")


def test_an_absent_redis_raises_nothing_and_is_said_once(alone, tmp_path):
    done = alone(BEGIN + guide.SETUP + """
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
async def main():
    for n in range(50):
        await notify_rbac_event(RBACEvent(event_type="user_updated", user_id="u"))
        await asyncio.sleep(0.01)
with TestClient(app) as client:
    with client.websocket_connect("/ws", subprotocols=["mcp-auth.v1"]) as socket:
        sign_in(socket, "u")
        assert socket.receive_json()["type"] == "auth_ok"
        asyncio.run(main())
        assert [f["type"] for f in (socket.receive_json() for _ in range(5))].count("event") >= 3
""", REDIS_URL=f"unix://{tmp_path}/nobody.sock")
    said = [line for line in done.stdout.splitlines() if "Redis unavailable" in line]
    assert len(said) == 1 and said[0].startswith("mcp_auth.realtime WARNING"), done.stdout


def test_a_router_is_what_fastapi_calls_one(alone):
    done = alone(BEGIN + guide.SETUP + """
from fastapi import APIRouter
print(isinstance(realtime_router, APIRouter))
""")
    assert json.loads(done.stdout.strip().lower()) is True
