"""Application configuration of mailadmin."""

from django.apps import AppConfig


class MailadminConfig(AppConfig):
    """The Django application mailadmin."""

    name = "mailadmin"

    def ready(self) -> None:
        """Make our Celery application the one that ``shared_task`` and ``delay`` use."""
        import mailadmin.celery  # noqa: F401
