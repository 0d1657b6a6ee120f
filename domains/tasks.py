"""Scheduled work on domains, traces and reports. Every task is idempotent and runs once at a time."""

from celery import shared_task

from domains.locks import single_run
from domains.services import (
    certificate_orders,
    check,
    expansion,
    failure_reports,
    history,
    hosted_keys,
    notices,
    provision,
    removal,
    report_alerts,
    report_basis,
    report_blocks,
    report_fences,
    report_folder,
    report_keeping,
    report_mailboxes,
    report_months,
    report_rollup,
    reports,
    trace_keeping,
    transfer,
    webhooks,
    weekly_mails,
)
from domains.views.weekly_summary import render_summary


@shared_task(name="domains.tasks.expand_traces", acks_late=True)
def expand_traces() -> None:
    """Move the pending events of traces into event rows."""
    with single_run("expand_traces") as ours:
        if ours:
            expansion.expand_pending_traces()


@shared_task(name="domains.tasks.keep_traces", acks_late=True)
def keep_traces() -> None:
    """Make the days of the trace ahead, drop the old ones, redact those that are to be."""
    with single_run("keep_traces") as ours:
        if ours:
            trace_keeping.keep_traces()


@shared_task(name="domains.tasks.retain", acks_late=True)
def retain() -> None:
    """Remove audit records, history, notices, deleted and unproven domains past their time."""
    with single_run("retain") as ours:
        if ours:
            provision.remove_unproven()
            removal.remove_deleted()
            transfer.remove_old_offers()
            expansion.remove_old_audit()
            history.remove_old_history()
            report_months.make_months()
            report_keeping.keep_reports()
            notices.remove_old_notices()


@shared_task(name="domains.tasks.forget_attempts", acks_late=True)
def forget_attempts() -> None:
    """Remove sign-in attempts that no budget counts any more."""
    with single_run("forget_attempts") as ours:
        if ours:
            expansion.forget_attempts()


@shared_task(name="domains.tasks.withdraw_keys", acks_late=True)
def withdraw_keys(name: str, zone: str) -> None:
    """Take the hosted keys of a deleted domain out of a zone of the installation."""
    hosted_keys.withdraw(name, zone)


@shared_task(name="domains.tasks.check_all_domains", acks_late=True)
def check_all_domains() -> None:
    """Look up the records of domains whose last check is old."""
    with single_run("check_all_domains") as ours:
        if ours:
            check.check_due_domains()


@shared_task(name="domains.tasks.take_in_report_file", acks_late=True)
def take_in_report_file(report_file_id: int) -> None:
    """Read one waiting report file and store what it holds."""
    reports.take_in_now(report_file_id)


@shared_task(name="domains.tasks.take_in_reports", acks_late=True)
def take_in_reports() -> None:
    """Read the waiting report files, add up what changed, and remove files past their time."""
    with single_run("take_in_reports") as ours:
        if ours:
            reports.take_in_pending()
            report_rollup.roll_up()
            report_basis.mark_when_changed()
            report_rollup.judge_marked()
            report_blocks.add_up_blocks()
            reports.remove_old_files()
            report_fences.let_go()
            failure_reports.keep_failures()


@shared_task(name="domains.tasks.take_in_report_folder", acks_late=True)
def take_in_report_folder() -> None:
    """Take in what was laid into the folder for reports."""
    with single_run("take_in_report_folder") as ours:
        if ours:
            report_folder.take_in_folder()


@shared_task(name="domains.tasks.fetch_report_mailboxes", acks_late=True)
def fetch_report_mailboxes() -> None:
    """Take in what is new in the watched mailboxes elsewhere."""
    with single_run("fetch_report_mailboxes") as ours:
        if ours:
            report_mailboxes.fetch_all()


@shared_task(name="domains.tasks.judge_sources", acks_late=True)
def judge_sources(domain_id: int) -> None:
    """Judge the sources of a domain whose senders changed."""
    report_rollup.judge_marked(domain_id)


@shared_task(name="domains.tasks.watch_reports", acks_late=True)
def watch_reports() -> None:
    """Open, tell and close what the reports show."""
    with single_run("watch_reports") as ours:
        if ours:
            report_alerts.watch_reports()


@shared_task(name="domains.tasks.send_notices", acks_late=True)
def send_notices() -> None:
    """Mail what waits, and make the deliveries to webhooks that are due."""
    try:
        with single_run("send_notices") as ours:
            if ours:
                notices.send_due_mails()
    finally:  # a fault in mail keeps no webhook waiting
        webhooks.deliver_due()


@shared_task(name="domains.tasks.send_weekly_summaries", acks_late=True)
def send_weekly_summaries() -> None:
    """Mail the summary of the last week to those who did not get it yet."""
    with single_run("send_weekly_summaries") as ours:
        if ours:
            weekly_mails.send_due_summaries(render_summary)


@shared_task(name="domains.tasks.order_certificates", acks_late=True)
def order_certificates() -> None:
    """Order and renew the certificates that are due."""
    with single_run("order_certificates") as ours:
        if ours:
            certificate_orders.order_due()
