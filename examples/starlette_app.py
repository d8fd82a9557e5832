# SPDX-License-Identifier: Apache-2.0
# starlette_app.py: the same in a Starlette application, which has a lifespan of its own.
"""Run it: MCP_AUTH_JWT_SECRET=... uvicorn starlette_app:app"""
import contextlib
from typing import Any, AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mcp_auth.realtime import (EventType, RBACEvent, connection_manager, notify_rbac_event,
                               setup_realtime_system)


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Opens what the application needs; events can be published here already."""
    await notify_rbac_event(RBACEvent(event_type=EventType.CONFIGURATION_CHANGED,
                                      message="The application has started"))
    yield


async def assign_role(request: Request) -> Response:
    # Who may do this is the application's to check, before anything is announced.
    await notify_rbac_event(RBACEvent(
        event_type=EventType.ROLE_ASSIGNED,
        target_user_id=request.path_params["user_id"],
        role_name=request.path_params["role_name"],
    ))
    return Response(status_code=202)


async def realtime(request: Request) -> Response:
    return JSONResponse(connection_manager.get_connection_stats())


app = Starlette(lifespan=lifespan, routes=[
    Route("/users/{user_id}/roles/{role_name}", assign_role, methods=["POST"]),
    Route("/realtime", realtime),
])
setup_realtime_system(app)
