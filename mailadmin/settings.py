"""Django's settings, made once from the environment (and ``.env`` at the root, where the environment wins)."""

import os
import stat
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext_lazy as _
from dotenv import dotenv_values

from domains.services.sealing import UnsafeSecrets, derive_key_from, load_or_make_master_key
from mailadmin.runner.config import Config, ConfigError, parse_config
from mailadmin.runner.places import embedded_database_url, embedded_redis_url

BASE_DIR = Path(__file__).resolve().parent.parent
NETWORK_TABLE = Path(sys.prefix) / "networks" / "networks.bin"  # made at set-up, beside the packages


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the file's variables; one that others may read is refused, since it may hold secrets."""
    if not path.exists():
        return {}
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(".env", oct(mode), "mode 0600; run chmod 600 .env")
    try:
        held = dotenv_values(stream=StringIO(path.read_text("utf-8")), interpolate=False)
    except UnicodeDecodeError as error:
        raise ConfigError(".env", str(path), "text in UTF-8") from error
    except OSError as error:
        raise ConfigError(".env", str(path), f"a file that this user may read ({error.strerror})") from error
    return {key: value for key, value in held.items() if value is not None}


def _fail(line: object) -> NoReturn:
    """End the process with the one line."""
    sys.stderr.write(f"mailadmin: {line}\n")
    raise SystemExit(2)


def _load_master_key(config: Config) -> bytes:
    """Return the key that all others come from; a folder that cannot hold it ends the process."""
    own = config.secrets == config.data / "secrets"
    variable, folder = ("MAILADMIN_DATA", config.data) if own else ("MAILADMIN_SECRETS", config.secrets)
    try:
        config.data.mkdir(mode=0o750, parents=True, exist_ok=True)
        return load_or_make_master_key(config.secrets)
    except FileExistsError:  # a file stands where a folder should
        _fail(f"{variable}={folder} cannot be used: Not a directory")
    except OSError as error:
        _fail(f"{variable}={folder} cannot be used: {error.strerror or error}")
    except UnsafeSecrets as error:
        _fail(f"MAILADMIN_SECRETS: {error}")


try:
    MAILADMIN = parse_config({**read_dotenv(BASE_DIR / ".env"), **os.environ}, BASE_DIR)
except ConfigError as fault:
    _fail(fault)

MAILADMIN = replace(
    MAILADMIN,
    database_url=MAILADMIN.database_url or embedded_database_url(MAILADMIN.data),
    redis_url=MAILADMIN.redis_url or embedded_redis_url(MAILADMIN.data),
)

DEBUG = False
SECRET_KEY = derive_key_from(_load_master_key(MAILADMIN), "django").hex()

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

MIDDLEWARE = [
    "mailadmin.middleware.HealthMiddleware",
    "mailadmin.middleware.ProxyMiddleware",
    "mailadmin.middleware.SecureTransportMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "mailadmin.middleware.HeadersMiddleware",
    "mailadmin.middleware.ApiMethodMiddleware",
    "mailadmin.domain_hosts.DomainHostsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "mailadmin.access.middleware.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "mailadmin.urls"
ASGI_APPLICATION = "mailadmin.asgi.application"
AUTH_USER_MODEL = "domains.Actor"
AUTHENTICATION_BACKENDS = ["mailadmin.access.backend.ActorBackend"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "mailadmin.access.context.panel",
            ],
            "builtins": ["mailadmin.templatetags.panel"],
        },
    }
]

# ---- Where things are -------------------------------------------------------------------------------------------

_url = urlsplit(MAILADMIN.url)
_host = _url.hostname or "localhost"
ALLOWED_HOSTS = [_host, "localhost", "127.0.0.1", "[::1]"] if _host in ("localhost", "127.0.0.1", "::1") else [_host]
CSRF_TRUSTED_ORIGINS = [MAILADMIN.url]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = MAILADMIN.https_url
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if MAILADMIN.https_url else 0
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 25 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 200

_database = urlsplit(MAILADMIN.database_url)
_options = {key: values[-1] for key, values in parse_qs(_database.query).items()}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(_database.path.lstrip("/")) or "mailadmin",
        "HOST": _options.pop("host", "") or unquote(_database.hostname or ""),
        "PORT": str(_database.port or _options.pop("port", "")),
        "USER": unquote(_database.username or ""),
        "PASSWORD": unquote(_database.password or ""),
        "OPTIONS": _options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
STATIC_ROOT = MAILADMIN.data / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 3600

# ---- Languages and time -----------------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "mailadmin" / "locale"]

# ---- Passwords --------------------------------------------------------------------------------------------------

PASSWORD_HASHERS = ["mailboxes.services.hasher.Argon2idHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "domains.services.passwords.NotTheAddressValidator"},
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s[%(process)d]: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "uvicorn.access": {"level": "WARNING"},
        # every task tells three lines when all is well, six times a minute
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
