"""Scheduled work of the panel itself."""

from celery import shared_task
from django.core.management import call_command

from domains.locks import single_run


@shared_task(name="mailadmin.tasks.clear_sessions", acks_late=True)
def clear_sessions() -> None:
    """Remove expired browser sessions."""
    with single_run("clear_sessions") as ours:
        if ours:
            call_command("clearsessions")
