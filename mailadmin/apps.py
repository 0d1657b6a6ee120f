"""Application configuration of mailadmin."""

from pathlib import Path

from django.apps import AppConfig


class MailadminConfig(AppConfig):
    """The Django application mailadmin."""

    name = "mailadmin"

    def ready(self) -> None:
        """Make our Celery application the one that ``shared_task`` and ``delay`` use; compile due translations."""
        import mailadmin.celery  # noqa: F401
        from mailadmin.catalogue import compile_at_start

        compile_at_start(Path(__file__).parent / "locale")
