"""COMPRESS=DEFLATE (RFC 4978) below the dialogue: packed at each flush, unpacked in pieces.

What unpacks to very much costs no memory: a piece is unpacked when the dialogue asks for octets, the event loop turns
between two pieces, and the peer is held back meanwhile. The windows are small, so that an idle session stays small.
"""

import asyncio
import zlib

from mailboxes.smtp.wire import HIGH_WATER_OCTETS, Gone, Wire

PIECE_OCTETS = 64 * 1024
LEVEL = 3
WINDOW_BITS, MEMORY_LEVEL = 12, 5  # 32 kB for packing; unpacking takes what the peer may use, 32 kB


class Deflate:
    """Both directions of one connection."""

    __slots__ = ("_inflater", "_packed", "_packer")

    def __init__(self, received: bytes) -> None:
        self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._packed = received

    def pack(self, octets: bytes) -> bytes:
        """Return what is sent, complete up to here."""
        return self._packer.compress(octets) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def feed(self, octets: bytes) -> int:
        """Keep what came; return how much waits."""
        self._packed += octets
        return len(self._packed)

    def unpack(self) -> bytes:
        """Return the next piece, empty when more must come; raises zlib.error."""
        piece = self._inflater.decompress(self._packed, PIECE_OCTETS)
        self._packed = self._inflater.unconsumed_tail
        if self._inflater.eof:
            raise zlib.error("the stream has ended")
        return piece


class CompressedWire(Wire):
    """A connection that can begin to compress."""

    deflate: Deflate | None = None

    def start_deflate(self) -> None:
        """Compress from here on; what came already is compressed."""
        self.flush()
        self.deflate = Deflate(bytes(self.lines.octets))
        self.lines.octets.clear()

    def data_received(self, data: bytes) -> None:
        """Keep the octets packed."""
        if self.deflate is None:
            super().data_received(data)
            return
        if self.deflate.feed(data) > HIGH_WATER_OCTETS and not self._reading_paused and self.wire is not None:
            self._reading_paused = True
            self.wire.pause_reading()
        self._wake()

    def flush(self) -> None:
        """Hand what was written to the transport, packed."""
        if self.deflate is not None and self._out:
            packed = self.deflate.pack(bytes(self._out))
            self._out[:] = packed
        super().flush()

    async def wait_for_octets(self, seconds: float, may_drain: bool = False) -> None:
        """Return when octets came, from what waits packed first."""
        if self._unpack():
            await asyncio.sleep(0)
            return
        await super().wait_for_octets(seconds, may_drain)
        self._unpack()

    def _unpack(self) -> bool:
        """Unpack a piece; raises Gone when what came is not packed."""
        if self.deflate is None:
            return False
        try:
            piece = self.deflate.unpack()
        except zlib.error:
            raise Gone from None
        self.lines.octets += piece
        return bool(piece)
