# SPDX-License-Identifier: Apache-2.0
# record.py: what was seen from outside: each client's frames, each publisher's answers, each fault.
"""Times are seconds of time.time(). An instance is named by its incarnation: "A#2" is what answers
at A's port after A was started again. A record can be kept as JSON and judged once more.
"""
import base64
import dataclasses
import json
import struct

ADMIN = "admin"


def place(position):
    """(epoch, n, check) of a position's text."""
    return struct.unpack(">QQQ", base64.urlsafe_b64decode(position))


def written(epoch, n, check=0):
    return base64.urlsafe_b64encode(struct.pack(">QQQ", epoch, n, check)).decode()


@dataclasses.dataclass
class Connection:
    instance: str
    opened: float
    iat: float
    asked: str = None  # the position it came with
    frames: list = dataclasses.field(default_factory=list)  # [time, the frame's JSON]
    closed: list = None  # [code, reason] of the server; None: broken, or ended by the client
    ended: float = None


@dataclasses.dataclass
class Client:
    name: str
    tenant: str
    user: str
    session: bool
    roles: list  # of its tokens
    types: list = None  # its filter
    connections: list = dataclasses.field(default_factory=list)
    settled: str = None  # the id of the last event it was waiting for, when it stayed to the end


@dataclasses.dataclass
class Attempt:
    instance: str
    sent: float
    answered: float = None
    status: int = None
    degraded: bool = None
    position: str = None
    duplicate: bool = False


@dataclasses.dataclass
class Publication:
    """An event, or (kind "$revocation", no id) a revocation of `user`."""
    id: str
    tenant: str
    kind: str
    user: str = None
    target: str = None
    role: str = None
    attempts: list = dataclasses.field(default_factory=list)

    @property
    def accepted(self):
        return [a for a in self.attempts if a.status in (200, 202)]

    @property
    def about(self):
        return {name for name in (self.user, self.target) if name}

    @property
    def fenced(self):
        """Whom it takes something from: (user, role, or None for everything), or None."""
        if self.kind == "role_revoked":
            return (self.target or self.user, self.role)
        if self.kind in ("user_deleted", "$revocation"):
            return (self.target or self.user, None)
        return None


@dataclasses.dataclass
class Record:
    clients: list = dataclasses.field(default_factory=list)
    publications: list = dataclasses.field(default_factory=list)
    killed: dict = dataclasses.field(default_factory=dict)  # incarnation: when
    crashed: list = dataclasses.field(default_factory=list)  # what instances said that died
    losses: list = dataclasses.field(default_factory=list)  # when Redis lost what it had
    # epoch: {n: [tenant, id, kind]}, as another reader of the stream saw it; and where it ended
    streams: dict = dataclasses.field(default_factory=dict)
    before: dict = dataclasses.field(default_factory=dict)  # the same, before the first loss in it
    born: dict = dataclasses.field(default_factory=dict)  # epoch: when it was first seen
    last: list = None  # [epoch, n] of the stream at the end

    def save(self, path):
        with open(path, "w") as file:
            json.dump(dataclasses.asdict(self), file)

    @classmethod
    def load(cls, path):
        with open(path) as file:
            content = json.load(file)
        content["clients"] = [
            Client(**{**c, "connections": [Connection(**x) for x in c["connections"]]})
            for c in content["clients"]]
        content["publications"] = [
            Publication(**{**p, "attempts": [Attempt(**a) for a in p["attempts"]]})
            for p in content["publications"]]
        for name in ("streams", "before"):
            content[name] = {int(epoch): {int(n): entry for n, entry in entries.items()}
                             for epoch, entries in content[name].items()}
        content["born"] = {int(epoch): at for epoch, at in content["born"].items()}
        return cls(**content)
