"""Reading the settings: each fault of a file or folder is one line with its name, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailadmin.runner.config import ConfigError
from mailadmin.settings import read_dotenv

ROOT = Path(__file__).resolve().parents[2]


def start(**variables: str) -> tuple[int, str]:
    """Read the settings in a process of its own; returns its status and console."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILADMIN_")}
    done = subprocess.run(
        [sys.executable, "-c", "import mailadmin.settings"],
        cwd=ROOT, env=kept | variables, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def refused(**variables: str) -> str:
    status, console = start(**variables)
    assert status == 2, console
    assert console.startswith("mailadmin: ")
    assert console.count("\n") == 1
    return console


def test_a_data_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert f"MAILADMIN_DATA={tmp_path / 'file'} cannot be used: Not a directory" in refused(
        MAILADMIN_DATA=str(tmp_path / "file")
    )


def test_a_secrets_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    console = refused(MAILADMIN_DATA=str(tmp_path), MAILADMIN_SECRETS=str(tmp_path / "file"))
    assert f"MAILADMIN_SECRETS={tmp_path / 'file'} cannot be used: Not a directory" in console


@pytest.mark.parametrize(
    ("octets", "mode", "words"),
    [(32, 0o644, "can be read by others"), (3, 0o600, "has 3 octets instead of 32")],
)
def test_a_master_key_that_cannot_be_trusted_is_one_line(tmp_path: Path, octets: int, mode: int, words: str) -> None:
    key = tmp_path / "master.key"
    key.write_bytes(b"k" * octets)
    key.chmod(mode)
    console = refused(MAILADMIN_DATA=str(tmp_path / "data"), MAILADMIN_SECRETS=str(tmp_path))
    assert "MAILADMIN_SECRETS" in console
    assert words in console


def test_the_folders_made_at_the_first_start_are_ours_alone(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    status, console = start(MAILADMIN_DATA=str(data))
    assert (status, console) == (0, "")
    assert data.stat().st_mode & 0o007 == 0
    assert (data / "secrets").stat().st_mode & 0o777 == 0o700
    assert (data / "secrets" / "master.key").stat().st_mode & 0o777 == 0o600


def test_dotenv_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert read_dotenv(path) == {}
    path.write_text("# ours\nMAILADMIN_MX_PORT=25\nDATABASE_URL='postgresql://bob:a${b}c@db/x'\nEMPTY\n")
    path.chmod(0o600)
    assert read_dotenv(path) == {"MAILADMIN_MX_PORT": "25", "DATABASE_URL": "postgresql://bob:a${b}c@db/x"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_dotenv_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / ".env"
    path.touch()
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_dotenv(path)


def test_dotenv_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"MAILADMIN_HOSTNAME=\xff\xfe\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="UTF-8"):
        read_dotenv(path)
    path.unlink()
    path.mkdir(mode=0o700)
    with pytest.raises(ConfigError, match="Is a directory"):
        read_dotenv(path)
