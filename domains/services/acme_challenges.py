"""What the panel answers to a certificate authority that asks whether a name is ours (RFC 8555 section 8.3).

It waits in the database, so any web process of the installation answers.
"""

import re
from contextlib import suppress
from datetime import timedelta

from django.db import DatabaseError
from django.utils import timezone

from domains.certificates.port import AuthorityFault, Method, Trouble
from domains.models import AcmeChallenge

PREFIX = "/.well-known/acme-challenge/"
LIFE = timedelta(days=1)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")


class HttpResponder:
    """Answers through the panel: the content waits in the database, so any web process of the installation has it."""

    method = Method.HTTP

    def __init__(self) -> None:
        self._token = ""

    def present(self, name: str, token: str, content: str) -> None:
        """Keep the content for the panel; raises AuthorityFault for a token that is none."""
        if not _TOKEN.fullmatch(token) or len(content) > 300:
            raise AuthorityFault(Trouble.REFUSED, "Its challenge is not one that can be answered.")
        self._token = token
        AcmeChallenge.objects.update_or_create(token=token, defaults={"name": name, "content": content})

    def withdraw(self) -> None:
        """Forget the content."""
        with suppress(DatabaseError):
            AcmeChallenge.objects.filter(token=self._token).delete()


def challenge_content(name: str, token: str) -> str | None:
    """Return what is answered to an authority that asks at a name; None where nothing waits."""
    if not name or not _TOKEN.fullmatch(token):
        return None
    row = AcmeChallenge.objects.filter(token=token, name=name).first()
    return row.content if row is not None else None


def forget_old_challenges() -> None:
    """Remove what an order that died has left."""
    AcmeChallenge.objects.filter(created_at__lt=timezone.now() - LIFE).delete()
