# SPDX-License-Identifier: Apache-2.0
# __init__.py: the package; what is used lives in mcp_auth.realtime, .client and .models.
"""Authorization events in real time, on the C core of MCP-Auth Realtime.

`mcp_auth.realtime` serves them inside an ASGI application, `mcp_auth.client` follows and publishes
them from another program, `mcp_auth.models` has the small types both share.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
