"""The decision table in the reader's words: each row, and what it can do."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from antispam.disposition.rows import Disposition

DOES: dict[Disposition, Promise] = {
    Disposition.REFUSE: _("Refuse it"),
    Disposition.JUNK: _("Put it into Junk"),
    Disposition.INBOX: _("Put it into the inbox"),
}

ABOUT: dict[str, tuple[Promise, Promise]] = {
    "from-unclear": (
        _("Nobody can tell who wrote it"),
        _("From is missing, cannot be read, or names authors at several domains. No domain’s policy can be asked."),
    ),
    "dmarc-pass": (
        _("Its author’s domain is proven (DMARC passes)"),
        _("The server may send for the domain in From, or that domain signed the message."),
    ),
    "dmarc-temperror": (
        _("The DNS does not answer"),
        _("Whether the author’s domain is proven cannot be told now. Silence is no guilt, and no proof."),
    ),
    "dmarc-fail-reject-unsure": (
        _("DMARC fails under p=reject, but an answer of the DNS is missing"),
        _("What was not answered might have been the proof, so it is never refused."),
    ),
    "dmarc-fail-reject-detour": (
        _("DMARC fails under p=reject, with a sign of a detour"),
        _(
            "It came through a mailing list or a known forwarder, or good mail has come from its network before. "
            "Detours break the proof of honest mail too."
        ),
    ),
    "dmarc-fail-reject": (
        _("DMARC fails under p=reject, and nothing speaks for it"),
        _("Nothing proves its author, whose domain asks to refuse such mail. Most of these are forgeries."),
    ),
    "dmarc-fail-quarantine": (
        _("DMARC fails under p=quarantine"),
        _("Nothing proves its author, whose domain asks to treat such mail as suspicious."),
    ),
    "dmarc-fail-none": (
        _("DMARC fails under p=none"),
        _("Nothing proves its author, whose domain only watches. Much honest mail is among these."),
    ),
    "no-objection": (
        _("Everything else"),
        _("The author’s domain has no policy. SPF or DKIM failing alone says little: both fail for honest mail."),
    ),
}
