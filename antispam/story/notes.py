"""One of several alike stages in a line: a recipient, a delivery, an attempt."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from antispam.story.details import brief
from antispam.story.journey import tls_words
from antispam.story.sentences import as_sentence
from antispam.story.stages import Stage
from domains.views.words import Sign, sign_of


@dataclass(frozen=True, slots=True)
class Note:
    """``code`` is a reply in its sender's own words, ``steps`` stand below the line."""

    sign: Sign
    text: str
    at: datetime
    detail: str = ""
    code: str = ""
    steps: tuple[str, ...] = ()


def note_of(stage: Stage) -> Note:
    """Return a stage in a line."""
    detail = _("UID %(uid)s") % {"uid": stage.text("uid")} if stage.text("uid") else ""
    if stage.name == "relay" and stage.text("remote"):
        detail = tls_words(stage.part("tls")) or _("without encryption")
    text = as_sentence(stage.reason) or _placed(stage) or brief(stage)
    return Note(sign_of(stage.outcome), text, stage.at, detail, "" if stage.reason else stage.text("reply"))


def _placed(stage: Stage) -> str:
    """Return where a copy lies, from its detail: the hot path writes no sentence."""
    if stage.name != "delivery" or not stage.text("folder"):
        return ""
    return _("Stored for %(address)s in %(text)s.") % {
        "address": stage.text("address") or stage.text("recipient"),
        "text": stage.text("folder"),
    }
