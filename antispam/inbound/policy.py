"""What the MX answers at each stage: replies as values, nothing decided twice."""

from collections.abc import Sequence

from antispam.dmarc.evaluate import DmarcResult
from antispam.evidence import Evidence
from mailboxes.addresses import envelope_domain
from mailboxes.delivery.limits import Limit
from mailboxes.delivery.resolve import TARGETS, Found, Resolution
from mailboxes.smtp.replies import Reply

HOPS = 50

_REFUSALS = {
    Found.FOREIGN: Reply(550, "5.7.1", "We do not accept mail for this domain"),
    Found.PARKED: Reply(556, "5.1.10", "This domain takes no mail"),
    Found.SUSPENDED: Reply(450, "4.2.1", "This domain takes no mail at the moment; try again later"),
    Found.UNKNOWN: Reply(550, "5.1.1", "There is no such mailbox here"),
    Found.DISABLED: Reply(550, "5.2.1", "This mailbox is disabled"),
    Found.ENDLESS: Reply(550, "5.2.4", "The address stands for too many others"),
}
UNAVAILABLE = Reply(451, "4.3.0", "Temporary failure; try again later")
_FULL = {
    452: Reply(452, "4.2.2", "The mailbox is full; try again later"),
    552: Reply(552, "5.2.2", "The mailbox is full"),
}
TOO_MANY = Reply(452, "4.5.3", "Too many recipients; send to the others in another message")
ONLY_BOUNCES = Reply(550, "5.7.1", "Only notices of failure are accepted for this address")
WITHHELD = Reply(550, "5.7.1", "Mail in the name of a domain here is forwarded only when it is authenticated")
NO_SECURE_WAY = Reply(550, "5.7.30", "This address leads elsewhere, and the way there cannot promise REQUIRETLS")
LOOP = Reply(554, "5.4.6", f"The message has passed more than {HOPS} servers: a loop")
SECOND_ROUND = Reply(554, "5.4.6", "The message was forwarded for this address before: a loop")


def reply_to_recipient(resolution: Resolution, mail_from: str, copies: int) -> Reply | None:
    """Return the refusal, or None when the recipient is accepted or only full; ``copies`` are those of the others
    before it.
    """
    if resolution.bounces_only and mail_from and resolution.found is Found.LOCAL:
        return ONLY_BOUNCES
    if copies and copies + len(resolution.targets) > TARGETS:
        return TOO_MANY
    return _REFUSALS.get(resolution.found)


def reply_to_full(code: int) -> Reply:
    """Return what a sender is told of a mailbox without room: to try again (452), or not (552)."""
    return _FULL[code]


def refuse_writer(limits: Sequence[Limit], authors: Sequence[str], evidence: Evidence) -> Reply | None:
    """Return the refusal of the first closed group that the author may not write to.

    Only one author whose own domain was authenticated may write to any; the bare MAIL FROM says nothing. While the
    DNS does not answer, a later attempt may prove the author.
    """
    domain = evidence.authenticated_domain
    proven = domain != "" and [envelope_domain(author) for author in authors] == [domain]
    refusing = next((limit for limit in limits if not (proven and limit.allows(authors[0]))), None)
    if refusing is None:
        return None
    if evidence.dmarc.result is DmarcResult.TEMPERROR and all(map(refusing.allows, authors)):
        return Reply(451, "4.7.5", "The DNS did not answer, so the author could not be proven; try again later")
    return Reply(550, "5.7.1", refusing.refusal)


def refusal_by_verdict(row: str, author_domain: str) -> Reply:
    """Return the reply to a message that the decision table refuses: what is wrong, and what its author can do."""
    if row == "from-unclear":
        text = "The From field has to name its author at one domain.\nCorrect it and send the message again."
    else:
        text = (
            f"The owner of {author_domain} asks receivers to refuse mail in its name that fails DMARC; this does.\n"
            f"Send it through a server that signs for {author_domain} (DKIM) or that it authorises (SPF),\n"
            f"or ask the administrator of {author_domain} to set up DKIM or SPF for the server that sent it."
        )
    return Reply(550, "5.7.1", text, cause=f"by the row {row}")


def is_looping(header_block: bytes) -> bool:
    """True for more than ``HOPS`` Received fields (RFC 5321 section 6.3)."""
    return (b"\r\n" + header_block.lower()).count(b"\r\nreceived:") > HOPS
