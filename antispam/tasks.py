"""Scheduled work on what antispam counted. Every task is idempotent and runs once at a time."""

from celery import shared_task

from antispam.services import evaluations, networks, source_names
from domains.locks import single_run


@shared_task(name="antispam.tasks.retain", acks_late=True)
def retain() -> None:
    """Remove evaluations, counts and networks past their time."""
    with single_run("antispam.retain") as ours:
        if ours:
            evaluations.forget_evaluations()
            networks.forget_networks()


@shared_task(name="antispam.tasks.name_sources", acks_late=True)
def name_sources() -> None:
    """Ask for the names of addresses that reports show."""
    with single_run("antispam.name_sources") as ours:
        if ours:
            source_names.name_sources()
