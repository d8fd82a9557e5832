# SPDX-License-Identifier: Apache-2.0
# counting.py: the application under test, which traces its memory.
import gc
import tracemalloc
from typing import Any, Dict

from mcp_auth.realtime import connection_manager
from service import app

tracemalloc.start()


@app.get("/memory")
async def memory() -> Dict[str, Any]:
    gc.collect()
    traced, _ = tracemalloc.get_traced_memory()
    largest = tracemalloc.take_snapshot().statistics("lineno")[:8]
    return {"traced": traced, "objects": len(gc.get_objects()),
            "largest": [str(line) for line in largest],
            "stats": connection_manager.get_connection_stats()}
