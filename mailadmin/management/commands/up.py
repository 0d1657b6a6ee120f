"""``manage.py up``: run this host's services in the foreground until SIGTERM or Ctrl-C."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from mailadmin.runner.startup import run_host


class Command(BaseCommand):
    """Starts database, Redis, web server, mail workers, jobs and beat, and keeps them running."""

    help = "Run this host's services in the foreground."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the process whose end is ours."""
        parser.add_argument("--parent", type=int, default=None, help="stop when this parent process ends")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run; the exit status is 2 when the start was refused."""
        sys.exit(run_host(settings.MAILADMIN, options["parent"]))
