"""The reader's words, and a shape and tone, for every state word that the product stores."""

from typing import NamedTuple

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext


class Sign(NamedTuple):
    """How a state looks: ``tone`` is good, warn, bad or plain."""

    shape: str
    tone: str


GOOD = Sign("●", "good")
WRONG = Sign("▲", "bad")
CARE = Sign("▲", "warn")
MISSING = Sign("○", "bad")
WAITING = Sign("…", "warn")
PLAIN = Sign("○", "plain")
DOT = Sign("●", "plain")

_SIGNS: dict[Sign, str] = {
    GOOD: """right applied active good pass passed delivered sent accepted accept ok signed running reachable stored
        stay local known full found enforce verified aligned sealed done report prepared""",
    WRONG: """wrong conflicting bad fail failed refused refuse rejected bounced dead broken error permerror bogus
        reject dropped permanent over_quota unknown loop withheld""",
    CARE: """duplicate attention softfail quarantine warning held suspended policy invalid limited fenced
        disputed unreachable junk unsigned
        unsealed""",
    MISSING: "missing",
    WAITING: """waiting awaiting_dns pending deferred temperror sending retry unchecked draining starting queued
        temporary retiring delayed""",
    DOT: "stopped inbox parked alias",
}
_BY_WORD = {word: sign for sign, words in _SIGNS.items() for word in words.split()}

_WORDS: dict[str, Promise] = {
    # records
    "unchecked": _("Not checked"),
    "right": _("Right"),
    "wrong": _("Wrong"),
    "missing": _("Missing"),
    "duplicate": _("Published twice"),
    "conflicting": _("In conflict"),
    "waiting": _("Waiting"),
    "unreachable": _("No answer"),
    "bogus": _("DNSSEC failed"),
    # domains and keys
    "good": _("All right"),
    "attention": _("Look at this"),
    "warning": _("Warning"),
    "next": _("Next"),
    "ahead": _("To come"),
    "later": _("Later"),
    "bad": _("Not right"),
    "pending": _("Waiting for proof"),
    "suspended": _("Suspended"),
    "parked": _("Parked"),
    "alias": _("Alias"),
    "generated": _("Generated"),
    "awaiting_dns": _("Waiting for the DNS"),
    "active": _("Active"),
    "retiring": _("Retiring"),
    "revoked": _("Revoked"),
    "removed": _("Removed"),
    # messages
    "delivered": _("Delivered"),
    "queued": _("Queued"),
    "sent": _("Sent"),
    "refused": _("Refused"),
    "deferred": _("Deferred"),
    "bounced": _("Bounced"),
    "dropped": _("Dropped"),
    "withheld": _("Not forwarded"),
    "failed": _("Failed"),
    "pass": _("Pass"),
    "fail": _("Fail"),
    "softfail": _("Soft fail"),
    "neutral": _("Neutral"),
    "none": _("None"),
    "temperror": _("Temporary error"),
    "permerror": _("Permanent error"),
    "accepted": _("Accepted"),
    "signed": _("Signed"),
    "unsigned": _("Unsigned"),
    "retry": _("Retry"),
    "deleted": _("Deleted"),
    "junk": _("Junk"),
    "inbox": _("Inbox"),
    "over_quota": _("Mailbox full"),
    "limited": _("Put off"),
    "unknown": _("Unknown recipient"),
    "loop": _("Loop"),
    "report": _("Report"),
    "done": _("Done"),
    "found": _("Found"),
    # queue
    "sending": _("Sending"),
    "held": _("Held"),
    "dead": _("Given up"),
    # services
    "running": _("Running"),
    "stopped": _("Stopped"),
    "draining": _("Draining"),
    "starting": _("Starting"),
    "disabled": _("Disabled"),
    "implicit": _("TLS from the start"),
    "starttls": _("STARTTLS"),
    "mx": _("MX"),
    "imap": _("IMAP"),
    # reports
    "reject": _("Rejected"),
    "quarantine": _("Quarantined"),
    "broken": _("Not readable"),
    "fenced": _("Too many that day"),
    "disputed": _("Disputed"),
    "stored": _("Stored"),
    "known": _("Already known"),
    # directions
    "in": _("Incoming"),
    "out": _("Outgoing"),
    "local": _("Local"),
    # stages of a message
    "connect": _("Connection"),
    "connection": _("Connection"),
    "ehlo": _("Greeting"),
    "helo": _("Greeting"),
    "tls": _("Encryption"),
    "auth": _("Sign-in"),
    "mail": _("Sender"),
    "rcpt": _("Recipient"),
    "recipient": _("Recipient"),
    "recipients": _("Recipients"),
    "data": _("Message"),
    "size": _("Size"),
    "spf": _("SPF"),
    "dkim": _("DKIM"),
    "dmarc": _("DMARC"),
    "arc": _("ARC"),
    "iprev": _("Name by the DNS"),
    "proxy": _("Proxy"),
    "moved": _("Moved"),
    "dsn": _("Notice to the sender"),
    "refuse": _("Refused"),
    "verdict": _("Verdict"),
    "filter": _("Filter"),
    "delivery": _("Delivery"),
    "deliver": _("Delivery"),
    "forward": _("Forward"),
    "seal": _("ARC seal"),
    "sealed": _("Sealed"),
    "unsealed": _("Without a seal"),
    "sign": _("Signature"),
    "signing": _("Signature"),
    "authorise": _("Permission"),
    "prepare": _("Preparation"),
    "queue": _("Queue"),
    "route": _("Route"),
    "relay": _("Relay"),
    "attempt": _("Attempt"),
    "notice": _("Notice to the sender"),
    "store": _("Mailbox"),
    "submission": _("Submission"),
    "reply": _("Answer"),
    # doors
    "panel": _("Panel"),
    "api": _("API"),
    "console": _("Console"),
    "job": _("Scheduled"),
    # roles
    "superadmin": _("Superadministrator"),
    "domain_admin": _("Domain administrator"),
    "owner": _("Mailbox owner"),
    # answers of the DNS
    "nxdomain": _("No such name"),
    "nodata": _("No such record"),
    "tempfail": _("The DNS did not answer"),
}

