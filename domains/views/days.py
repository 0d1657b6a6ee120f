"""Days as the reader counts them."""

from datetime import datetime, timedelta

from django.utils import timezone


def day_start(days_ago: int = 0) -> datetime:
    """Return midnight of today or an earlier day in the reader's time zone."""
    today = timezone.localtime().date() - timedelta(days=days_ago)
    return timezone.make_aware(datetime.combine(today, datetime.min.time()))


def yesterday() -> tuple[datetime, datetime]:
    """Return when yesterday began and ended."""
    return day_start(1), day_start(0)
