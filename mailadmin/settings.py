"""Environment to typed settings, once."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ.get("SECRET_KEY", "development")
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "domains",
    "mailboxes",
    "antispam",
    "mailadmin",
]
AUTH_USER_MODEL = "domains.Actor"
ROOT_URLCONF = "mailadmin.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_url = urlsplit(os.environ.get("DATABASE_URL", "postgresql://localhost/mailadmin"))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.path.lstrip("/") or "mailadmin",
        "HOST": unquote(_url.hostname or ""),
        "PORT": str(_url.port or ""),
        "USER": _url.username or "postgres",
        "PASSWORD": _url.password or "",
    }
}
