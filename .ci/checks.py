"""``test``, ``soak``, ``lint`` and ``lock``, run inside the environment that bootstrap.py made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PROGRAMS = {
    "chromium": "chromium",
    "swaks": "swaks",
    "mbsync": "isync",
    "neomutt": "neomutt",
    "msmtp": "msmtp",
    "fetchmail": "fetchmail",
    "getmail": "getmail6",
    "mpop": "mpop",
    "curl": "curl",
    "openssl": "openssl",
    "redis-server": "redis-server",
    "postfix": "postfix",
    "named": "bind9",
    "nsupdate": "bind9-dnsutils",
    "pebble": "pebble",
}
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
POSTGRES = Path("/usr/lib/postgresql")
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
LINTERS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy", "mailadmin", "antispam", "mailboxes", "domains"),
    ("lint-imports",),
)


def say(text: str) -> None:
    """Write one line to the console."""
    print(f"checks: {text}", file=sys.stderr, flush=True)


def missing() -> dict[str, str]:
    """Return the programs that the tests miss, with the Debian package of each."""
    absent = {name: package for name, package in PROGRAMS.items() if not shutil.which(name, path=SYSTEM_PATH)}
    if not any(POSTGRES.glob("*/bin/postgres")):
        absent["postgres"] = "postgresql"
    return absent


def install_programs() -> None:
    """Install what is missing when we may; name what stays missing."""
    absent = missing()
    if absent and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {', '.join(sorted(absent.values()))}")
        quiet = {"stdout": subprocess.DEVNULL, "stdin": subprocess.DEVNULL, "check": False}
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        options = ["-qq", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"]
        install = ["apt-get", *options, "install", *sorted(set(absent.values()))]
        if subprocess.run(install, env=environment, **quiet).returncode != 0:  # type: ignore[call-overload]
            subprocess.run(["apt-get", "-qq", "update"], env=environment, **quiet)  # type: ignore[call-overload]
            subprocess.run(install, env=environment, **quiet)  # type: ignore[call-overload]
        absent = missing()
    for name, package in sorted(absent.items()):
        say(f"{name} (Debian package {package}) is missing: its tests are left out")


def lint() -> int:
    """Run every linter, also after one that fails; the status is the first bad one."""
    status = 0
    for command in LINTERS:
        say(" ".join(command))
        status = status or subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, check=False).returncode
    return status


def lock() -> int:
    """Write both lock files anew; ``--upgrade`` is passed on."""
    options = [
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-header",
        "--universal",
        "--python-version",
        "3.11",
        "--quiet",
    ]
    for name, more in (("requirements", []), ("requirements-dev", ["-c", "requirements.txt"])):
        command = [BIN / "uv", "pip", "compile", *options, *more, *sys.argv[2:], f"{name}.in", "-o", f"{name}.txt"]
        if status := subprocess.run(command, cwd=ROOT, check=False).returncode:
            return status
    return 0


def tests(*, soak: bool) -> int:
    """Lint, then run the tests; ``soak`` runs the long profiles as well."""
    install_programs()
    os.environ["PATH"] = SYSTEM_PATH
    if status := lint():
        return status
    if soak:
        os.environ["MAILADMIN_TEST_SOAK"] = "1"
    chosen = ["-m", "soak or not soak", "-o", "faulthandler_timeout=0"] if soak else ["-m", "not soak"]
    if sys.argv[2:]:  # a chosen part runs once, in one process
        return subprocess.run([BIN / "pytest", *chosen, *sys.argv[2:]], cwd=ROOT, check=False).returncode
    if status := subprocess.run([BIN / "pytest", *chosen, *SIDE_BY_SIDE], cwd=ROOT, check=False).returncode:
        return status
    say(f"{'everything' if soak else 'the smoke part'} again on Debian's PostgreSQL and Redis")
    again = ["-q", *(chosen if soak else ["-m", "smoke"])]
    command = [sys.executable, "-m", "tests.external", BIN / "pytest", *again]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main() -> int:
    """Run what was asked for."""
    asked = sys.argv[1]
    if asked == "lint":
        return lint()
    if asked == "lock":
        return lock()
    return tests(soak=asked == "soak")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
