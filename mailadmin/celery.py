"""The Celery application: JSON only, no results, two queues, and the schedule by dotted names.

Mail workers consume ``mail`` (remote control reaches them; they run no tasks of note), the jobs worker ``jobs``.
Every scheduled task takes a database lock (``domains.locks``), so two beats are harmless, and is idempotent, so a
redelivery is. Losing the broker, at the start or later, ends no process: connection retries have no end.
"""

import os
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailadmin.settings")

VISIBILITY_SECONDS = 3600
SOFT_LIMIT_SECONDS = 540
HARD_LIMIT_SECONDS = 600

SCHEDULE: dict[str, dict[str, Any]] = {
    "check-domains": {"task": "domains.tasks.check_all_domains", "schedule": crontab(minute="*/15")},
    "order-certificates": {"task": "domains.tasks.order_certificates", "schedule": 60.0},
    "expand-traces": {"task": "domains.tasks.expand_traces", "schedule": 10.0},
    "keep-traces": {"task": "domains.tasks.keep_traces", "schedule": crontab(minute="11")},
    "take-in-reports": {"task": "domains.tasks.take_in_reports", "schedule": 60.0},
    "take-in-report-folder": {"task": "domains.tasks.take_in_report_folder", "schedule": 60.0},
    "fetch-report-mailboxes": {"task": "domains.tasks.fetch_report_mailboxes", "schedule": 300.0},
    "send-notices": {"task": "domains.tasks.send_notices", "schedule": 60.0},
    "retain": {"task": "domains.tasks.retain", "schedule": crontab(minute="17", hour="3")},
    "collect-blobs": {"task": "mailboxes.tasks.collect_blobs", "schedule": crontab(minute="41")},
    "retain-evaluations": {"task": "antispam.tasks.retain", "schedule": crontab(minute="23", hour="3")},
    "watch-reports": {"task": "domains.tasks.watch_reports", "schedule": crontab(minute="37")},
    "send-weekly-summaries": {"task": "domains.tasks.send_weekly_summaries", "schedule": crontab(minute="3,33")},
    "name-sources": {"task": "antispam.tasks.name_sources", "schedule": 600.0},
    "sweep-queue": {"task": "mailboxes.tasks.sweep_queue", "schedule": 30.0},
    "forget-attempts": {"task": "domains.tasks.forget_attempts", "schedule": crontab(minute="29")},
    "clear-sessions": {"task": "mailadmin.tasks.clear_sessions", "schedule": crontab(minute="7", hour="4")},
}


def broker_url_of(redis_url: str) -> str:
    """Return kombu's spelling of a redis-py URL: a Unix socket is ``redis+socket`` with its database apart."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    credentials = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return f"redis+socket://{credentials}{quote(parts.path)}?virtual_host={quote(database)}"


class Configuration:
    """What Celery reads; the broker's address is looked up in the settings at first use."""

    broker_connection_retry = True
    broker_connection_retry_on_startup = True
    broker_connection_max_retries = None
    broker_connection_timeout = 4.0
    broker_transport_options = {
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_connect_timeout": 4.0,
        "socket_timeout": 30.0,
        "socket_keepalive": True,
        "global_keyprefix": "mailadmin:",
    }
    worker_cancel_long_running_tasks_on_connection_loss = False
    accept_content = ["json"]
    task_serializer = "json"
    result_serializer = "json"
    task_ignore_result = True
    task_store_errors_even_if_ignored = False
    result_backend = None
    task_acks_late = False
    task_reject_on_worker_lost = False
    task_default_queue = "jobs"
    task_time_limit = HARD_LIMIT_SECONDS
    task_soft_time_limit = SOFT_LIMIT_SECONDS
    task_publish_retry_policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
    worker_prefetch_multiplier = 1
    worker_max_tasks_per_child = 500
    worker_max_memory_per_child = 400_000  # kB
    worker_hijack_root_logger = False
    worker_redirect_stdouts = False
    worker_send_task_events = False
    worker_enable_remote_control = True
    control_queue_expires = 60.0
    enable_utc = True
    timezone = "UTC"
    beat_schedule = {name: entry | {"options": {"queue": "jobs", "expires": 900}} for name, entry in SCHEDULE.items()}
    beat_max_loop_interval = 10

    @property
    def broker_url(self) -> str:
        """The Redis of the settings."""
        from django.conf import settings

        config = getattr(settings, "MAILADMIN", None)
        redis_url = getattr(config, "redis_url", "") or os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
        return broker_url_of(str(redis_url))


app = Celery("mailadmin")
app.config_from_object(Configuration())
app.autodiscover_tasks()


def _add_steps() -> None:
    from mailadmin.runner.bootstep import MailServices

    app.steps["worker"].add(MailServices)


_add_steps()
