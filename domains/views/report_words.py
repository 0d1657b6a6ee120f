"""The sentences with which reports are refused, in the reader's language.

Engines write them in English, and files keep them so. ``in_words`` knows each by its shape and says it anew; what it
does not know stays as it is.
"""

import re
from functools import cache

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

SENTENCES = (
    _("The file is empty."),
    _("The file is larger than %(size)s MB."),
    _("The file unpacks to more than %(size)s MB."),
    _("The file unpacks to more than %(ratio)s times its size."),
    _("The file takes more than %(seconds)s seconds to unpack."),
    _("The file is neither XML nor gzip nor zip."),
    _("The file %(name)s is neither XML nor gzip nor zip."),
    _("The file is neither JSON nor gzip nor zip."),
    _("The file %(name)s is neither JSON nor gzip nor zip."),
    _("The file is neither XML nor JSON nor gzip nor zip."),
    _("The file %(name)s is neither XML nor JSON nor gzip nor zip."),
    _("The archive holds another archive; one level is unpacked."),
    _("The archive holds no XML."),
    _("The archive holds no JSON."),
    _("The archive holds no XML nor JSON."),
    _("The gzip file ends too early."),
    _("The gzip file is damaged."),
    _("The gzip file has more than %(most)s members."),
    _("The zip archive ends too early."),
    _("The zip archive is damaged."),
    _("The zip archive cannot be read."),
    _("The zip archive is encrypted."),
    _("The zip archive is packed by a method other than deflate."),
    _("The zip archive is of the kind for files above 4 GB."),
    _("The zip archive has more than %(most)s entries."),
    _("The zip archive holds no file."),
    _("The zip archive holds %(number)s files where one report is expected."),
    _("The file has a document type or entities, which reports do not need and may not have."),
    _("The file is not well-formed XML (line %(line)s)."),
    _("The file nests elements more than %(most)s deep."),
    _("The file is a web page, not a report."),
    _("The root element is %(name)s; an aggregate report has 'feedback'."),
    _("One record has more than %(most)s elements."),
    _("The report has more than %(most)s elements beside its records."),
    _("The report has more than %(most)s records."),
    _("More than %(most)s records stand before the report says what it is."),
    _("The report names two domains."),
    _("The report's domain is not a domain name."),
    _("The report lacks org_name or report_id."),
    _("The report does not say which domain it is about (policy_published)."),
    _("The report does not say which domain it is about."),
    _("The report's period has no begin that can be read."),
    _("The report's period begins in %(year)s, before DMARC was in use."),
    _("The report's period begins in %(year)s, before there were TLS reports."),
    _("The report's period ends before it begins or is longer than a year."),
    _("The report's period lies in the future."),
    _("Record %(number)s has no source address that can be read."),
    _("Record %(number)s has no message count that can be read."),
    _("Record %(number)s has a message count that cannot be."),
    _("The report counts more messages than can be."),
    _("The report counts more sessions than can be."),
    _("The report is larger than %(size)s MB."),
    _("The file is not JSON."),
    _("The file is JSON, but not a TLS report: it has no list of policies."),
    _("The report does not say which days it is about."),
    _("The mail is not a failure report: no part of it says what failed."),
    _("The mail holds no report."),
    _("The report is about %(domain)s, which is not a domain of ours."),
    _("The report is about %(about)s, and its mailbox is watched for %(arrived)s alone."),
    _(
        "The report is about %(about)s and came to an address of %(arrived)s, which no record of %(about)s names "
        "(RFC 9990)."
    ),
    _("%(submitter)s has sent its %(most)d reports on %(domain)s today. The file is kept, and not counted."),
    _(
        "Senders whom nothing authenticates have sent their %(most)d reports on %(domain)s today. The file is "
        "kept, and not counted."
    ),
    _("It is not kept: delete some of the unreadable files first."),
    _("Its content was let go, for more was kept than fits; only this line is left."),
    _("The file holds more than %(most)d reports; the others were left."),
    _("The file holds more than can be read in time; the rest was left."),
    _("The file could not be worked; the fault is logged."),
    _("A report of this name with other content is stored, and its submitter is another."),
)

_PLACE = re.compile(r"%\\\((\w+)\\\)([sd])")  # as ``re.escape`` leaves it
_VALUES = {"s": ".{1,300}?", "d": "[0-9]{1,18}"}


@cache
def _shapes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((text, re.compile(_shape(text), re.DOTALL)) for text in SENTENCES)


def _shape(text: str) -> str:
    """Return the expression of a sentence, its values as groups; the next begins behind a space."""
    pieces = _PLACE.split(re.escape(text))
    shape, named = pieces[0], set[str]()
    for name, kind, following in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        shape += (f"(?P={name})" if name in named else f"(?P<{name}>{_VALUES[kind]})") + following
        named.add(name)
    return shape + r"(?:\s|$)"


def in_words(reason: str) -> str:
    """Return the reason, one sentence or several, in the language of the page."""
    said: list[str] = []
    while reason:
        for text, shape in _shapes():
            found = shape.match(reason)
            if found is not None:
                values = found.groupdict()
                numbers = {name: int(value) for name, value in values.items() if f"%({name})d" in text}
                said.append(gettext(text) % (values | numbers))
                reason = reason[found.end() :]
                break
        else:
            return " ".join([*said, reason])
    return " ".join(said)
