"""``manage.py compile_messages``: make the .mo files anew; a start does the same for those that are due."""

from typing import Any

from django.core.management.base import BaseCommand

from mailadmin.catalogue import compile_catalogues
from mailadmin.settings import BASE_DIR


class Command(BaseCommand):
    """Compiles every catalogue."""

    help = "Compile the translation catalogues (.po to .mo) without msgfmt."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write all of them and name each."""
        for path in compile_catalogues(BASE_DIR / "mailadmin" / "locale", force=True):
            self.stdout.write(str(path.relative_to(BASE_DIR)))
