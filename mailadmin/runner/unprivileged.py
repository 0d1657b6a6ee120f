"""PostgreSQL refuses to run as root: the system user that it runs as when the supervisor is root.

The user owns the database's files. Of root's rights it keeps only CAP_DAC_OVERRIDE, since the data folder and the
programs may lie below a folder that root alone may enter (docs/decisions/0004).
"""

import ctypes
import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

USER = "mailadmin-db"
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True, slots=True)
class User:
    """A system user by its numbers."""

    uid: int
    gid: int


def database_user() -> User | None:
    """Return the user for PostgreSQL, made at the first need; None when we are not root and run it ourselves."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return _user(USER)
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is not None:
        command = [program, "--system", "--no-create-home", "--home-dir", "/nonexistent"]
        subprocess.run(  # noqa: S603
            [*command, "--shell", "/usr/sbin/nologin", "--user-group", USER], check=False, capture_output=True
        )
    for name in (USER, "postgres", "nobody"):
        with suppress(KeyError):
            return _user(name)
    return User(65534, 65534)


def _user(name: str) -> User:
    entry = pwd.getpwnam(name)
    return User(entry.pw_uid, entry.pw_gid)


def give(folder: Path, user: User | None) -> None:
    """Make the folder and all in it the user's, where they are not."""
    if user is None or (folder.exists() and folder.stat().st_uid == user.uid):
        return
    for parent, _folders, files in os.walk(folder):
        os.chown(parent, user.uid, user.gid)
        for name in files:
            os.chown(os.path.join(parent, name), user.uid, user.gid, follow_symlinks=False)


def become(user: User) -> None:
    """Turn this process into the user's, with the one right that it keeps; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)  # else access(2) would not count the capability
    os.setgroups([])
    os.setgid(user.gid)
    os.setuid(user.uid)
    bit = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; then the upper halves
    if libc.capset(header, sets) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
