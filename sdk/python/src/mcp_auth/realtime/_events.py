# SPDX-License-Identifier: Apache-2.0
# _events.py: the kinds of events, and one event as a publisher gives it.
"""`EventType` and `RBACEvent`."""

import dataclasses
import json
import re
import sys
from enum import Enum
from typing import Any, Callable, ClassVar, Dict, Iterator, Optional


class EventType(str, Enum):
    """What an event is about. Its value is what clients read in `event_type`.

    Source: protocol/event_types.json.
    """

    # Permission events
    PERMISSION_GRANTED = "permission_granted"
    PERMISSION_DENIED = "permission_denied"
    PERMISSION_REVOKED = "permission_revoked"

    # Role events
    ROLE_ASSIGNED = "role_assigned"
    ROLE_REVOKED = "role_revoked"
    ROLE_MODIFIED = "role_modified"

    # User events
    USER_CREATED = "user_created"
    USER_UPDATED = "user_updated"
    USER_DELETED = "user_deleted"

    # Security events
    SECURITY_VIOLATION = "security_violation"
    SUSPICIOUS_ACTIVITY = "suspicious_activity"
    ACCESS_DENIED = "access_denied"

    # System events
    POLICY_UPDATED = "policy_updated"
    CONFIGURATION_CHANGED = "configuration_changed"


_LEVELS = frozenset(("LOW", "INFO", "MEDIUM", "WARNING", "HIGH", "CRITICAL"))
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")


class _Pydantic1:
    """A hook of pydantic 1 that pydantic 2, which would warn of it, does not find.

    Pydantic 1 drops a member that a dataclass does not have without a word; the hook refuses it.
    """

    def __init__(self, hook: Callable[..., Any]) -> None:
        self._hook = hook

    def __get__(self, instance: object, owner: type) -> Callable[..., Any]:
        if not str(getattr(sys.modules.get("pydantic"), "VERSION", "")).startswith("1."):
            raise AttributeError("only pydantic 1 asks for this")
        return self._hook


def _pydantic1_validators() -> Iterator[Callable[[Any], "RBACEvent"]]:
    yield _from_body


def _from_body(value: Any) -> "RBACEvent":
    if isinstance(value, RBACEvent):
        return value
    if not isinstance(value, dict):
        raise TypeError("an event is an object")
    return RBACEvent(**value)


def _pydantic1_schema(schema: Dict[str, Any]) -> None:
    members: Dict[str, Any] = {name: {"type": "string"} for name in _NAMES}
    members["event_type"]["enum"] = [kind.value for kind in EventType]
    members["data"] = {"type": "object"}
    schema.update(title="RBACEvent", type="object", properties=members, required=["event_type"],
                  additionalProperties=False)


@dataclasses.dataclass
class RBACEvent:
    """One event to publish. Only `event_type` is required; what is None is left out.

    `user_id` is who did it or whom it is about, `target_user_id` whom it was done to. An event that
    names neither goes to administrators only. `data` is a dict that JSON can hold. `id` is given
    when the same event may be published twice: the second is not delivered again.

    It is a plain dataclass, which FastAPI takes as a request body with pydantic 1 and 2.

    Errors: TypeError for a keyword that does not exist; ValueError for an event type, a level or
    an id that the protocol does not know, and for a value of another type.
    Source: protocol/PROTOCOL.md, "Event frame".
    """

    event_type: EventType
    user_id: Optional[str] = None
    user_name: Optional[str] = None
    target_user_id: Optional[str] = None
    resource: Optional[str] = None
    action: Optional[str] = None
    role_name: Optional[str] = None
    message: Optional[str] = None
    security_level: Optional[str] = None
    resource_id: Optional[str] = None
    permission: Optional[str] = None
    data: Optional[Dict[str, Any]] = None
    tenant_id: Optional[str] = None
    id: Optional[str] = None

    # A body with a member that no event has is refused, as a keyword is (pydantic 2).
    __pydantic_config__: ClassVar[Dict[str, Any]] = {"extra": "forbid"}
    __get_validators__: ClassVar[_Pydantic1] = _Pydantic1(_pydantic1_validators)
    __modify_schema__: ClassVar[_Pydantic1] = _Pydantic1(_pydantic1_schema)

    def __post_init__(self) -> None:
        try:
            self.event_type = EventType(self.event_type)
        except ValueError:
            raise ValueError(f"{self.event_type!r} is no event type") from None
        for name, value in self._given():
            if name == "data":
                if not isinstance(value, dict):
                    raise ValueError("data is a dict or None")
            elif not isinstance(value, str):
                raise ValueError(f"{name} is a text or None, not {type(value).__name__}")
        if self.security_level is not None and self.security_level.upper() not in _LEVELS:
            raise ValueError(f"{self.security_level!r} is no security level")
        if self.id is not None and not _ID.match(self.id):
            raise ValueError("id is 1 to 64 of A-Z a-z 0-9 _ . : -")

    def _given(self) -> Iterator["tuple[str, Any]"]:
        for name in _NAMES:
            value = getattr(self, name)
            if value is not None:
                yield name, value

    def to_dict(self) -> Dict[str, Any]:
        """What POST /v1/events takes: the members that are given. `data` is not copied."""
        return {name: value.value if name == "event_type" else value
                for name, value in self._given()}

    def to_json(self) -> str:
        """The same as compact JSON.

        Errors: ValueError when `data` holds what JSON has no form for.
        """
        try:
            return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False,
                              separators=(",", ":"))
        except (TypeError, RecursionError) as error:
            raise ValueError(f"data: {error}") from None


_NAMES = tuple(field.name for field in dataclasses.fields(RBACEvent))