# The purposes of records, in plain words.
PURPOSES: dict[str, Promise] = {
    "ownership": _("Proof of ownership"),
    "mx": _("Incoming mail"),
    "host": _("Address of the mail server"),
    "spf": _("Who may send (SPF)"),
    "dkim": _("Signing key (DKIM)"),
    "dmarc": _("Policy (DMARC)"),
    "dmarc-report": _("Leave to receive reports"),
    "tls-rpt": _("TLS failure reports"),
    "mta-sts": _("TLS required (MTA-STS)"),
    "tlsa": _("Pinned certificate (DANE)"),
    "srv": _("Set-up of mail programs"),
    "autoconfig": _("Set-up of mail programs"),
    "caa": _("Certificate authorities"),
    "bimi": _("Logo (BIMI)"),
    "ptr": _("Reverse name"),
}

ACTIONS: dict[str, Promise] = {
    "trace.keeping": _("changed how long traces are kept"),
    "trace.forget": _("had the traces of an address forgotten"),
    "domain.create": _("added the domain"),
    "domain.change": _("changed the domain"),
    "domain.kind": _("changed what the domain is for:"),
    "domain.mta_sts": _("changed MTA-STS of"),
    "domain.delete": _("deleted the domain"),
    "domain.restore": _("restored the domain"),
    "domain.offer": _("offered the domain"),
    "domain.withdraw": _("withdrew the offer of"),
    "domain.decline": _("declined the domain"),
    "domain.transfer": _("took over the domain"),
    "domain.administrators": _("set the administrators of"),
    "domain.remove": _("removed for good the domain"),
    "domain.proven": _("saw the proof for the domain"),
    "domain.unproven": _("removed the unproven domain"),
    "key.create": _("made the key"),
    "key.delete": _("deleted the key"),
    "key.activate": _("activated the key"),
    "zone.apply": _("applied a plan to the zone of"),
    "zone.undo": _("undid a change of the zone of"),
    "dns_account.set": _("set the access to the zone"),
    "dns_account.delete": _("forgot the access to the zone"),
    "acme_account.set": _("set the account at the certificate authority"),
    "certificate.issue": _("got a certificate for"),
    "certificate.renew": _("asked for a certificate for"),
    "certificate.roll": _("made the next key of"),
    "certificate.unpin": _("ended the replacement of the key of"),
    "report_alert.mute": _("is quiet about the alert"),
    "correction.add": _("corrected a source"),
    "correction.remove": _("took a correction back"),
    "sender.create": _("added the sender"),
    "sender.change": _("changed the sender"),
    "sender.delete": _("removed the sender"),
    "mailbox.create": _("added the mailbox"),
    "mailbox.change": _("changed the mailbox"),
    "mailbox.delete": _("deleted the mailbox"),
    "alias.create": _("added the alias"),
    "alias.change": _("changed the alias"),
    "alias.delete": _("deleted the alias"),
    "group.create": _("added the group"),
    "group.change": _("changed the group"),
    "group.delete": _("deleted the group"),
    "catch_all.change": _("changed the catch-all of"),
    "incoming.change": _("changed what happens to mail for"),
    "queue.retry": _("asked for a new attempt at"),
    "queue.delete": _("deleted from the queue"),
    "administrator.create": _("added the administrator"),
    "administrator.delete": _("removed the administrator"),
    "token.create": _("made the token"),
    "token.delete": _("deleted the token"),
    "actor.password": _("changed the password of"),
    "actor.change": _("changed the settings of"),
    "report.take_in": _("took in the report"),
    "report.replace": _("replaced the report"),
    "report.settle": _("let this report count:"),
    "report.keeping": _("changed how long reports are kept"),
    "report_file.retry": _("had a report file read again:"),
    "report_file.download": _("took a copy of the report file"),
    "report_file.delete": _("removed the report file"),
    "report_mailbox.create": _("had a mailbox watched for reports:"),
    "report_mailbox.change": _("changed the watched mailbox at"),
    "report_mailbox.delete": _("stopped watching the mailbox at"),
    "services.act": _("acted on the service"),
    "webhook.create": _("added the webhook"),
    "webhook.delete": _("deleted the webhook"),
    "webhook.enable": _("enabled the webhook"),
    "webhook.test": _("sent a test to the webhook"),
}


