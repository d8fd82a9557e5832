# SPDX-License-Identifier: Apache-2.0
# _inbox.py: what came and was not looked at yet, in order, with a ceiling.
"""The bounded queue between the task that reads the socket and the one that uses the events."""

import asyncio
from collections import deque
from typing import Any, Deque, Dict, NamedTuple, Optional, Union

from mcp_auth.client._event import Event


class Place(NamedTuple):
    """Everything up to `position` has been given."""

    position: str


class Gap(NamedTuple):
    """What happened before `position` may have been missed."""

    code: int
    position: str


Item = Union[Event, Place, Gap, Dict[str, Any]]


class Inbox:
    """One task puts, one takes."""

    def __init__(self, size_max: int) -> None:
        self._items: Deque[Item] = deque()
        self._size_max = size_max
        self._end: Optional[BaseException] = None
        self._changed = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, item: Item) -> None:
        """Waits while it is full: then nothing is read from the socket either."""
        if isinstance(item, Place) and self._items and isinstance(self._items[-1], Place):
            self._items.pop()  # the newer place says it all
        while len(self._items) >= self._size_max:
            self._room.clear()
            await self._room.wait()
        self._items.append(item)
        self._changed.set()

    def end(self, error: BaseException) -> None:
        """Nothing more will come; whoever took everything gets `error`."""
        if self._end is None:
            self._end = error
        self._changed.set()

    async def take(self) -> Item:
        """The oldest item. Errors: what `end` was given."""
        while not self._items:
            if self._end is not None:
                raise self._end
            self._changed.clear()
            await self._changed.wait()
        item = self._items.popleft()
        self._room.set()
        return item
