"""Fixtures of submission's tests: a DNS of their own, and pools closed at the end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.dns_fixtures import dns, dns_settings  # noqa: F401


@pytest.fixture
async def pool(transactional_db: None) -> AsyncIterator[None]:
    """The real database, its pool and Redis closed at the test's end."""
    from mailboxes.services import authenticate, scram_sign_in

    authenticate._remembered.clear()
    scram_sign_in.offer.until = 0.0
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key."""
    from tests.mailboxes.smtp_peer import certificate

    return certificate(tmp_path_factory.mktemp("tls"))
