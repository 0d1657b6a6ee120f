"""The sentences for what mail programs make of the answers they get."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domains.client_settings import Fault
from domains.services.client_steps import Meaning, Step

CLIENTS: Mapping[str, str] = {"thunderbird": "Thunderbird", "outlook": "Outlook", "apple": "Apple Mail"}

SENTENCES: Mapping[Meaning, Promise] = {
    Meaning.SETTINGS: _("It has its servers from here; the certificate is right for %(name)s."),
    Meaning.PLAIN: _("It has its servers from here, by plain HTTP: anybody on the way could change them."),
    Meaning.NO_SETTINGS: _("The file names no server for reading and sending that it could use. It goes on."),
    Meaning.NOT_THERE: _("Nothing is there. It goes on."),
    Meaning.NO_NAME: _("%(name)s does not exist or has no address. It goes on."),
    Meaning.NO_ANSWER: _("There is no answer: %(reason)s It goes on."),
    Meaning.CERTIFICATE: _("It does not trust the certificate, which is for %(names)s. %(reason)s It goes on."),
    Meaning.UNREADABLE: _("It cannot use the answer: %(reason)s It goes on."),
    Meaning.REDIRECT: _("It is led on to %(url)s"),
    Meaning.REDIRECT_PLAIN: _("The answer leads to plain HTTP, where it does not follow. It goes on."),
    Meaning.REDIRECT_ADDRESS: _("It is told to ask for %(name)s instead."),
    Meaning.LOOP: _("The answers lead in a circle, or on and on. It gives this up and goes on."),
    Meaning.PLACE: _("The answer says where to ask: %(url)s"),
    Meaning.EXCHANGER: _("Incoming mail goes to %(name)s; its domain is asked next."),
    Meaning.OFFERED: _("It takes %(name)s, port %(port)s."),
    Meaning.NOT_OFFERED: _("The record says that this is not offered."),
    Meaning.SIGNED: _("The profile is signed; the device verifies the signature and shows by whom."),
    Meaning.UNSIGNED: _("The profile is not signed: the device warns of it."),
    Meaning.GUESSED: _("It was told nothing and guesses this name, port %(port)s."),
    Meaning.OUT_OF_TIME: _("The test took too long; nothing further was asked."),
}

FAULTS: Mapping[Fault, Promise] = {
    Fault.TOO_LARGE: _("It is larger than any such file."),
    Fault.NOT_XML: _("It is not XML."),
    Fault.DOCUMENT_TYPE: _("It has a document type, which such a file must not have."),
    Fault.NOT_THUNDERBIRD: _("It is XML, but no file of this kind (clientConfig)."),
    Fault.NOT_OUTLOOK: _("It is XML, but no answer of Autodiscover."),
    Fault.SAYS: _("It says “%(detail)s”."),
    Fault.NO_ACCOUNT: _("It has no account."),
    Fault.NOT_JSON: _("It is not JSON."),
    Fault.NO_PLACE: _("It does not say where to ask."),
    Fault.NOT_PROFILE: _("It is no configuration profile."),
    Fault.NOT_SRV: _("It is no SRV record."),
}


def sentence_of(step: Step) -> str:
    """Return what the program makes of a step."""
    values = dict(step.values)
    if step.meaning is Meaning.UNREADABLE:
        values["reason"] = str(FAULTS[Fault(values["fault"])]) % values
    return str(SENTENCES[step.meaning]) % values
