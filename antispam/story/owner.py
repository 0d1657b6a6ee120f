"""The short form for the mailbox's owner: where the message is, why, and what to do; nothing of anybody else.

Other recipients, the rows of the administrators' table and the parameters of the dialogue stay out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from antispam.story.chapters import METHODS, Chapter, headline, tell_story
from antispam.story.decision import why_words
from antispam.story.proofs import one_or_none
from antispam.story.sentences import as_sentence
from antispam.story.stages import Stage, as_text
from domains.views.words import sign_of, word_of


@dataclass(frozen=True, slots=True)
class OwnerStory:
    """What the owner reads: ``checks`` are the methods with their sentences."""

    outcome: str
    headline: str
    why: str
    advice: str
    recipients: tuple[str, ...]
    checks: tuple[Chapter, ...]


def tell_owner(
    stages: Sequence[Stage], outcome: str, direction: str, recipients: Sequence[str], own: str, sent: bool, host: str
) -> OwnerStory:
    """Return the short form for the owner of ``own``, who is its sender or one of its recipients."""
    if sent:
        return _sent(stages, outcome, recipients)
    mine = _of_address(stages, own)
    checks = [one for one in tell_story(stages, outcome, direction, 1, host).chapters if one.name in METHODS]
    for one in checks:
        one.template, one.dns = "", []
    ended = mine[-1] if mine else None
    word = ended.outcome if ended is not None else outcome
    if outcome == "refused" and word == "accepted":
        word = outcome  # the address was taken, the message was not
    folder = ended.text("folder") if ended is not None else ""
    verdict, dmarc = one_or_none(stages, "verdict"), one_or_none(stages, "dmarc")
    why = why_words(verdict, dmarc)
    if ended is not None and sign_of(ended.outcome).tone == "bad":
        why = as_sentence(ended.reason)
    return OwnerStory(word, _where(word, folder), why, _advice(word, folder, dmarc), (own,), tuple(checks))


def _of_address(stages: Sequence[Stage], own: str) -> list[Stage]:
    """Return the stages that concern this recipient alone."""
    wanted = own.lower()
    return [
        stage
        for stage in stages
        if stage.name in ("rcpt", "delivery", "moved", "deleted", "forward")
        and wanted in (as_text(stage.detail.get(name)).lower() for name in ("recipient", "address"))
    ]


def _where(word: str, folder: str) -> str:
    if folder == "Junk":
        return _("It was delivered to Junk.")
    if folder:
        return (
            _("It was delivered to your inbox.")
            if folder == "INBOX"
            else _("It was delivered to %(folder)s.") % {"folder": folder}
        )
    known = {
        "queued": _("It is being forwarded."),
        "delivered": _("It was delivered."),
        "refused": _("It was refused; its sender was told at once."),
        "accepted": _("It was on its way to you when the transaction ended."),
    }
    return known.get(word, word_of(word))


def _advice(word: str, folder: str, dmarc: Stage | None) -> str:
    author = dmarc.text("author_domain") if dmarc is not None else ""
    if folder == "Junk":
        text = _("If you expected it, move it to the inbox.")
        if author:
            text += " " + _("Whoever runs %(author)s can mend it: their mail lacks a proof that it is theirs.") % {
                "author": author
            }
        return text + " " + _("If you did not expect it, open nothing in it.")
    if word == "refused":
        return _("The sender knows. If you miss mail, ask the sender what answer they got, and show it to your host.")
    return ""


def _sent(stages: Sequence[Stage], outcome: str, recipients: Sequence[str]) -> OwnerStory:
    replies = [stage for stage in stages if stage.name in ("relay", "local") and stage.reason]
    why = as_sentence(replies[-1].reason) if replies else ""
    advice = ""
    if outcome == "deferred":
        advice = _("There is nothing to do: it is tried again for some days, and you are told if that fails.")
    elif outcome == "bounced":
        advice = _("The answer of the other server says what is wrong; often the address is misspelt.")
    return OwnerStory(outcome, headline(stages, outcome, len(recipients)), why, advice, tuple(recipients), ())
