# SPDX-License-Identifier: Apache-2.0
# models.py: who acts: the user that a token names.
"""Types shared by the server side and its callers."""

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class Principal:
    """A user as the application knows them.

    Only `id` is needed to name somebody in an event. Roles and permissions are here for the
    application's own use; what a connection may see is decided by its token alone.

    Errors: ValueError when `id` is not a text of 1 to 256 bytes, or `name` is no text.
    Source: protocol/PROTOCOL.md, "Tokens".
    """

    id: str
    name: Optional[str] = None
    roles: Tuple[str, ...] = ()
    permissions: Tuple[str, ...] = ()
    tenant_id: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not 1 <= len(self.id.encode("utf-8", "replace")) <= 256:
            raise ValueError("Principal.id is a text of 1 to 256 bytes")
        if self.name is not None and not isinstance(self.name, str):
            raise ValueError("Principal.name is a text or None")
        object.__setattr__(self, "roles", tuple(self.roles))
        object.__setattr__(self, "permissions", tuple(self.permissions))
