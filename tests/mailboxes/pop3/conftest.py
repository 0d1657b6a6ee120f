"""Fixtures of the POP3 tests: an account, and a server that reads it. Models are imported once Django is ready."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def account(transactional_db: None) -> Any:
    """Return Alice's account."""
    from mailboxes.services import authenticate, scram_sign_in
    from tests.mailboxes.imap.service import make_account

    authenticate._remembered.clear()
    scram_sign_in.offer.until = 0.0
    return make_account()


@pytest.fixture
def service(account: Any, tmp_path: Path) -> Iterator[Any]:
    """Return a running server."""
    from tests.mailboxes.pop3.service import running_service

    with running_service(tmp_path) as running:
        yield running
