"""Application configuration of mailadmin."""

from django.apps import AppConfig


class MailadminConfig(AppConfig):
    """The Django application mailadmin."""

    name = "mailadmin"
