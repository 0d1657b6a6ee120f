"""Where the embedded services' sockets lie: short paths, however deep the data folder is.

A Unix socket's path may have 107 octets at most. The sockets stand in a folder of their own under the system's
temporary folder, named after a digest of the data folder, 0700 and owned by us (docs/decisions/0004).
"""

import os
import tempfile
from hashlib import blake2b
from pathlib import Path


class UnsafePlace(Exception):
    """The socket folder exists and is not ours alone; ``str()`` says which."""


def socket_folder(data: Path) -> Path:
    """Return the folder of this data folder's sockets; it may not exist yet."""
    digest = blake2b(f"{os.getuid()}:{data.resolve()}".encode(), digest_size=6).hexdigest()
    runtime = Path("/run") if os.getuid() == 0 and os.access("/run", os.W_OK) else Path(tempfile.gettempdir())
    return runtime / f"mailadmin-{digest}"


def make_socket_folder(data: Path) -> Path:
    """Return the folder, made 0700; raises UnsafePlace when somebody else's stands there."""
    folder = socket_folder(data)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise UnsafePlace(f"{folder} exists and is not this user's alone: remove it")
    return folder


def embedded_database_url(data: Path) -> str:
    """Return the URL of the embedded PostgreSQL."""
    return f"postgresql://mailadmin@/mailadmin?host={socket_folder(data)}"


def embedded_redis_url(data: Path) -> str:
    """Return the URL of the embedded Redis."""
    return f"unix://{socket_folder(data)}/redis.sock?db=0"
