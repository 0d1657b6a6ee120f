"""Where a message waits while it comes in: memory while small, above ``SPOOL_OCTETS`` a file without a name.

A disk that takes no more raises nothing: the message is read to its end all the same, so that its sender hears why.
"""

from contextlib import suppress
from tempfile import SpooledTemporaryFile

SPOOL_OCTETS = 1024 * 1024


class Spool:
    """The octets so far in ``file``; ``fault`` says why they could not be kept, and then the file is closed."""

    __slots__ = ("fault", "file")

    def __init__(self) -> None:
        self.file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(max_size=SPOOL_OCTETS)  # noqa: SIM115
        self.fault: OSError | None = None

    def write(self, octets: bytes) -> None:
        """Add octets, unless a fault came before."""
        if self.fault is not None:
            return
        try:
            self.file.write(octets)
        except OSError as fault:
            self._fail(fault)

    def rewind(self) -> None:
        """Write out what is buffered and go to the start."""
        if self.fault is not None:
            return
        try:
            self.file.seek(0)
        except OSError as fault:
            self._fail(fault)

    def close(self) -> None:
        """Free the content, also what was never written out."""
        with suppress(OSError):
            self.file.close()

    def _fail(self, fault: OSError) -> None:
        self.fault = fault
        self.close()
