"""Every tag of a signature, a key and a policy in words (RFC 6376 sections 3.5 and 3.6, RFC 9989)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from domains.taglist import BadTagList, parse_tag_list

COVERED = ("From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To")
_ORDER = ("v", "a", "d", "s", "i", "t", "x", "c", "q", "h", "l", "bh", "b", "z")
_LAST_SECOND = 253402300799  # the end of year 9999


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag as written, and what it means; ``care`` when it weakens what is signed."""

    name: str
    value: str
    meaning: str
    care: bool = False


def read_tags(text: str) -> dict[str, str]:
    """Return the tags of a record; none when it is not a tag list."""
    try:
        return parse_tag_list(text)
    except BadTagList:
        return {}


def signature_tags(tags: Mapping[str, str]) -> list[Tag]:
    """Return the tags of a signature with their meaning: who signed when, then how, then what."""
    names = sorted(tags, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    return [Tag(name, tags[name], *_signature_meaning(name, tags[name], tags)) for name in names]


def _signature_meaning(name: str, value: str, tags: Mapping[str, str]) -> tuple[str, bool]:
    match name:
        case "v":
            return _("The version of the signature; there is only 1."), value != "1"
        case "a":
            return _algorithm(value)
        case "b":
            return _("The signature itself, over the fields of h= and the hash of bh=."), False
        case "bh":
            return _("The hash of the body: one changed letter gives another."), False
        case "c":
            return _canonical(value), False
        case "d":
            return _("Who signs: this domain answers for the message."), False
        case "s":
            place = f"{value}._domainkey.{tags.get('d', '')}"
            return _("The selector: the public key stands at %(name)s.") % {"name": place}, False
        case "h":
            return _covered(value)
        case "i":
            return _("On whose behalf: a user or a part of the signing domain."), False
        case "l":
            return _("Only so many octets of the body are signed: anybody may add more below them."), True
        case "q":
            return _("How the key is fetched: from the DNS as TXT, the only way there is."), False
        case "t":
            return _("When it was signed: %(time)s.") % {"time": _moment(value)}, False
        case "x":
            return _("When it expires: %(time)s.") % {"time": _moment(value)}, False
        case "z":
            return _("The fields as they were when it was signed, for finding faults only."), False
    return _("Not a tag of the standard; it is ignored."), False


def _algorithm(value: str) -> tuple[str, bool]:
    known = {
        "rsa-sha256": (_("Signed with an RSA key over a SHA-256 hash."), False),
        "ed25519-sha256": (_("Signed with an Ed25519 key over a SHA-256 hash: small and strong."), False),
        "rsa-sha1": (_("Signed over a SHA-1 hash, which is broken and must not be used any more."), True),
    }
    return known.get(value.lower(), (_("An algorithm that is not known here."), True))


def _canonical(value: str) -> str:
    header, slash, body = value.partition("/")
    body = body if slash else "simple"
    ways = {
        "header": {
            "relaxed": _("in the header, capitals of names and white space may change on the way"),
            "simple": _("in the header, nothing may change on the way"),
        },
        "body": {
            "relaxed": _("in the body, white space at the ends of lines may change"),
            "simple": _("in the body, nothing may change but empty lines at its end"),
        },
    }
    parts = [ways["header"].get(header.lower(), header), ways["body"].get(body.lower(), body)]
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _covered(value: str) -> tuple[str, bool]:
    named = [name.strip().lower() for name in value.split(":")]
    left = [name for name in COVERED[:5] if name.lower() not in named]
    twice = sorted({name for name in named if named.count(name) > 1})
    text = _("The header fields that are signed.")
    if left:
        text += " " + _("Not among them: %(names)s.") % {"names": ", ".join(left)}
    if twice:
        text += " " + _("Named once more than they occur, so that none can be added: %(names)s.") % {
            "names": ", ".join(twice)
        }
    return text, "from" not in named or "subject" not in named


def _moment(value: str) -> str:
    """Return a time in seconds since 1970 as a date."""
    if not value.isdecimal() or int(value[:13]) > _LAST_SECOND:
        return value
    local = timezone.localtime(datetime.fromtimestamp(int(value), UTC))
    return f"{formats.date_format(local, 'DATE_FORMAT')} {local:%H:%M:%S %Z}"


def key_tags(record: str) -> list[Tag]:
    """Return the tags of a key record with their meaning."""
    return [Tag(name, value, *_key_meaning(name, value)) for name, value in read_tags(record).items()]


def _key_meaning(name: str, value: str) -> tuple[str, bool]:
    match name:
        case "v":
            return _("The version of the key record."), value != "DKIM1"
        case "k":
            return _("The kind of key."), False
        case "h":
            return _("The only hashes that may be used with the key."), False
        case "p":
            if not value:
                return _("Empty: the key is revoked, nothing that it signed counts any more."), True
            return _("The public key itself."), False
        case "s":
            return _("What the key is for."), False
        case "t":
            flags = value.lower().replace(" ", "").split(":")
            texts = []
            if "y" in flags:
                texts.append(_("The domain is still testing: a failure means no more than no signature."))
            if "s" in flags:
                texts.append(_("Only the domain itself may stand in i=, no part of it."))
            return " ".join(texts) or _("Flags."), "y" in flags
        case "n":
            return _("A note for people."), False
    return _("Not a tag of the standard; it is ignored."), False


def policy_tags(record: str) -> list[Tag]:
    """Return the tags of a DMARC record with their meaning."""
    return [Tag(name, value, *_policy_meaning(name, value)) for name, value in read_tags(record).items()]


def _policy_meaning(name: str, value: str) -> tuple[str, bool]:
    asked = {
        "none": _("do nothing, only report"),
        "quarantine": _("treat it as suspicious"),
        "reject": _("refuse it"),
    }.get(value.lower(), value)
    modes = {"r": _("a related domain is enough (relaxed)"), "s": _("only the very same domain counts (strict)")}
    mode = modes.get(value.lower(), value)
    match name:
        case "v":
            return _("The version: this is a DMARC record."), False
        case "p":
            return _("What to do with mail that fails: %(asked)s.") % {"asked": asked}, False
        case "sp":
            return _("The same for subdomains: %(asked)s.") % {"asked": asked}, False
        case "np":
            return _("The same for subdomains that do not exist: %(asked)s.") % {"asked": asked}, False
        case "aspf":
            return _("How SPF has to agree with From: %(mode)s.") % {"mode": mode}, False
        case "adkim":
            return _("How DKIM has to agree with From: %(mode)s.") % {"mode": mode}, False
        case "t":
            if value.lower() == "y":
                return _("A test: the policy is taken one step down."), True
            return _("Not a test."), False
        case "psd":
            return _("Whether registries give out names below it: y yes, n no, u not said."), False
        case "rua":
            return _("Where daily reports go."), False
        case "ruf":
            return _("Where reports of single failures go."), False
        case "fo":
            return _("When reports of single failures are wanted."), False
        case "pct" | "rf" | "ri":
            return _("No tag any more since RFC 9989; it is ignored."), False
    return _("Not a tag of the standard; it is ignored."), False
