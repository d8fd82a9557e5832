# SPDX-License-Identifier: Apache-2.0
# _config.py: what code says about the settings, and the list of names and values for the core.
"""`RealtimeConfig`."""

import dataclasses
import os
from typing import Dict, List, Mapping, Optional, Tuple, Union

# Keyword of RealtimeConfig -> name of the setting (docs/settings.md).
_NAMED = {
    "jwt_secret": "MCP_AUTH_JWT_SECRET",
    "api_key": "MCP_AUTH_API_KEY",
    "redis_url": "REDIS_URL",
    "redis_password": "REDIS_PASSWORD",
    "policy_file": "MCP_AUTH_POLICY_FILE",
    "max_connections": "WEBSOCKET_MAX_CONNECTIONS",
    "heartbeat_interval": "WEBSOCKET_HEARTBEAT_INTERVAL",
    "rate_limit_messages": "WEBSOCKET_RATE_LIMIT_MESSAGES",
    "rate_limit_window": "WEBSOCKET_RATE_LIMIT_WINDOW",
}


@dataclasses.dataclass(frozen=True)
class RealtimeConfig:
    """What the environment does not say. All of it is optional.

    The settings are those of the server, under the same names (docs/settings.md); they are read
    from `env_file` and from the process environment when the first connection or event needs
    them. What is said here wins over both, as a flag of the program does. `settings` takes any of
    them by name.

    Errors: ValueError for a path that does not begin with "/", a setting said twice, or a value
    that is neither text nor number. The values themselves are checked by the core at start-up:
    ConfigurationError.
    """

    path: str = "/ws"
    env_file: Optional[str] = None
    read_environment: bool = True
    drain_seconds: float = 5.0
    jwt_secret: Optional[str] = dataclasses.field(default=None, repr=False)
    api_key: Optional[str] = dataclasses.field(default=None, repr=False)
    redis_url: Optional[str] = dataclasses.field(default=None, repr=False)
    redis_password: Optional[str] = dataclasses.field(default=None, repr=False)
    policy_file: Optional[str] = None
    max_connections: Optional[int] = None
    heartbeat_interval: Optional[float] = None
    rate_limit_messages: Optional[int] = None
    rate_limit_window: Optional[float] = None
    settings: Mapping[str, Union[str, float]] = dataclasses.field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path.startswith("/"):
            raise ValueError("path begins with '/'")
        if not 0 <= self.drain_seconds <= 3600:
            raise ValueError("drain_seconds is 0 to 3600")
        self.pairs()

    def pairs(self) -> List[Tuple[str, str]]:
        """(name, value) of each setting that is said here."""
        found: Dict[str, str] = {}
        said = [(name, getattr(self, keyword)) for keyword, name in _NAMED.items()]
        for name, value in [*said, *self.settings.items()]:
            if value is None:
                continue
            if not isinstance(value, (str, int, float, os.PathLike)) or isinstance(value, bool):
                raise ValueError(f"{name} is a text or a number")
            text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
            if name in found:
                raise ValueError(f"{name} is said twice")
            if "\0" in text:
                raise ValueError(f"{name} holds a NUL")
            found[name] = text
        return list(found.items())
