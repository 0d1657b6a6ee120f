"""The panel and the API as an ASGI application."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailadmin.settings")

application = get_asgi_application()
