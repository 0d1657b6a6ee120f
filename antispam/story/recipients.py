"""Each recipient named in the dialogue, and what it was found to stand for, step by step."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from antispam.story.notes import Note
from antispam.story.sentences import as_sentence
from antispam.story.stages import Stage, as_text
from domains.views.words import sign_of


def recipient_note(stage: Stage) -> Note:
    """Return a recipient in a line, with the steps that led on from it below."""
    recipient = stage.text("recipient")
    leads = [one for one in stage.texts("to") if one.lower() != recipient.lower()]
    text = f"{recipient} → {', '.join(leads)}" if leads else recipient
    refused = stage.outcome == "refused"
    steps = tuple(_step(row) for row in stage.rows("steps"))
    said = "" if refused else as_sentence(stage.reason)
    return Note(sign_of(stage.outcome), text, stage.at, said, stage.text("reply"), steps)


def _step(row: Mapping[str, Any]) -> str:
    """Return one step in words: what an address was found to be, and what that leads to."""
    known = {
        "alias": _("an alias"),
        "group": _("a group"),
        "mailbox": _("a mailbox"),
        "full mailbox": _("a mailbox that is full"),
        "elsewhere": _("an address elsewhere"),
        "role": _("an address of the administrators"),
        "report address": _("the address for reports"),
        "catch-all": _("no address of its own; the catch-all takes it"),
        "rewritten sender": _("the sender of a forwarded message, rewritten"),
        "no rewritten sender": _("looks like a rewritten sender, and is none"),
    }
    ways = {"alias domain": _("through an alias domain"), "subaddress": _("with a subaddress")}
    meaning = as_text(row.get("is"))
    words = known.get(meaning, meaning)
    through = [ways.get(as_text(way), as_text(way)) for way in _list(row.get("through"))]
    beyond = [as_text(one) for one in _list(row.get("to"))]
    text = f"{as_text(row.get('address'))} – {', '.join([words, *through])}"
    if note := as_text(row.get("note")):
        text += f". {as_sentence(note)}"
    return f"{text} → {', '.join(beyond)}" if beyond else text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
