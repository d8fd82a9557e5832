# SPDX-License-Identifier: Apache-2.0
# service.py: the application under test: the guide's set-up, and a route for each call tests make.
import logging
import os
import time
from typing import Any, Dict, List, Optional

from fastapi import Body, FastAPI, HTTPException

from mcp_auth.realtime import (PublishBufferFull, RBACEvent, connection_manager, notify_rbac_event,
                               setup_realtime_system)

logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")

app = FastAPI()
realtime_router = setup_realtime_system(app)


@app.post("/publish")
async def publish(events: List[Dict[str, Any]]) -> Dict[str, Any]:
    slowest = 0.0
    for event in events:
        began = time.perf_counter()
        try:
            await notify_rbac_event(RBACEvent(**event))
        except (TypeError, ValueError) as error:
            raise HTTPException(422, str(error))
        except PublishBufferFull as error:
            raise HTTPException(503, str(error))
        slowest = max(slowest, time.perf_counter() - began)
    return {"slowest": slowest, "pid": os.getpid()}


@app.get("/realtime")
async def stats() -> Dict[str, Any]:
    return {**connection_manager.get_connection_stats(), "pid": os.getpid()}


@app.post("/limits")
async def limits(wanted: Dict[str, Any] = Body(...)) -> Dict[str, int]:
    try:
        for name, value in wanted.items():
            setattr(connection_manager, name, value)
    except ValueError as error:
        raise HTTPException(422, str(error))
    return {name: getattr(connection_manager, name)
            for name in ("max_connections", "heartbeat_interval", "rate_limit_messages",
                         "rate_limit_window")}


@app.get("/connections")
async def connections() -> List[Dict[str, Any]]:
    return connection_manager.connections()


@app.post("/disconnect")
async def disconnect(user_id: str, tenant_id: str = "") -> int:
    return await connection_manager.disconnect(user_id, tenant_id)


@app.post("/revoke")
async def revoke(user_id: Optional[str] = None, token_id: Optional[str] = None,
                 tenant_id: str = "") -> int:
    return await connection_manager.revoke(user_id, token_id, tenant_id)


@app.post("/log-level")
async def log_level(name: str) -> None:
    logging.getLogger("mcp_auth.realtime").setLevel(name)