# What a stage of a message tells beside its sentence.
DETAILS: dict[str, Promise] = {
    "about": _("About"),
    "address": _("Address"),
    "algorithm": _("Algorithm"),
    "aligned": _("Aligned"),
    "alignments": _("Alignments"),
    "attempt": _("Attempt"),
    "author_domain": _("Domain in From"),
    "author_domains": _("Domains in From"),
    "author_shown": _("Addresses shown in its name"),
    "bits": _("Bits"),
    "cause": _("Cause"),
    "cipher": _("Cipher"),
    "depth": _("Depth"),
    "domain": _("Domain"),
    "entries": _("Queue entries"),
    "entry": _("Queue entry"),
    "explanation": _("Words of the owner"),
    "extended": _("Extended SMTP"),
    "folder": _("Folder"),
    "forged_results_removed": _("Forged results removed"),
    "found": _("Seen"),
    "identity": _("Identity"),
    "lookups": _("Look-ups"),
    "mail_from": _("Envelope sender"),
    "matched": _("Matches"),
    "mechanism": _("By"),
    "mode": _("Mode"),
    "is": _("Is"),
    "name": _("Name"),
    "next_hop": _("Destination"),
    "note": _("Note"),
    "organizational_domain": _("Organizational domain"),
    "parameters": _("Parameters"),
    "policy": _("Policy"),
    "policy_domain": _("Domain of the policy"),
    "port": _("Port"),
    "reason": _("Reason"),
    "reasons": _("Reasons"),
    "recipient": _("Recipient"),
    "recipients": _("Recipients"),
    "remote": _("Other server"),
    "reply": _("Answer"),
    "report": _("Report"),
    "result": _("Result"),
    "row": _("Rule"),
    "selector": _("Selector"),
    "selectors": _("Selectors"),
    "signatures": _("Signatures"),
    "size": _("Size"),
    "steps": _("Steps"),
    "term": _("Term"),
    "testing": _("Testing"),
    "through": _("Through"),
    "tls": _("TLS"),
    "to": _("To"),
    "uid": _("UID"),
    "username": _("User name"),
    "version": _("Version"),
    "warning": _("Warning"),
}


def sign_of(word: str) -> Sign:
    """Return shape and tone of a state word; an unknown one is plain."""
    return _BY_WORD.get(word.lower(), PLAIN)


def word_of(word: str) -> str:
    """Return the reader's word; an unknown one as it is, with spaces and a capital."""
    known = _WORDS.get(word.lower())
    text = str(known) if known is not None else word.replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:] if known is None else text


def counted(name: str, count: int) -> str:
    """Return "1 mailbox" or "12 mailboxes" for what a thing holds; an unknown name as it is."""
    words = {
        "mailboxes": ngettext("%(count)s mailbox", "%(count)s mailboxes", count),
        "alias_domains": ngettext("%(count)s alias domain", "%(count)s alias domains", count),
        "aliases": ngettext("%(count)s alias", "%(count)s aliases", count),
        "groups": ngettext("%(count)s group", "%(count)s groups", count),
        "messages": ngettext("%(count)s message", "%(count)s messages", count),
        "keys": ngettext("%(count)s key", "%(count)s keys", count),
        "reports": ngettext("%(count)s report", "%(count)s reports", count),
        "queue_entries": ngettext("%(count)s message in the queue", "%(count)s messages in the queue", count),
    }
    text = words.get(name, "%(count)s " + name.replace("_", " ").replace("%", "%%"))
    return text % {"count": number_format(count, force_grouping=True)}


def label_of(name: str) -> str:
    """Return the reader's name for a detail of a stage; an unknown one as it is, with spaces and a capital."""
    known = DETAILS.get(name)
    return str(known) if known is not None else name.replace("_", " ").replace("-", " ").capitalize()


def purpose_of(word: str) -> str:
    """Return a record's purpose in plain words."""
    return str(PURPOSES.get(word, word))


def action_of(word: str) -> str:
    """Return what an audit record says was done."""
    return str(ACTIONS.get(word, word.replace(".", " ").replace("_", " ")))
