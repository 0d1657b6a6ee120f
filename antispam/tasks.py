"""Scheduled work on what antispam counted. Every task is idempotent and runs once at a time."""

from celery import shared_task

from antispam.services import evaluations, networks
from domains.locks import single_run


@shared_task(name="antispam.tasks.retain", acks_late=True)
def retain() -> None:
    """Remove evaluations, counts and networks past their time."""
    with single_run("antispam.retain") as ours:
        if ours:
            evaluations.forget_evaluations()
            networks.forget_networks()
