# SPDX-License-Identifier: Apache-2.0
# cheating.py: a proxy in front of a server that drops, doubles, swaps or changes event frames.
import asyncio
import contextlib
import threading

from serving import free_port


async def _frame(reader):
    """One whole frame of a server: header and payload, neither masked nor in fragments."""
    head = await reader.readexactly(2)
    size = head[1] & 0x7f
    if size == 126:
        more = await reader.readexactly(2)
    elif size == 127:
        more = await reader.readexactly(8)
    else:
        more = b""
    size = int.from_bytes(more, "big") if more else size
    return head + more + await reader.readexactly(size)


class Cheat:
    """Each event frame, with its number on its connection from 0, becomes the frames of `change`;
    and the first `cut` connections for requests end when their answer should come."""

    def __init__(self, server, change=lambda number, frame, held: ([frame], held), cut=0):
        self.server, self.change, self.cut, self.port = server, change, cut, free_port()
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def _down(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101") and self.cut > 0:
            self.cut -= 1
            return
        writer.write(head)
        if not head.startswith(b"HTTP/1.1 101"):
            while data := await reader.read(65536):
                writer.write(data)
            return
        number, held = 0, []
        while True:
            frame = await _frame(reader)
            if b'"type":"event"' not in frame:
                writer.write(frame)
                continue
            out, held = self.change(number, frame, held)
            number += 1
            for each in out:
                writer.write(each)

    @staticmethod
    async def _up(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)

    async def _serve(self, reader, writer):
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        tasks = [asyncio.ensure_future(self._down(other_reader, writer)),
                 asyncio.ensure_future(self._up(reader, other_writer))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(BaseException):
                    await task
            for each in (writer, other_writer):
                each.close()

    async def _main(self):
        listening = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.ready.set()
        async with listening:
            await asyncio.Event().wait()

    def _run(self):
        with contextlib.suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self.task)

    def __enter__(self):
        self.task = self.loop.create_task(self._main())
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.task.cancel)
        self.thread.join(10)
