"""The sentences for what the linter finds: what is so, then what to do."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domains.lint.finding import Code, Finding

SENTENCES: Mapping[Code, Promise] = {
    Code.EMPTY: _("There is nothing here to check."),
    Code.TOO_LONG: _("This is too long: %(count)s, at most %(most)s are looked at."),
    Code.CONTROL: _("Here stands a control character (%(octet)s), often left by copying. Take it out."),
    Code.NOT_ASCII: _(
        "“%(character)s” (%(name)s) is no character of such a record. Word processors put it in place of "
        "a plain one: type it again."
    ),
    Code.OUTER_SPACE: _(
        "White space before or behind the value belongs to it. At its beginning it keeps the record from "
        "being recognised: take it out."
    ),
    Code.QUOTES: _(
        "A quote mark is part of the value here. Quote marks belong into zone files only; most forms of "
        "providers add them by themselves."
    ),
    Code.LONG_STRING: _(
        "The value has %(count)s octets. In a zone file it must be split into strings of at most 255; "
        "most forms of providers do that by themselves."
    ),
    Code.PRIVATE_KEY: _(
        "This is a private key. Never publish it: who has it can sign in your name. Make a new key and "
        "publish its public half."
    ),
    Code.NAME_BAD: _(
        "%(name)s is not a name that the DNS can hold here: labels have at most 63 octets, the whole at "
        "most 253, without spaces."
    ),
    Code.NAME_PLACE: _(
        "This kind of record is not looked for at %(name)s, unless an alias (CNAME) leads here. Its own "
        "name begins %(wanted)s"
    ),
    Code.NAME_DOUBLED: _(
        "%(name)s ends in %(domain)s twice. The provider adds the domain by itself: give the short name, "
        "or put a dot at the end."
    ),
    Code.TAG_SYNTAX: _("“%(part)s” is not name=value. Tags are written so, with semicolons between them."),
    Code.TAG_TWICE: _("The tag %(tag)s is given twice: the record does not count."),
    Code.TAG_BACKSLASH: _(
        "A backslash stands before the semicolon. It belongs into some zone files only: take it out."
    ),
    Code.TAG_UNKNOWN: _("The standard does not know the tag %(tag)s; it is ignored."),
    Code.TAG_MISSPELT: _("The standard does not know the tag %(tag)s, and ignores it. Is %(meant)s meant?"),
    Code.VERSION: _(
        "The record has to begin with %(wanted)s, in exactly these letters; otherwise it does not count."
    ),
    Code.SPF_VERSION: _("An SPF record begins with v=spf1 and a space. This one does not, so nobody reads it."),
    Code.SPF_UNKNOWN: _("“%(term)s” is no term of SPF. Receivers give up at it and treat the record as broken."),
    Code.SPF_MISSPELT: _("“%(term)s” is no term of SPF, which breaks the whole record. Is %(meant)s meant?"),
    Code.SPF_BARE_ADDRESS: _("An address by itself is no term and breaks the whole record. Write %(meant)s."),
    Code.SPF_BARE_NAME: _(
        "A name by itself is no term and breaks the whole record. Write include: before it for the SPF "
        "record of a service, a: for a server of your own."
    ),
    Code.SPF_COMMA: _(
        "Terms are separated by spaces, not by commas; the comma in “%(term)s” breaks the whole record."
    ),
    Code.SPF_EQUALS: _("%(name)s takes a colon. As it stands, “%(term)s” is an unknown modifier, and is ignored."),
    Code.SPF_NEEDS_DOMAIN: _("“%(term)s” lacks its domain, which follows without a space."),
    Code.SPF_BAD_DOMAIN: _(
        "“%(term)s” does not end in a name that could be a domain; the whole record is broken by it."
    ),
    Code.SPF_BAD_MACRO: _("The macro in “%(term)s” is not one of RFC 7208; the whole record is broken by it."),
    Code.SPF_BAD_NETWORK: _("“%(term)s” holds no address or network; the whole record is broken by it."),
    Code.SPF_OTHER_FAMILY: _("The address is of the other kind; this breaks the whole record. Write %(meant)s."),
    Code.SPF_BAD_PREFIX: _(
        "The length of the network in “%(term)s” is out of range; the whole record is broken by it."
    ),
    Code.SPF_ALL_TAKES_NOTHING: _("all takes nothing behind it; “%(term)s” breaks the whole record."),
    Code.SPF_MODIFIER_TWICE: _("%(name)s is given twice; the whole record is broken by it."),
    Code.SPF_TWO_IN_ONE: _(
        "A second record begins here. A domain has one: keep the terms of both, with v=spf1 at the "
        "beginning and one all at the end."
    ),
    Code.SPF_UNKNOWN_MODIFIER: _("Receivers do not know “%(term)s” and ignore it."),
    Code.SPF_PLUS_ALL: _("The record lets every server of the world send in this domain's name. Write -all or ~all."),
    Code.SPF_NEUTRAL_ALL: _(
        "?all says nothing about other servers, as if there were no record. Write ~all, and -all once all"
        " senders are named."
    ),
    Code.SPF_SOFT_ALL: _(
        "~all marks mail from other servers as doubtful. That is usual beside DMARC, which decides."
    ),
    Code.SPF_NO_ALL: _("The record does not say what holds for other servers. Put -all or ~all at its end."),
    Code.SPF_AFTER_ALL: _("“%(term)s” stands behind all and is never looked at. Put it before all."),
    Code.SPF_SEVERAL_ALL: _("This all is never reached: the first one decides. Keep one."),
    Code.SPF_REDIRECT_WITH_ALL: _("redirect= is ignored because the record has an all. Keep one of both."),
    Code.SPF_NOBODY: _("The record says that this domain sends no mail at all."),
    Code.SPF_PTR: _(
        "ptr is slow, unreliable, and not to be used any more (RFC 7208 section 5.5). Name the servers by"
        " ip4:, ip6: or a:."
    ),
    Code.SPF_MACRO: _("“%(term)s” depends on the message: what it lets pass cannot be told here."),
    Code.SPF_TWICE: _("“%(term)s” is there already. Take it out; each look-up counts."),
    Code.SPF_WIDE: _("“%(term)s” names %(count)s addresses. Hardly all of them are yours."),
    Code.SPF_PRIVATE: _("“%(term)s” is an address of private networks. Receivers never see it."),
    Code.SPF_LOOKUPS: _(
        "The record needs %(count)s look-ups. Receivers stop at %(most)s and treat the record as broken. "
        "Take services out that you do not use any more."
    ),
    Code.SPF_VOIDS: _(
        "%(count)s look-ups find nothing. Receivers stop at more than %(most)s and treat the record as broken."
    ),
    Code.SPF_OVERLAPPING: _("%(name)s is read more than once, each time at full cost."),
    Code.SPF_TYPE: _("The record type SPF is no longer used (RFC 7208 section 3.1). Publish the text as TXT."),
    Code.SPF_DUPLICATE: _(
        "%(name)s has more than one SPF record. Receivers treat that as broken: put all terms into one."
    ),
    Code.SPF_MISSING: _(
        "%(name)s has no SPF record. Anybody may claim to send for it: publish one, “v=spf1 -all” if it "
        "sends nothing."
    ),
    Code.TREE_SILENT: _("The DNS did not answer for %(name)s (%(term)s). Try again later."),
    Code.TREE_VOID: _("%(term)s finds nothing at %(name)s. Take it out."),
    Code.TREE_NO_RECORD: _("%(term)s leads to %(name)s, which has no SPF record; the whole record is broken by it."),
    Code.TREE_DUPLICATE: _(
        "%(term)s leads to %(name)s, which has several SPF records; the whole record is broken by it."
    ),
    Code.TREE_BAD_RECORD: _(
        "%(term)s leads to %(name)s, whose record has a syntax error; the whole record is broken by it."
    ),
    Code.TREE_CYCLE: _("%(term)s leads back to a record that is being read; the whole record is broken by it."),
    Code.TREE_UNREAD: _("The tree of look-ups is too large to be read to its end, from %(term)s on."),
    Code.DKIM_NO_VERSION: _("v=DKIM1 at the beginning is recommended, though receivers do without."),
    Code.DKIM_VERSION_PLACE: _("v=DKIM1 counts only in the first place; here it makes the record invalid."),
    Code.DKIM_NO_KEY: _("There is no p=, which holds the public key."),
    Code.DKIM_REVOKED: _("The key is revoked: an empty p= makes every signature by it fail."),
    Code.DKIM_PEM: _(
        "The key is pasted with the lines around it. Take only what stands between BEGIN and END, in one piece."
    ),
    Code.DKIM_BASE64: _(
        "This is not base64: letters, digits, + and /, perhaps = at the end. The key was cut or changed on its way."
    ),
    Code.DKIM_UNREADABLE: _(
        "This is not a public key that can be read. It was probably cut at 255 octets: publish all of it."
    ),
    Code.DKIM_OTHER_KEY: _("The key is not of the kind that k= says. An Ed25519 key needs k=ed25519."),
    Code.DKIM_SHORT: _("The key has %(bits)s bits. Below 1024 no receiver accepts it: make one of 2048."),
    Code.DKIM_WEAK: _("The key has %(bits)s bits. Replace it by one of 2048."),
    Code.DKIM_LONG: _("The key has %(bits)s bits. Receivers need not verify more than 4096."),
    Code.DKIM_ED25519_LENGTH: _(
        "An Ed25519 key has 32 octets in p=; this has %(count)s. Publish the bare key, without the frame "
        "that programs put around it."
    ),
    Code.DKIM_UNKNOWN_TYPE: _("Receivers do not know keys of the kind %(value)s and ignore this one."),
    Code.DKIM_SHA1_ONLY: _(
        "h= does not allow sha256, the only hash that receivers still accept (RFC 8301). Take h= out."
    ),
    Code.DKIM_SHA1: _("Signatures with sha1 count no more (RFC 8301). Take it out."),
    Code.DKIM_UNKNOWN_HASH: _("Receivers do not know the hash %(value)s."),
    Code.DKIM_SERVICE: _("s= does not allow this key for mail. Take s= out."),
    Code.DKIM_TESTING: _(
        "t=y says that DKIM is only being tested: a signature may count for nothing. Take it out once "
        "mail is signed well."
    ),
    Code.DKIM_STRICT: _("t=s: the key is not for subdomains of the signing domain."),
    Code.DKIM_UNKNOWN_FLAG: _("Receivers do not know the flag %(value)s and ignore it."),
    Code.DKIM_GRANULARITY: _(
        'g= is no longer part of DKIM; some old receivers take an empty one for "no address". Take it out.'
    ),
    Code.DKIM_SELECTORS: _(
        "Selectors cannot be listed: %(count)s usual ones were tried, and keys stand under %(found)s of "
        "them. A key under another name is not seen here."
    ),
    Code.DKIM_WILDCARD: _("Every selector gives this answer: %(name)s stands for all of them."),
    Code.DKIM_DUPLICATE: _("%(name)s has more than one text. Which one a receiver takes is chance: keep one."),
    Code.DMARC_NO_POLICY: _("p= is missing, and there is no usable rua=: the record does not count."),
    Code.DMARC_POLICY_NONE_TAKEN: _("p= is missing; receivers take none. Write it."),
    Code.DMARC_BAD_POLICY: _(
        "%(tag)s=%(value)s is no policy. Allowed are %(allowed)s; with another value the whole record "
        "counts as none, or not at all."
    ),
    Code.DMARC_BAD_VALUE: _("%(tag)s=%(value)s is ignored. Allowed are %(allowed)s."),
    Code.DMARC_GONE: _(
        "%(tag)s= is no longer part of DMARC (RFC 9989): receivers of today ignore it, older ones may "
        "still obey. Take it out."
    ),
    Code.DMARC_NO_MAILTO: _("%(tag)s takes mailto: before an address. As it stands, no report is sent to %(value)s."),
    Code.DMARC_BAD_URI: _(
        "“%(value)s” is no address for reports: they go to mailto: addresses, separated by commas."
    ),
    Code.DMARC_SIZE: _("The limit %(value)s is no longer part of DMARC (RFC 9989) and is ignored."),
    Code.DMARC_BLIND: _("Without rua= nobody reports who sends in this domain's name."),
    Code.DMARC_EXTERNAL: _(
        "Reports go to %(name)s, which has to agree by a record at %(domain)s._report._dmarc.%(name)s."
    ),
    Code.DMARC_EXTERNAL_DENIED: _(
        "%(name)s does not agree to receive the reports, so none is sent there. It has to publish "
        "“v=DMARC1;” at %(record)s."
    ),
    Code.DMARC_NONE: _(
        "p=none protects nothing yet; it asks for reports. Read them, then go on to quarantine and reject."
    ),
    Code.DMARC_TESTING: _(
        "t=y: receivers apply the next milder policy. Those that follow the old standard (RFC 7489) apply"
        " the full one."
    ),
    Code.DMARC_BELOW_WEAKER: _(
        "Subdomains get %(below)s while the domain has %(policy)s: impostors will use a subdomain."
    ),
    Code.DMARC_PSD: _(
        "psd=y is for suffixes such as “org”, below which others register. On a domain of your own it "
        "cuts subdomains off."
    ),
    Code.DMARC_OPTIONS_UNUSED: _("fo= does nothing without ruf=."),
    Code.DMARC_POLICY_LATE: _("Receivers of the old standard (RFC 7489) want p= right behind v=DMARC1."),
    Code.DMARC_DUPLICATE: _("%(name)s has more than one DMARC record: none of them counts. Keep one."),
    Code.DMARC_MISSING: _(
        "There is no DMARC record. Large receivers ask for one: publish “v=DMARC1; p=none” with rua= at "
        "%(name)s and read the reports."
    ),
    Code.DMARC_INHERITED: _("%(domain)s has no record of its own; that of %(name)s holds for it."),
    Code.STS_ID: _("id= has to be 1 to 32 letters and digits, and to change with the policy."),
    Code.STS_DUPLICATE: _("%(name)s has more than one MTA-STS record: none counts. Keep one."),
    Code.STS_MISSING: _(
        "There is no MTA-STS: an attacker on the way can take the encryption off mail to this domain."
    ),
    Code.POLICY_LINE: _("“%(line)s” is not key: value."),
    Code.POLICY_VERSION: _("The line “version: STSv1” is missing or different; the policy does not count."),
    Code.POLICY_MODE: _("mode is “%(value)s”; allowed are enforce, testing and none."),
    Code.POLICY_NO_MX: _("There is no mx line: no server would be allowed."),
    Code.POLICY_BAD_MX: _("“%(value)s” is no host name; *. may stand before one."),
    Code.POLICY_AGE: _("max_age has to be a number of seconds, at most %(most)s."),
    Code.POLICY_AGE_SHORT: _(
        "max_age is below a day: senders forget the policy before it protects. A week or more is usual."
    ),
    Code.POLICY_TWICE: _("%(key)s is given twice; the first counts."),
    Code.POLICY_TESTING: _("testing: servers report faults and deliver all the same."),
    Code.POLICY_WITHDRAWN: _("none: the policy is being withdrawn."),
    Code.POLICY_FAULT: _("The policy could not be fetched from %(name)s: %(fault)s"),
    Code.POLICY_UNLISTED: _(
        "The policy does not name the mail server %(value)s: servers that verify do not deliver to it."
    ),
    Code.POLICY_UNKNOWN_KEY: _("The standard does not know the key %(key)s; it is ignored."),
    Code.TLSRPT_NO_ADDRESS: _("rua= is missing: there is nobody to send reports to."),
    Code.TLSRPT_BAD_URI: _("“%(value)s” is neither a mailto: address nor an https: address."),
    Code.TLSRPT_DUPLICATE: _("%(name)s has more than one TLS-RPT record: none counts. Keep one."),
    Code.TLSRPT_MISSING: _("There is no TLS-RPT: nobody reports when encrypted delivery to this domain fails."),
    Code.BIMI_NO_LOGO: _("l= is missing, which says where the logo is."),
    Code.BIMI_BAD_URL: _("%(tag)s= has to be an https: address; “%(value)s” is none."),
    Code.BIMI_NOT_SVG: _("The logo has to be SVG, in the profile of BIMI (SVG Tiny PS)."),
    Code.BIMI_DECLINED: _("The domain says that it wants no logo to be shown."),
    Code.BIMI_NO_EVIDENCE: _("Without a certificate in a= the largest receivers show no logo."),
    Code.FIELDS: _("Some field is missing or too much. It looks like this: %(wanted)s"),
    Code.NUMBER: _("“%(value)s” is no number from 0 to %(most)s."),
    Code.HOST_ADDRESS: _(
        "“%(value)s” is an address; a name has to stand here, whose A or AAAA record holds the address."
    ),
    Code.HOST_BAD: _("“%(value)s” is no host name."),
    Code.HOST_ONE_LABEL: _("“%(value)s” has no dot. Outside a zone file the full name has to stand here."),
    Code.HOST_ALIAS: _(
        "%(value)s is an alias (CNAME), which may not stand here (RFC 2181 section 10.3). Give the name "
        "that it leads to."
    ),
    Code.HOST_NO_ADDRESS: _("%(value)s has no address: mail cannot be delivered there."),
    Code.HOST_PRIVATE: _("%(value)s has the address %(address)s, which cannot be reached from outside."),
    Code.MX_NULL: _("The null MX says that this domain takes no mail (RFC 7505)."),
    Code.MX_NULL_PREFERENCE: _("The null MX has the preference 0 (RFC 7505)."),
    Code.MX_NULL_NOT_ALONE: _("The null MX (a single dot) may not stand beside others (RFC 7505)."),
    Code.MX_MISSING: _(
        "%(name)s has no MX record. Some senders try its address, others give up: publish one, “0 .” if "
        "it takes no mail."
    ),
    Code.RECORD_TWICE: _("“%(value)s” is there already."),
    Code.SRV_PORT: _("Nothing is offered at port 0. For a service that does not exist, the target is a single dot."),
    Code.SRV_NOT_OFFERED: _("The single dot says that this service is not offered."),
    Code.TLSA_USAGE: _("The usage “%(value)s” does not exist; 3 is right for mail servers."),
    Code.TLSA_USAGE_PKIX: _(
        "The usage %(value)s is not used between mail servers (RFC 7672 section 3.1.3). Publish 3 1 1."
    ),
    Code.TLSA_AUTHORITY: _(
        "The usage 2 pins an authority: when it changes its certificates, mail is held back. 3 1 1 is safer."
    ),
    Code.TLSA_SELECTOR: _("The selector “%(value)s” does not exist; 1 pins the key."),
    Code.TLSA_CERTIFICATE: _(
        "The selector 0 pins the whole certificate: the record has to change with each renewal. 1 pins the key alone."
    ),
    Code.TLSA_MATCHING: _("The matching type “%(value)s” does not exist; 1 is SHA-256."),
    Code.TLSA_WHOLE: _("The matching type 0 puts all data into the DNS. 1 (SHA-256) is shorter and enough."),
    Code.TLSA_HEX: _("This is not hexadecimal: pairs of 0–9 and a–f."),
    Code.TLSA_LENGTH: _("The digest has %(count)s digits; %(wanted)s are needed."),
    Code.TLSA_UNSIGNED: _(
        "The answer for %(name)s is not proven by DNSSEC here. Without DNSSEC the record counts for nothing."
    ),
    Code.CAA_FLAGS: _("The flags %(value)s have no meaning; 0 or 128 is usual."),
    Code.CAA_TAG: _("Authorities do not know “%(value)s” and ignore it. issue, issuewild and iodef are usual."),
    Code.CAA_CRITICAL: _("Authorities do not know “%(value)s”, and the flag 128 then forbids them any certificate."),
    Code.CAA_ISSUER: _("“%(value)s” is not the domain of an authority, perhaps with ; and name=value behind it."),
    Code.CAA_NOBODY: _("No authority may issue a certificate of this kind."),
    Code.CAA_CONTACT: _("“%(value)s” is neither a mailto: nor an https: address."),
    Code.CAA_MISSING: _("There is no CAA: every authority of the world may issue a certificate for this domain."),
    Code.ZONE_SYNTAX: _("This record cannot be read. %(reason)s"),
    Code.ZONE_TYPE: _("“%(value)s” is no record type. Is a field missing, or does a text lack its quote marks?"),
    Code.ZONE_DIRECTIVE: _("%(name)s is not obeyed here: only what stands in the text is looked at."),
    Code.ZONE_NO_NAME: _("The record has no name, and none stands before it."),
    Code.ZONE_RELATIVE: _(
        "“%(name)s” has no dot at its end, so that a zone file reads %(becomes)s Put the dot if the full "
        "name is meant."
    ),
    Code.ZONE_UNQUOTED: _(
        "The text lacks its quote marks: spaces are lost, and all behind a semicolon is a comment."
    ),
    Code.ZONE_OPEN: _("A quote mark or bracket is not closed."),
    Code.ZONE_ALIAS_BESIDE: _(
        "%(name)s is an alias (CNAME) and has other records too, which is not allowed (RFC 1034 section 3.6.2)."
    ),
    Code.ZONE_TTLS: _(
        "The records %(type)s of %(name)s have different TTLs; they have to be alike (RFC 2181 section 5.2)."
    ),
    Code.DNS_NO_DOMAIN: _("%(name)s does not exist in the DNS."),
    Code.DNS_SILENT: _("The DNS did not answer for %(name)s (%(type)s). Nothing is known of it; try again later."),
    Code.DNS_BOGUS: _(
        "The answer for %(name)s (%(type)s) fails DNSSEC: receivers that check see nothing at all. Mend "
        "the signatures of the zone."
    ),
    Code.DNSSEC_ON: _("%(name)s is signed with DNSSEC, and the signatures are right."),
    Code.DNSSEC_OFF: _("%(name)s is not signed with DNSSEC. Answers could be forged, and DANE cannot be used."),
    Code.DNSSEC_UNSEEN: _(
        "%(name)s is signed with DNSSEC; the resolver of this host does not say whether the signatures are right."
    ),
}


def sentence_of(finding: Finding) -> str:
    """Return what a finding says to the reader."""
    return str(SENTENCES[finding.code]) % finding.values
