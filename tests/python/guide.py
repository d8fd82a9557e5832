# SPDX-License-Identifier: Apache-2.0
# guide.py: the guide's Python blocks, as they are printed in tests/fixtures/guide.md.
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "tests" / "fixtures" / "guide.md").read_text(encoding="utf-8")


def blocks(language="python"):
    """The text of each fenced block of this language, in the guide's order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def block(containing):
    """The one block that holds this text."""
    found = [text for text in blocks() if containing in text]
    assert len(found) == 1, f"{len(found)} blocks of the guide hold {containing!r}"
    return found[0]


SETUP = block("setup_realtime_system(app)")
BROADCAST = block("async def grant_permission")
EVENT_TYPES = block("class EventType(str, Enum)")
LIMITS = block("connection_manager.max_connections")
RATE = block("connection_manager.rate_limit_messages")
DEBUG = block("logging.getLogger")
HEALTH = block("get_connection_stats()")
ALL = [SETUP, BROADCAST, EVENT_TYPES, LIMITS, RATE, DEBUG, HEALTH]
