"""Asks the jobs worker to take a report file apart now; a lost request only delays, for a sweep looks each minute."""

import asyncio
import logging

from celery import current_app
from kombu.exceptions import KombuError
from redis import RedisError

log = logging.getLogger(__name__)

TASK = "domains.tasks.take_in_report_file"


def _send(report_file_id: int) -> None:
    try:
        current_app.send_task(TASK, [report_file_id], queue="jobs", ignore_result=True, retry=False)
    except (OSError, KombuError, RedisError) as fault:
        log.warning("report file %s waits for the next sweep: %s", report_file_id, fault)


async def ask_for_intake(report_file_id: int) -> None:
    """Send the task from a thread; returns at once and never raises."""
    asyncio.get_running_loop().run_in_executor(None, _send, report_file_id)
