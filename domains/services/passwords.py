"""The password rule that Django does not bring: a password must not contain the address."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MINIMUM_PART = 4


class NotTheAddressValidator:
    """Refuses a password that holds the address or its local part (of four characters or more)."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Raise ValidationError when the password contains the address."""
        address = str(getattr(user, "email", "")).lower()
        local_part = address.partition("@")[0]
        parts = [part for part in (address, local_part) if len(part) >= MINIMUM_PART]
        if any(part in password.lower() for part in parts):
            raise ValidationError(_("The password must not contain the address."), code="password_contains_address")

    def get_help_text(self) -> str:
        """Return the rule in one sentence."""
        return _("The password must not contain the address.")
