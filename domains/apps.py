"""Application configuration of domains."""

from django.apps import AppConfig


class DomainsConfig(AppConfig):
    """The Django application domains."""

    name = "domains"
