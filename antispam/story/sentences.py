"""The sentences of our engines in the reader's language.

A trace keeps its reasons as English sentences, for the API and for search. Each sentence that an engine can write
stands here once, with its changing parts named; a stored one is matched, and its parts go into the translation.
What is not known here – a remote's words, a sentence of an older release – is shown as it stands.
"""

import re
from functools import lru_cache

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from domains.views.words import word_of

READ_CHARACTERS = 600

# Parts: %(reason)s and %(also)s are sentences of ours themselves, %(result)s a state word, %(text)s any words, others
# hold no space.
_SENTENCES = (
    # SPF
    _("more than %(count)s terms need the DNS"),
    _("more than %(count)s names that are asked for do not exist"),
    _("the DNS did not answer about %(name)s"),
    _("the DNS did not answer about %(name)s %(type)s"),
    _("'%(name)s' is not a name that can have a record"),
    _("%(name)s publishes no SPF record"),
    _("%(name)s publishes %(count)s SPF records"),
    _("the SPF record of %(name)s is wrong: %(text)s"),
    _("%(term)s of %(name)s matches %(address)s"),
    _("no term of %(name)s matches %(address)s"),
    _("redirect leads to %(name)s, which has no SPF record"),
    _("include leads to %(name)s, which has no SPF record"),
    _("%(name)s has more than %(count)s MX hosts"),
    _("the SPF record of %(name)s is longer than %(count)s octets"),
    _("the DNS did not answer about the names of %(address)s"),
    _("%(name)s: %(result)s, %(reason)s"),
    # the client's name
    _("%(address)s has no name"),
    _("%(name)s leads back to %(address)s"),
    _("%(name)s does not lead back to %(address)s"),
    # ARC
    _("there is no ARC chain"),
    _("the chain holds: %(text)s"),
    _("%(name)s says that the chain was broken before it"),
    _("the message was changed after %(name)s handed it on"),
    _("the seal %(count)s of %(name)s does not hold"),
    _("the seal %(count)s cannot be used: %(text)s"),
    _("the set %(count)s says cv=%(text)s"),
    _("the set %(count)s does not have exactly one field of each kind"),
    _("a field of the chain names no instance"),
    _("the chain has an instance above %(count)s"),
    _("the chain has %(count)s sets; more than %(most)s are not verified here"),
    _("the DNS did not answer about a key of the chain"),
    # DKIM
    _("there is no signature"),
    _("the signature verifies"),
    _("the signature does not verify"),
    _("the body was changed after it was signed"),
    _("the signature has expired (x=)"),
    _("the signature is from the future (t=)"),
    _("the signature covers only a part of the body (l=)"),
    _("the signature uses SHA-1 (RFC 8301)"),
    _("the signature does not cover From"),
    _("the signature lacks %(text)s"),
    _("the signature is not a tag list: %(text)s"),
    _("the signature cannot be processed: %(text)s"),
    _("the signature names more than %(count)s fields (h=)"),
    _("the algorithm %(name)s is not known"),
    _("%(tag)s is not base64"),
    _("there is no key at %(name)s"),
    _("there are %(count)s records at %(name)s"),
    _("the key record cannot be used: %(text)s"),
    _("the key is revoked (empty p=)"),
    _("the key is %(type)s, the signature %(algorithm)s"),
    _("the key does not allow sha256"),
    _("the key is not for e-mail"),
    _("the key does not allow a subdomain in i="),
    _("the key record holds no readable RSA key"),
    _("the RSA key is shorter than %(count)s bits"),
    _("The RSA key has %(bits)s bits, fewer than %(count)s."),
    _("%(count)s more signatures are not looked at"),
    _("the header block is longer than any that is read"),
    _("the header block cannot be read: %(text)s"),
    # DMARC
    _("there is no usable From"),
    _("From names %(count)s domains"),
    _("there is no From"),
    _("there are %(count)s From fields"),
    _("From holds no address with a domain"),
    _("From holds no complete address"),
    _("From holds several addresses that nothing separates"),
    _("From has several addresses in one place"),
    _("From separates addresses by a semicolon"),
    _("From shows one address and names another"),
    _("something stands after the address in From"),
    _("an angle bracket in From is not closed"),
    _("an angle bracket in From was not opened"),
    _("a quotation mark in From is not closed"),
    _("a comment in From is not closed"),
    _("From is longer than any that is read"),
    _("a blank cuts the domain in From"),
    _("by the Public Suffix List %(name)s would agree"),
    _("by the Public Suffix List it would not agree"),
    _("%(name)s and its parents publish no DMARC policy"),
    _("%(method)s of %(name)s agrees with From %(author)s"),
    _("nothing that passed agrees with From %(author)s"),
    _("the DNS did not answer about an identifier"),
    _("the same domain"),
    _("strict alignment asks for the same domain"),
    _("the organizational domain %(name)s"),
    _("not below %(name)s"),
    _("its organizational domain is %(name)s"),
    _("no answer: %(reason)s"),
    _("no answer"),
    _("no record"),
    _("%(count)s records: none counts"),
    _("not usable: %(text)s"),
    # The verdict
    _("By the row %(row)s."),
    _("SPF: %(result)s for %(name)s"),
    _("DKIM: valid for %(text)s"),
    _("DKIM: no valid signature"),
    _("DMARC: %(result)s, %(reason)s"),
    _("From names one author domain"),
    _("DMARC: %(result)s"),
    _("DMARC was evaluated"),
    _("DMARC did not fail"),
    _("DMARC failed under the policy %(policy)s"),
    _("DMARC failed under the policy %(policy)s, but there was no answer for %(text)s"),
    _("DMARC failed under the policy %(policy)s, but %(reason)s"),
    _("every check had its answers"),
    _("nothing speaks for a forwarder or a mailing list"),
    _("it came through a mailing list (%(text)s)"),
    _("it is signed by the forwarder %(name)s"),
    _("it is sealed by %(name)s, which is trusted, and the ARC chain holds"),
    _("good mail has come from its network before"),
    _("it is not known whether good mail has come from its network before"),
    _("no other row holds"),
    # Why the DNS had no answer
    _("no answer in time"),
    _("the answer has more than %(octets)s octets or %(records)s records"),
    _("DNSSEC validation fails"),
    # A replay
    _("this was not asked then, so nothing is known of it"),
    _("the message is not here any more, so its signature cannot be checked with this key"),
    _("The result of then: the signature itself does not depend on what was changed."),
    _("Another key than the one that signed: no signature fits two keys."),
    _("Checked again on the stored message."),
    # Delivery and the queue
    _("Stored for %(address)s in %(text)s."),
    _("To be forwarded to %(address)s."),
    _("It was forwarded for this address before."),
    _("It is in the name of a domain here and nothing proved it: it is not forwarded."),
    _("The mailbox is full; the copy waits and is tried again."),
    _("Nobody is told: the message has the null reverse path."),
    _("Nobody is told: the message was forwarded and its sender was not authenticated."),
    _("It is no rewritten address of ours."),
    _("It was made more than %(count)s days ago."),
    _("Its check value is not one that was made here."),
    _("Its message is no longer known."),
    _("Taken in as a report."),
    _("The mailbox is full."),
    _("The mailbox does not exist any more."),
    _("The message waits to be sent."),
    _("Signed for %(name)s."),
    _("Handed on under an ARC seal of %(name)s."),
    _("%(name)s signed in."),
    _("The sender %(name)s is told."),
    _("The worker ended during the attempt."),
    _("%(remote)s accepted the message: %(text)s"),
    _("%(text)s It will be tried again."),
    _("%(text)s It is given up."),
    # Two of them in one
    _("%(reason)s; %(also)s"),
)
_PART = re.compile(r"%\((\w+)\)s")
_LOOSE = frozenset({"text", "reason", "also"})


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return each sentence as a pattern, those with fewer open parts first."""
    made = [(re.compile(_pattern(sentence), re.DOTALL), sentence) for sentence in _SENTENCES]
    return tuple(sorted(made, key=lambda pair: bool(_LOOSE & set(_PART.findall(pair[1])))))


def _pattern(sentence: str) -> str:
    pieces: list[str] = []
    position = 0
    for part in _PART.finditer(sentence):
        pieces.append(re.escape(sentence[position : part.start()]))
        pieces.append(f"(?P<{part[1]}>{'.+' if part[1] in _LOOSE else '[^ ]+'})")
        position = part.end()
    return "".join(pieces) + re.escape(sentence[position:])


def told(sentence: str) -> str:
    """Return one of our sentences in the reader's language; anything else as it is."""
    found = _told(sentence, 3) if len(sentence) <= READ_CHARACTERS else None
    return sentence if found is None else found


def _told(sentence: str, deep: int) -> str | None:
    """Return the sentence in the reader's language, None when it is not one of ours."""
    for pattern, known in _patterns():
        match = pattern.fullmatch(sentence)
        if match is not None:
            parts = match.groupdict()
            if "result" in parts:
                parts["result"] = word_of(parts["result"]).lower()
            inner = {part: _told(parts[part], deep - 1) for part in ("reason", "also") if part in parts and deep}
            if "also" in parts and None in inner.values():
                continue  # a semicolon alone makes no two sentences of ours
            return gettext(known) % (parts | {part: text for part, text in inner.items() if text is not None})
    return None


def as_sentence(text: str) -> str:
    """Return the words with a capital and a full stop, so that a reason can stand alone."""
    shown = told(text)
    if not shown:
        return ""
    first = shown.split(" ", 1)[0]
    begins = shown if "." in first or not first.isalpha() else shown[:1].upper() + shown[1:]
    return begins if begins[-1] in ".…!?" else f"{begins}."
