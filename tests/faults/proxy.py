"""A TCP proxy on loopback that treats its connections badly: slow, narrow, silent, reset, or cut after so many bytes.

Its waits are the loop's, so under ``virtual`` they cost nothing. The client's port says what it does to connections made from now
on and, for ``hole`` and ``reset``, to those that are open.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHUNK = 16 * 1024


@dataclass(eq=False)
class Pair:
    """One connection through the proxy; ``passed`` counts the bytes that the client got."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    passed: int = 0
    dead: bool = False


@dataclass(eq=False)
class Proxy:
    """What the proxy does. ``cut_after`` closes a connection after that many bytes of answers; ``hole`` lets no byte through."""

    upstream: int
    port: int = 0
    latency_s: float = 0.0
    bytes_per_s: float = 0.0
    cut_after: int | None = None
    cuts: int = 0
    refuse: bool = False
    accepted: int = 0
    pairs: list[Pair] = field(default_factory=list)
    _ends: weakref.WeakSet[asyncio.StreamWriter] = field(default_factory=weakref.WeakSet)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def hole(self, *, new: bool = False) -> None:
        """Make every open connection silent; ``new`` ones too, until ``mend``."""
        for pair in self.pairs:
            pair.dead = True
        if new:
            self._open.clear()

    def mend(self) -> None:
        """Let new connections through again; silent ones stay silent, as a forgotten one in a balancer does."""
        self._open.set()
        self.refuse = False

    def reset(self) -> None:
        """Reset every open connection."""
        for pair in list(self.pairs):
            _reset(pair.client)
            pair.server.close()

    def cut_next(self, after: int, times: int = 1) -> None:
        """Close the next ``times`` connections that reach so many bytes of answers."""
        self.cut_after, self.cuts = after, times

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._ends.add(writer)
        if self.refuse:
            _reset(writer)
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        self._ends.add(up_writer)
        pair = Pair(writer, up_writer)
        self.pairs.append(pair)
        ways = [asyncio.ensure_future(self._up(reader, pair)), asyncio.ensure_future(self._down(up_reader, pair))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.pairs.remove(pair)
            for end in (writer, up_writer):
                end.close()

    async def _up(self, reader: asyncio.StreamReader, pair: Pair) -> None:
        while data := await reader.read(CHUNK):
            await self._delay(pair, len(data))
            pair.server.write(data)
            await pair.server.drain()

    async def _down(self, reader: asyncio.StreamReader, pair: Pair) -> None:
        while data := await reader.read(CHUNK):
            await self._delay(pair, len(data))
            if self.cut_after is not None and self.cuts > 0 and pair.passed + len(data) >= self.cut_after:
                self.cuts -= 1
                pair.client.write(data[: max(0, self.cut_after - pair.passed)])
                await pair.client.drain()
                return
            pair.passed += len(data)
            pair.client.write(data)
            await pair.client.drain()

    async def _delay(self, pair: Pair, size: int) -> None:
        if self.latency_s or self.bytes_per_s:
            await asyncio.sleep(self.latency_s + (size / self.bytes_per_s if self.bytes_per_s else 0.0))
        await self._open.wait()
        if pair.dead:
            await asyncio.Event().wait()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def fault_proxy(upstream: int) -> AsyncIterator[Proxy]:
    """A proxy to that port of loopback, until the block ends."""
    proxy = Proxy(upstream)
    proxy.mend()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        proxy._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError):
                await proxy._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # The block ended; asyncio would log what its own task of a connection is cancelled with.
        finally:
            proxy._tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(proxy._tasks):
            task.cancel()
        await asyncio.gather(*proxy._tasks, return_exceptions=True)
        for end in proxy._ends:
            end.transport.abort()
        await server.wait_closed()
