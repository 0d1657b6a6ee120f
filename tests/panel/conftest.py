"""The panel's fixtures, loaded once Django is ready: this file is read before pytest-django sets it up."""

import django

django.setup()

from tests.panel.people import *  # noqa: E402, F403
from tests.panel.people import _no_network, _no_workers  # noqa: E402, F401
