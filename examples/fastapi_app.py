# SPDX-License-Identifier: Apache-2.0
# fastapi_app.py: the guide's three functions behind HTTP routes; browsers hear of it at /ws.
"""Run it, sign a token, open a socket:

    export MCP_AUTH_JWT_SECRET=$(openssl rand -hex 32)
    uvicorn fastapi_app:app
    mcp-auth tail --url http://localhost:8000 --token "$(mcp-auth token --user alice)"
    curl -X POST -H 'X-User: alice' 'localhost:8000/permissions?resource=documents/7&action=read'
"""
from typing import Any, Dict

from fastapi import Depends, FastAPI, Header

from mcp_auth.models import Principal
from mcp_auth.realtime import (EventType, RBACEvent, connection_manager, notify_rbac_event,
                               setup_realtime_system)

app = FastAPI()
realtime_router = setup_realtime_system(app)  # WebSockets at /ws, on this application's own port


def principal(x_user: str = Header()) -> Principal:
    """Who asks. An application checks its session here; this example believes the header, so
    keep it on loopback."""
    return Principal(id=x_user, name=x_user.title())


async def grant_permission(principal: Principal, resource: str, action: str) -> None:
    await notify_rbac_event(RBACEvent(
        event_type=EventType.PERMISSION_GRANTED,
        user_id=principal.id,
        user_name=principal.name,
        resource=resource,
        action=action,
        message=f"Permission granted for {action} on {resource}"
    ))


async def assign_role(admin_principal: Principal, target_user_id: str, role_name: str) -> None:
    await notify_rbac_event(RBACEvent(
        event_type=EventType.ROLE_ASSIGNED,
        user_id=admin_principal.id,
        target_user_id=target_user_id,
        role_name=role_name,
        message=f"Role {role_name} assigned to user {target_user_id}"
    ))


async def log_security_violation(principal: Principal, violation_type: str) -> None:
    await notify_rbac_event(RBACEvent(
        event_type=EventType.SECURITY_VIOLATION,
        user_id=principal.id,
        message=f"Security violation: {violation_type}",
        security_level="HIGH"
    ))


@app.post("/permissions", status_code=202)
async def permissions(resource: str, action: str, who: Principal = Depends(principal)) -> None:
    await grant_permission(who, resource, action)


@app.post("/users/{user_id}/roles/{role_name}", status_code=202)
async def roles(user_id: str, role_name: str, who: Principal = Depends(principal)) -> None:
    await assign_role(who, user_id, role_name)


@app.delete("/users/{user_id}/roles/{role_name}", status_code=202)
async def no_role(user_id: str, role_name: str, who: Principal = Depends(principal)) -> None:
    """The event enforces itself: live connections lose the role before anybody is told."""
    await notify_rbac_event(RBACEvent(event_type=EventType.ROLE_REVOKED, user_id=who.id,
                                      target_user_id=user_id, role_name=role_name))


@app.post("/violations", status_code=202)
async def violations(kind: str, who: Principal = Depends(principal)) -> None:
    await log_security_violation(who, kind)


@app.get("/realtime")
async def realtime() -> Dict[str, Any]:
    return connection_manager.get_connection_stats()
