"""A remark on a record as words: what is so, then what to do. Values stand between grave accents, as code."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from domains.dns.providers import Provider
from domains.dns.remark import Cause, Remark
from domains.services.desired import DesiredRecord

SENTENCES: dict[Cause, Promise] = {
    Cause.NOTHING: _("Nothing of this kind stands at `%(name)s`. Add the record."),
    Cause.NO_REVERSE: _("The address has no reverse name. Set it to `%(value)s` where the address was rented."),
    Cause.DOUBLED_ZONE: _(
        "The record stands at `%(at)s`: the provider added the domain to a full name. Enter the name as `%(entry)s`."
    ),
    Cause.DOUBLED_LABEL: _(
        "The record stands at `%(at)s`: a part of the name was entered twice. Enter the name as `%(entry)s`."
    ),
    Cause.OLD_TYPE: _("The text stands in a record of the old type SPF, which nobody reads. Add it as type TXT."),
    Cause.AT_WWW: _("The record stands at `%(at)s`, where no mail comes from. Enter the name as `%(entry)s`."),
    Cause.TARGET_DOUBLED: _(
        "The record leads to `%(found)s`: the provider added the domain to the value. Enter `%(value)s`, with the "
        "dot at its end."
    ),
    Cause.TARGET_SHORT: _("The record leads to `%(found)s`, which is no full name. Enter `%(value)s`."),
    Cause.QUOTED: _("Quotes or backslashes became part of the text. Enter the value without them."),
    Cause.SPACED: _("Spaces or line breaks got into the text. Enter the value again, as one line."),
    Cause.CUT: _(
        "Only %(have)s of %(all)s characters are there. Enter the whole value, in quoted parts where the provider "
        "takes no more than 255 characters."
    ),
    Cause.IN_PIECES: _("The value was entered as %(count)s records. Make it one record with quoted parts."),
    Cause.SPF_LACKS: _("The SPF record at `%(name)s` lacks this server. Add `%(add)s` before its `all`."),
    Cause.SPF_UNREADABLE: _(
        "The SPF record at `%(name)s` counts as none: `%(term)s` is an error in it. Correct that."
    ),
    Cause.DMARC_UNREADABLE: _(
        "The DMARC record at `%(name)s` has an error and counts as none. Replace it by this one."
    ),
    Cause.DMARC_LACKS_TAG: _("The DMARC record at `%(name)s` lacks `%(add)s`. Add that."),
    Cause.DMARC_LACKS: _("Reports about `%(name)s` do not come here. Add `%(add)s` to `rua`."),
    Cause.DMARC_DIFFERS: _(
        "The DMARC record says `%(found)s`, and here `%(value)s` is set. Change the record or the setting."
    ),
    Cause.OTHER_KEY: _("Another key stands at `%(name)s`, so signatures fail. Replace it by this one."),
    Cause.OTHER_HOST: _("`%(name)s` leads to `%(found)s`. Change it to `%(value)s`."),
    Cause.OTHER_REVERSE: _(
        "The reverse name of the address is `%(found)s`. Set it to `%(value)s` where the address was rented."
    ),
    Cause.OTHER_TEXT: _("Another text stands at `%(name)s`. Replace it by this one."),
    Cause.SEVERAL: _("%(count)s records of this kind stand at `%(name)s`, so none counts. Keep this one alone."),
    Cause.SPF_SEVERAL: _(
        "%(count)s SPF records stand at `%(name)s`, so none counts. Put their terms into one and remove the others."
    ),
    Cause.LEFTOVER_MX: _("`%(found)s` still takes mail for `%(name)s`. Remove that MX record."),
    Cause.LEFTOVER: _("`%(name)s` still leads mail programs to `%(found)s`. Remove that record, then add this one."),
    Cause.ALIAS: _(
        "`%(name)s` is an alias (CNAME) of `%(target)s`, and nothing can stand beside an alias. Remove it, then add "
        "this record."
    ),
    Cause.OCCUPIED: _(
        "`%(name)s` has the address `%(found)s`, and an alias (CNAME) cannot stand beside it. Remove the address, "
        "then add this record."
    ),
    Cause.WILDCARD: _(
        "`%(wildcard)s` answers in place of `%(name)s`. Add this record: a name of its own goes before a wildcard."
    ),
    Cause.LACKING: _("Not yet at %(servers)s. Nothing is to be done; old answers live up to %(time)s."),
    Cause.QUIET: _("%(servers)s gave no certain answer yet. Nothing is to be done; it is asked again."),
    Cause.SILENT: _("No answer about `%(name)s` from %(servers)s. See that the zone's name servers run."),
    Cause.REFUSED: _("%(servers)s cannot answer about `%(name)s`. See that they serve the zone."),
    Cause.LAME: _("%(servers)s does not know the zone. Correct the name servers (NS) at the registrar."),
    Cause.LOOP: _("`%(name)s` is an alias that leads round in a circle. Remove the alias."),
    Cause.BOGUS: _(
        "The DNSSEC signatures of `%(name)s` do not hold. Compare the DS record at the registrar with the zone's "
        "keys."
    ),
}
_APEX = _("(empty)")


class Piece(NamedTuple):
    """A part of a sentence; ``code`` where it is a value."""

    text: str
    code: bool


def sentence_of(remark: Remark, record: DesiredRecord, provider: Provider | None = None) -> str:
    """Return the sentence on one record; the name as its provider takes it."""
    values = {name: text.replace("`", "'") for name, text in remark.values.items()}
    entry = provider.entry(record.name, record.zone) if provider else record.relative_name
    values["entry"] = entry or str(_APEX)
    if "seconds" in values:
        values["time"] = duration_of(int(values["seconds"]))
    return str(SENTENCES[remark.cause]) % values


def pieces_of(sentence: str) -> list[Piece]:
    """Return a sentence in parts, values apart."""
    return [Piece(text, bool(number % 2)) for number, text in enumerate(sentence.split("`")) if text]


def duration_of(seconds: int) -> str:
    """Return a TTL in words: minutes below two hours, hours above."""
    minutes = max(1, -(-seconds // 60))
    if minutes < 120:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    hours = -(-seconds // 3600)
    return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
