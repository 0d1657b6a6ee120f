"""Fixtures of the store's tests."""

from collections.abc import AsyncIterator
from typing import Any

import pytest


@pytest.fixture
def account(transactional_db: None) -> Any:
    """Return Alice's account."""
    from tests.mailboxes.imap.service import make_account

    return make_account()


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    """Close what the test's event loop opened."""
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()
