# SPDX-License-Identifier: Apache-2.0
# counting.py: the application under test, which traces its memory.
import gc
import tracemalloc
from typing import Any, Dict

from mcp_auth.realtime import connection_manager
from service import app

tracemalloc.start()


@app.get("/memory")
async def memory(largest: int = 0) -> Dict[str, Any]:
    gc.collect()
    traced, _ = tracemalloc.get_traced_memory()
    lines = tracemalloc.take_snapshot().statistics("lineno")[:largest] if largest else []
    return {"traced": traced, "objects": len(gc.get_objects()),
            "largest": [str(line) for line in lines],
            "stats": connection_manager.get_connection_stats()}
