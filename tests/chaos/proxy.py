# SPDX-License-Identifier: Apache-2.0
# proxy.py: a TCP proxy that misbehaves as networks do: late, stalled, cut, half dead, one-way.
"""It runs a loop in a thread of its own, so that a test may block. Every method may be called from
any thread and holds when it returns.

    with Proxy(("127.0.0.1", 6379)) as proxy:
        proxy.delay(0.2, 0.1)       # each chunk that much later, and up to 0.1 s more
        proxy.stall()               # nothing passes; connections stay, and bytes are kept
        proxy.block("up")           # nothing from the client to the server ("down": the other way)
        proxy.reset()               # every connection is ended with RST
        proxy.refuse()              # new connections are reset at once
        proxy.half_open()           # connections of now never hear anything again; new ones work
        proxy.heal()
"""
import asyncio
import random
import socket
import struct
import threading

CHUNK = 65536
LINGER_NOTHING = struct.pack("ii", 1, 0)  # close() then sends RST


class Direction:
    """Reads from one side and writes to the other, as late as the proxy says."""

    def __init__(self, proxy, name, reader, writer):
        self.proxy, self.name, self.reader, self.writer = proxy, name, reader, writer
        self.waiting = asyncio.Queue(maxsize=64)
        self.dead = False  # half open: what comes is thrown away

    async def take(self):
        """Until the near side ends; the end is passed on in its turn."""
        try:
            while chunk := await self.reader.read(CHUNK):
                await self.waiting.put((self.proxy.due(), chunk))
        except OSError:
            pass
        await self.waiting.put((self.proxy.due(), b""))

    async def give(self):
        while True:
            due, chunk = await self.waiting.get()
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            await self.proxy.gates[self.name].wait()
            if self.dead:
                continue
            if not chunk:
                return
            self.writer.write(chunk)
            await self.writer.drain()


class Pair:
    def __init__(self, proxy, client, server):
        self.writers = [client[1], server[1]]
        self.directions = [Direction(proxy, "up", client[0], server[1]),
                           Direction(proxy, "down", server[0], client[1])]

    async def run(self):
        """One direction that ends ends both: Redis' connections know no half close."""
        tasks = [asyncio.ensure_future(work()) for d in self.directions for work in (d.take, d.give)]
        givers = tasks[1::2]
        try:
            await asyncio.wait(givers, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in self.writers:
                writer.close()

    def reset(self):
        for writer in self.writers:
            reset(writer)

    def half_open(self):
        """The server's side is gone without a word to the client's."""
        for direction in self.directions:
            direction.dead = True
        reset(self.writers[1])


def reset(writer):
    peer = writer.get_extra_info("socket")
    if peer is not None and peer.family != socket.AF_UNIX and peer.fileno() >= 0:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOTHING)
    writer.transport.abort()


class Proxy:
    """`upstream`: (host, port), or the path of a Unix socket; may be changed while it runs."""

    def __init__(self, upstream, seed=None):
        self.upstream, self.random = upstream, random.Random(seed)
        self.pairs, self.tasks = set(), set()
        self.late = (0.0, 0.0)
        self.refusing = False
        self.accepted = 0
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait()

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._listen())
        started.set()
        self.loop.run_forever()
        self.loop.close()

    async def _listen(self):
        self.gates = {"up": asyncio.Event(), "down": asyncio.Event()}
        for gate in self.gates.values():
            gate.set()
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _accept(self, reader, writer):
        self.accepted += 1
        if self.refusing:
            reset(writer)
            return
        try:
            if isinstance(self.upstream, str):
                server = await asyncio.open_unix_connection(self.upstream)
            else:
                server = await asyncio.open_connection(*self.upstream)
        except OSError:
            reset(writer)
            return
        pair = Pair(self, (reader, writer), server)
        self.pairs.add(pair)
        self.tasks.add(asyncio.current_task())
        try:
            await pair.run()
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            self.pairs.discard(pair)
            self.tasks.discard(asyncio.current_task())

    def due(self):
        return self.loop.time() + self.late[0] + self.random.uniform(0, self.late[1])

    def _do(self, action):
        """In the loop's thread; waits until it is done."""
        done = threading.Event()

        def act():
            try:
                action()
            finally:
                done.set()

        self.loop.call_soon_threadsafe(act)
        assert done.wait(10), "the proxy's loop hangs"

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def delay(self, seconds, more=0.0):
        self.late = (seconds, more)

    def stall(self):
        self._do(lambda: [gate.clear() for gate in self.gates.values()])

    def block(self, direction):
        self._do(self.gates[direction].clear)

    def reset(self):
        self._do(lambda: [pair.reset() for pair in self.pairs])

    def refuse(self):
        self.refusing = True

    def half_open(self):
        self._do(lambda: [pair.half_open() for pair in self.pairs])

    def cut(self):
        """Away at once and until heal()."""
        self.refuse()
        self.reset()

    def heal(self):
        self.late, self.refusing = (0.0, 0.0), False
        self._do(lambda: [gate.set() for gate in self.gates.values()])

    def close(self):
        async def end():
            self.server.close()
            tasks = list(self.tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
