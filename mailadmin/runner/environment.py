"""Secrets that arrive in the environment: read once, then wiped, so that no child and no ``ps e`` shows them."""

import ctypes
import os
from pathlib import Path

from mailadmin.runner.config import SECRET_VARIABLES

ENV_START_FIELD, ENV_END_FIELD = 47, 48  # fields 50 and 51 of /proc/PID/stat, counted after the command's name


def forget_secrets() -> None:
    """Take the secret variables out of our environment, and out of the copy that the kernel shows to others."""
    present = [name for name in SECRET_VARIABLES if os.environ.pop(name, None) is not None]
    if present:
        _wipe([name.encode() + b"=" for name in present])


def _wipe(prefixes: list[bytes]) -> None:
    """Overwrite the values in the block that the kernel made at the start; nothing points there any more."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[ENV_START_FIELD]), int(fields[ENV_END_FIELD])
    except (OSError, ValueError, IndexError):
        return
    if not 0 < start < end:
        return
    offset = 0
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        for prefix in prefixes:
            if entry.startswith(prefix):
                ctypes.memset(start + offset + len(prefix), ord("*"), len(entry) - len(prefix))
        offset += len(entry) + 1
