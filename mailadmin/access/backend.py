"""Signing in to the panel: the one check of all doors, under the one failure budget."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.db.models import Q
from django.http import HttpRequest

from domains.models import CLOSED, Actor, Role
from mailboxes.services.authenticate import check_actor


class SignInThrottled(Exception):
    """Too many failures lately: nothing was checked."""


class ActorBackend(BaseBackend):
    """Finds actors by address and password."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Actor | None:
        """Return the actor, or None; raises SignInThrottled."""
        if not username or not password or request is None:
            return None
        address = request.META.get("REMOTE_ADDR") or "127.0.0.1"
        outcome = check_actor(door="panel", address=address, username=username, password=password)
        if outcome.throttled:
            raise SignInThrottled
        return outcome.actor

    def get_user(self, user_id: Any) -> Actor | None:
        """Return the active actor of a session; a mere owner also needs a mailbox that may be used."""
        usable = Q(account__enabled=True) & ~Q(account__domain__state__in=CLOSED)
        return Actor.objects.filter(~Q(role=Role.OWNER) | usable, pk=user_id, is_active=True).first()
