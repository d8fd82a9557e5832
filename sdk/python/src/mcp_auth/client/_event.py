# SPDX-License-Identifier: Apache-2.0
# _event.py: an event frame as a client reads it.
"""`Event`."""

from typing import Any, Dict, Optional


class Event(Dict[str, Any]):
    """The members of one event frame; absent ones are absent, never None.

    Source: protocol/PROTOCOL.md, "Event frame".
    """

    @property
    def id(self) -> str:
        """Equal on every instance, and whenever the event comes again."""
        return str(self["id"])

    @property
    def event_type(self) -> str:
        """One of the values of mcp_auth.realtime.EventType, or one of a newer server."""
        return str(self["event_type"])

    @property
    def message(self) -> str:
        """For people."""
        return str(self["message"])

    @property
    def user_id(self) -> Optional[str]:
        """Who did it or whom it is about."""
        return self.get("user_id")

    @property
    def target_user_id(self) -> Optional[str]:
        """Whom it was done to."""
        return self.get("target_user_id")

    @property
    def position(self) -> str:
        """To go on behind this event, also in another process."""
        return str(self["position"])
