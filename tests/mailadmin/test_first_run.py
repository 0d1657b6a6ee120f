"""The first start: the set-up link, the first administrator, the database's version and its key."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from domains.models import Actor, ApiToken, Installation, Role
from mailadmin.access.first_run import forget_setup_token, make_setup_token, setup_token_matches
from mailadmin.runner import firststart
from mailadmin.runner.config import Config
from mailadmin.runner.faults import StartFault

PASSWORD = "correct horse battery staple"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The session's configuration with a data folder for one test."""
    changed = replace(settings.MAILADMIN, data=tmp_path)
    monkeypatch.setattr(settings, "MAILADMIN", changed)
    return changed


def test_only_the_latest_set_up_token_counts_and_only_its_digest_is_kept(config: Config) -> None:
    assert not setup_token_matches("")
    first = make_setup_token()
    second = make_setup_token()
    held = config.data / "run" / "setup-token"
    assert stat.S_IMODE(held.stat().st_mode) == 0o600
    assert second not in held.read_text()
    assert setup_token_matches(second)
    assert not setup_token_matches(first)
    assert not setup_token_matches(held.read_text())
    forget_setup_token()
    forget_setup_token()
    assert not setup_token_matches(second)


@pytest.mark.django_db
def test_the_first_administrator_is_made_once_and_never_reset(config: Config) -> None:
    token = "t" * 32
    named = replace(config, admin_email="Alice@Example.org", admin_password=PASSWORD, api_token=token)
    firststart._first_actors(named)
    firststart._first_actors(replace(named, admin_password="another password entirely"))
    firststart._first_actors(replace(named, admin_email="bob@example.org"))
    alice = Actor.objects.get()
    assert (alice.email, alice.role) == ("alice@example.org", Role.SUPERADMIN)
    assert alice.check_password(PASSWORD)
    assert ApiToken.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["tiny", "password123", "alice@example.org"])
def test_a_weak_first_password_is_one_line_that_does_not_show_it(config: Config, password: str) -> None:
    with pytest.raises(StartFault, match="MAILADMIN_ADMIN_PASSWORD") as caught:
        firststart._first_actors(replace(config, admin_email="alice@example.org", admin_password=password))
    assert password == "alice@example.org" or password not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.django_db
def test_a_database_sealed_with_another_key_is_refused() -> None:
    firststart._check_key()
    firststart._check_key()
    Installation.objects.update(key_fingerprint="0123456789abcdef")
    with pytest.raises(StartFault, match="01234567…"):
        firststart._check_key()


@pytest.mark.django_db
def test_an_old_postgresql_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    firststart._check_version()
    monkeypatch.setattr(firststart, "LOWEST_VERSION", 99)
    with pytest.raises(StartFault, match="99 or newer is needed"):
        firststart._check_version()
