# SPDX-License-Identifier: Apache-2.0
# _errors.py: what the server side raises.
"""Errors of `mcp_auth.realtime`."""


class RealtimeError(Exception):
    """The base of all errors of `mcp_auth.realtime` but ValueError and TypeError."""


class ConfigurationError(RealtimeError):
    """The settings cannot be served; the text names each that is wrong, one a line."""


class PublishBufferFull(RealtimeError):
    """Events wait for a server or a bus that is away, and no more fit: this one was not taken."""
