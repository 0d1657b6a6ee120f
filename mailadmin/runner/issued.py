"""The ordered certificates as a listening process holds them: read from the database when they change."""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from domains.services.serving import issued_pairs, issued_stamps
from domains.tls.pair import Pair
from mailadmin.runner.config import Config
from mailadmin.runner.tls import Certificates


class IssuedCertificates:
    """``own_names_only``: mail programs and servers ask for the installation's own names, browsers for all."""

    def __init__(self, own_names_only: bool) -> None:
        self._own_names_only = own_names_only
        self._stamps: dict[str, datetime] = {}
        self._pairs: Mapping[str, Pair] = {}

    def look(self) -> Mapping[str, Pair]:
        """Return what was issued by name; raises a database error. The connection is closed after each look."""
        try:
            stamps = issued_stamps(self._own_names_only)
            if stamps != self._stamps:
                changed = [name for name, stamp in stamps.items() if self._stamps.get(name) != stamp]
                kept = {name: pair for name, pair in self._pairs.items() if name in stamps}
                self._pairs = kept | issued_pairs(changed)
                self._stamps = stamps
        finally:
            connection.close()
        return self._pairs


def certificates_of(config: Config, own_names_only: bool) -> Certificates:
    """Return the certificates of this host, those of all names or of the installation's own."""
    issued = IssuedCertificates(own_names_only)
    return Certificates(config.tls_cert, config.tls_key, config.hostname, config.tls_given, issued)
