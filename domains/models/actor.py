"""Who acts: people and scripts, their role and the domains they may see.

A mailbox has one actor; an actor need not have a mailbox. ``credential_version`` grows with every password change,
which drops the fast path of repeated logins and the sessions made with the old password.
"""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What an actor may do."""

    SUPERADMIN = "superadmin", _("Superadministrator")
    DOMAIN_ADMIN = "domain_admin", _("Domain administrator")
    OWNER = "owner", _("Mailbox owner")


class MailAbout(models.TextChoices):
    """Of which domains an administrator gets notices by mail."""

    OWN = "own", _("My domains")
    ALL = "all", _("All domains")
    NONE = "none", _("None")


class ActorManager(BaseUserManager["Actor"]):
    """Makes actors with their password hashed."""

    def create_actor(self, email: str, password: str | None, role: str, **fields: Any) -> "Actor":
        """Save an actor; ``email`` is kept in lower case, ``password`` hashed by argon2id."""
        actor = Actor(email=email.lower(), role=role, **fields)
        actor.set_password(password)
        actor.save(using=self._db)
        return actor

    def get_by_natural_key(self, username: str | None) -> "Actor":
        """Return the actor with this e-mail address, however it is capitalised."""
        return self.get(email=(username or "").lower())


class Actor(AbstractBaseUser):
    """One person, known by an e-mail address in lower case.

    A superadministrator's own domains are, for ``mail_about``, those that no domain administrator runs.
    """

    email = models.CharField(max_length=320, unique=True)
    display_name = models.CharField(max_length=200, blank=True, default="")
    role = models.CharField(max_length=16, choices=Role.choices)
    domains: "models.ManyToManyField[Any, Any]" = models.ManyToManyField(
        "domains.Domain", related_name="administrators", blank=True
    )
    is_active = models.BooleanField(default=True)
    language = models.CharField(max_length=8, blank=True, default="")
    time_zone = models.CharField(max_length=64, blank=True, default="")
    mail_about = models.CharField(max_length=4, choices=MailAbout.choices, default=MailAbout.OWN)
    weekly_summary = models.BooleanField(default=True)
    credential_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[ActorManager] = ActorManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["email"]

    def __str__(self) -> str:
        return self.email

    @property
    def is_superadmin(self) -> bool:
        """True when every object is in reach."""
        return self.role == Role.SUPERADMIN


class ApiToken(models.Model):
    """A bearer token, stored as its SHA-256; the token itself is shown once.

    It ends with the person who made it and with the token that it was made with.
    """

    name = models.CharField(max_length=100)
    digest = models.BinaryField(max_length=32, unique=True)
    role = models.CharField(max_length=16, choices=Role.choices)
    domains: "models.ManyToManyField[Any, Any]" = models.ManyToManyField(
        "domains.Domain", related_name="tokens", blank=True
    )
    created_by = models.ForeignKey(Actor, null=True, on_delete=models.CASCADE, related_name="tokens")
    made_with = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="made")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class SignInAttempt(models.Model):
    """One counted sign-in failure, or the last success of an address for an account, over all doors.

    ``credential_digest`` is a keyed digest, so that the same wrong credential repeated counts once a day.
    """

    at = models.DateTimeField()
    door = models.CharField(max_length=16)
    address = models.GenericIPAddressField()
    account = models.CharField(max_length=320)
    credential_digest = models.BinaryField(max_length=32)
    succeeded = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["address", "at"]),
            models.Index(fields=["account", "at"]),
        ]

    def __str__(self) -> str:
        return f"{self.account} from {self.address}"
