# SPDX-License-Identifier: Apache-2.0
# redis_scripts.py: the scripts of src/broker/scripts as an instance calls them, one method each.
import pathlib

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent.parent / "src" / "broker" / "scripts"
SEPARATOR = "\x1f"


def event(id="", tenant="", user="ann", type="user_updated", t=1000, json=None, fingerprint="",
          fence=None, given=False, without=False, control=False):
    """What publish.lua takes for one event."""
    marks = ("g" if given else "") + ("f" if fence else "") + ("x" if without else "") + (
        "c" if control else "")
    words = [marks, id, tenant, user, "", type, "pub", t, json or '{"type":"event"}']
    return words + ([fingerprint] if given else []) + (list(fence) if fence else [])


def given(id, fingerprint="aa", **more):
    return event(id, given=True, fingerprint=fingerprint, **more)


class Instance:
    """One attached instance: its generation and epoch go with every batch."""

    def __init__(self, redis, name="one", prefix="", maxlen=100000, age_ms=0, dedupe_ms=600000):
        self.redis, self.name, self.maxlen, self.age_ms, self.dedupe_ms = (
            redis, name, maxlen, age_ms, dedupe_ms)
        self.scripts = {path.stem: redis.register_script(path.read_text())
                        for path in SCRIPTS.glob("*.lua")}
        self.stream = f"{prefix}rbac:events"
        tag = "{" + self.stream + "}"
        self.epoch_key, self.fences = f"{tag}:epoch", f"{tag}:fences"
        self.writer, self.ids = f"{tag}:writer:{name}", f"{tag}:ids:"
        self.epoch, self.generation = None, 0

    def attach(self, candidate="00000000000000e1", shards=1, last_n=0):
        self.generation += 1
        got = self.scripts["attach"]([self.stream, self.epoch_key, self.writer],
                                     [candidate, shards, last_n, self.generation, 86400000])
        self.epoch = got[0]
        return got

    def publish(self, *events, now=1000, generation=None):
        bucket = now // self.dedupe_ms
        keys = [self.stream, self.epoch_key, self.fences, self.writer,
                *(f"{self.ids}{b}" for b in (bucket, bucket - 1, bucket + 1))]
        given_count = sum("g" in e[0] for e in events)
        answer = self.scripts["publish"](
            keys, [generation or self.generation, self.epoch, self.stream, self.maxlen, self.age_ms,
                   now, self.dedupe_ms, 86400000, f"{self.name}:{self.generation}", given_count,
                   *(word for e in events for word in e)])
        # A doubled event's "n w" as -n.
        return [-int(n.split()[0]) if isinstance(n, bytes) else n for n in answer]

    def entries(self):
        return [(id.decode(), fields) for id, fields in self.redis.xrange(self.stream)]

    def numbers(self):
        return [int(id.split("-")[0]) for id, _ in self.entries()]
