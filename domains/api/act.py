"""Who calls: the act that the API's root put into the request."""

from django.http import HttpRequest

from domains.audit import Act


def act_of(request: HttpRequest) -> Act:
    """Return the authenticated act; a call that is reached without one is a fault, not a guest."""
    act = getattr(request, "auth", None)
    if not isinstance(act, Act):
        raise RuntimeError("an API call was reached without authentication")
    return act
