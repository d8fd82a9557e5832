# SPDX-License-Identifier: Apache-2.0
# _backoff.py: what a close code asks for, and how long to stay away.
"""Close codes and back-off, as in src/client/close_action.c and src/base/backoff.c."""

import random
from enum import Enum
from typing import Optional


class CloseAction(Enum):
    """What the range of a close code tells the client to do (protocol/close_codes.json)."""

    STOP = "stop"
    RENEW = "renew"
    RETRY = "retry"
    RESYNC = "resync"


def close_action(code: int) -> CloseAction:
    """The action for `code`. RFC 6455's own codes, and none at all, are worth coming back for."""
    if 4000 <= code <= 4099:
        return CloseAction.STOP
    if 4100 <= code <= 4199:
        return CloseAction.RENEW
    if 4300 <= code <= 4399:
        return CloseAction.RESYNC
    return CloseAction.RETRY


_RETRY_AFTER_MAX = 86400.0  # more than a day is a mistake or a trick


def retry_after(text: Optional[str]) -> float:
    """The seconds of an HTTP Retry-After; 0 for none, and for a date."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0


class Backoff:
    """Waits that grow: a random part of a ceiling that doubles, behind what the server asked for."""

    def __init__(self, first: float = 0.5, longest: float = 30.0) -> None:
        if not 0 < first <= longest:
            raise ValueError("0 < first <= longest")
        self._first = first
        self._longest = longest
        self._attempts = 0

    def next(self, not_before: float = 0.0) -> float:
        """Seconds until the next attempt."""
        ceiling = min(self._longest, self._first * 2.0 ** min(self._attempts, 60))
        self._attempts += 1
        return min(max(0.0, not_before), _RETRY_AFTER_MAX) + random.uniform(0.0, ceiling)

    def reset(self) -> None:
        """It held: the next wait is short again."""
        self._attempts = 0
