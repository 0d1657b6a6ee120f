"""The real table of networks, for tests that ask it."""

import pytest
from django.conf import settings

from tests.conftest import STRICT


@pytest.fixture
def real_networks() -> None:
    """Leave the test out when set-up could not make the table; a failure where nothing may be left out."""
    if not settings.NETWORK_TABLE.exists():
        told = f"{settings.NETWORK_TABLE} is missing: set-up makes it from two packages"
        pytest.fail(told) if STRICT else pytest.skip(told)
