"""Fixtures of the tests of delivery: those of the store."""

from tests.mailboxes.store.conftest import _closed, account

__all__ = ["_closed", "account"]
