"""Application configuration of antispam."""

from django.apps import AppConfig


class AntispamConfig(AppConfig):
    """The Django application antispam."""

    name = "antispam"
