# SPDX-License-Identifier: Apache-2.0
# policy_enforcement.py: decides from a cache, and forgets what was revoked as it is revoked.
"""A policy enforcement point keeps decisions in memory, because asking for each request is slow.
This one follows the events of its tenant: a decision is dropped within milliseconds of the
revocation, or of coming back to a server that tells what was missed. In between it allows nothing.

    MCP_AUTH_URL=http://localhost:8000 MCP_AUTH_TOKEN="$(mcp-auth token --user pep --role admin)" \
        python policy_enforcement.py

It answers lines on standard input, `USER PERMISSION`, with allow or deny; `assume USER PERMISSION`
puts a decision into the cache, as asking the policy store would.
"""
import asyncio
import os
import sys
from typing import Dict, Set

from mcp_auth.client import Event, RealtimeClient


def covers(revoked: str, permission: str) -> bool:
    """A permission that ends in `*` is all that begin so."""
    return permission == revoked or (revoked.endswith("*") and permission.startswith(revoked[:-1]))


class Decisions:
    """Who holds which permission, as far as it is known to be true."""

    def __init__(self) -> None:
        self._held: Dict[str, Set[str]] = {}

    def allowed(self, user: str, permission: str) -> bool:
        return permission in self._held.get(user, ())

    def assume(self, user: str, permission: str) -> None:
        self._held.setdefault(user, set()).add(permission)

    def forget_all(self) -> None:
        """Something may have been missed: from now on everything is asked again."""
        self._held.clear()

    def apply(self, event: Event) -> None:
        """Takes away; never gives: a right is learnt by asking, not from an announcement."""
        user = event.target_user_id or event.user_id
        kind = event.event_type
        if kind == "policy_updated":
            self.forget_all()
        elif user is not None and kind == "permission_revoked":
            named = event.get("permission") or f"{event.get('resource')}:{event.get('action')}"
            held = self._held.get(user, set())
            held -= {one for one in held if covers(named, one)}
        elif user is not None and kind in ("role_revoked", "role_modified", "user_deleted"):
            self._held.pop(user, None)


async def follow(decisions: Decisions, client: RealtimeClient) -> None:
    async for event in client:
        decisions.apply(event)
        print(f"seen {event.event_type} {event.target_user_id or event.user_id or '-'}", flush=True)


async def answer(decisions: Decisions, client: RealtimeClient) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        if len(line) == 3 and line[0] == "assume":
            decisions.assume(line[1], line[2])
        elif len(line) == 2:
            # While the stream is away a cached "allow" may be out of date: then it is not given.
            sure = client.connected and decisions.allowed(line[0], line[1])
            print("allow" if sure else "deny", flush=True)


async def main() -> None:
    decisions = Decisions()

    def missed(code: int, position: str) -> None:
        decisions.forget_all()
        print(f"missed {code}", flush=True)

    async with RealtimeClient(
            os.environ["MCP_AUTH_URL"], os.environ["MCP_AUTH_TOKEN"], on_gap=missed,
            event_types=["permission_revoked", "role_revoked", "role_modified", "user_deleted",
                         "policy_updated"]) as client:
        following = asyncio.ensure_future(follow(decisions, client))
        answering = asyncio.ensure_future(answer(decisions, client))
        done, _ = await asyncio.wait([following, answering],
                                     return_when=asyncio.FIRST_COMPLETED)
        following.cancel()
        for task in done:
            task.result()  # Refused or TokenNeeded: the reason is for whoever started this


if __name__ == "__main__":
    asyncio.run(main())
