"""Asking the jobs' worker for a task that a timer would run later anyway."""

import logging

from celery import current_app
from kombu.exceptions import KombuError
from redis import RedisError

log = logging.getLogger(__name__)


def ask_for(task: str, *arguments: str | int) -> None:
    """Have a task run soon; without a broker it waits for its timer, which the log says."""
    try:
        current_app.send_task(task, list(arguments), queue="jobs", ignore_result=True, retry=False)
    except (OSError, KombuError, RedisError) as fault:
        log.warning("the jobs cannot be asked for %s: %s", task, fault)
