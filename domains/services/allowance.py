"""How much of other people's servers one actor may ask for: one piece of work at a time, and so many an hour.

The turn is a lock in PostgreSQL, the count stands in Redis; while Redis is away the turn alone holds.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

from domains.audit import Act
from domains.errors import TooMany
from domains.locks import single_run
from domains.redis import count_in_window

HOUR = 3600


@contextmanager
def one_of(act: Act, work: str, most_an_hour: int) -> Iterator[None]:
    """Hold the actor's turn for the work of this name; raises TooMany. Tokens of one person share it."""
    who = f"{work} {_who(act)}"
    with single_run(who) as ours:
        if not ours:
            raise TooMany(_("The look-up before this one is still running. Wait for it, then try again."))
        if count_in_window(who, HOUR) > most_an_hour:
            text = _("This was asked for %(count)d times within an hour, which is the limit. Try again later.")
            raise TooMany(text % {"count": most_an_hour})
        yield


def _who(act: Act) -> str:
    if act.actor is not None:
        return f"actor {act.actor.pk}"
    return f"token {act.token_id}" if act.token_id is not None else act.name
