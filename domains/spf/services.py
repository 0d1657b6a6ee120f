"""Well-known services that send for others' domains: what they publish about themselves, as data.

A field that a service does not fix for all its customers is left out. ``include`` is empty for a service that uses
an envelope domain of its own, or one that the customer hands over by CNAME: SPF is then read there, and an include
at the customer's domain would only cost look-ups.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """One service.

    ``known_includes`` are names that stood in its instructions once, ``selectors`` those of its DKIM signatures in
    the customer's domain. ``aliases`` say which CNAME each selector is, ``{domain}`` standing for the customer's
    domain. ``domains`` are its own envelope and signing domains, ``reverse_names`` the ends of the
    names of its servers.
    """

    slug: str
    name: str
    kind: str  # office, mailing, helpdesk, crm, transactional, hosting, gateway
    include: str = ""
    known_includes: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    domains: tuple[str, ...] = ()
    reverse_names: tuple[str, ...] = ()


SERVICES: tuple[Service, ...] = (
    # ---- office suites and mailboxes ----
    Service(
        "google-workspace", "Google Workspace", "office", "_spf.google.com",
        selectors=("google",), domains=("gappssmtp.com",), reverse_names=("google.com",),
    ),
    Service(
        "microsoft-365", "Microsoft 365", "office", "spf.protection.outlook.com",
        selectors=("selector1", "selector2"), domains=("onmicrosoft.com",),
        reverse_names=("outbound.protection.outlook.com",),
    ),
    Service("zoho-mail", "Zoho Mail", "office", "zohomail.com", known_includes=("zoho.com",)),
    Service("zoho-mail-eu", "Zoho Mail (EU)", "office", "zohomail.eu", known_includes=("zoho.eu",)),
    Service(
        "fastmail", "Fastmail", "office", "spf.messagingengine.com",
        selectors=("fm1", "fm2", "fm3"),
        aliases=tuple((f"fm{n}", f"fm{n}.{{domain}}.dkim.fmhosted.com") for n in (1, 2, 3)),
        domains=("messagingengine.com",), reverse_names=("messagingengine.com",),
    ),
    Service(
        "proton-mail", "Proton Mail", "office", "_spf.protonmail.ch",
        selectors=("protonmail", "protonmail2", "protonmail3"), reverse_names=("protonmail.ch",),
    ),
    Service(
        "icloud-mail", "iCloud Mail", "office", "icloud.com",
        selectors=("sig1",), aliases=(("sig1", "sig1.dkim.{domain}.at.icloudmailadmin.com"),),
    ),
    Service(
        "migadu", "Migadu", "office", "spf.migadu.com",
        selectors=("key1", "key2", "key3"),
        aliases=tuple((f"key{n}", f"key{n}.{{domain}}._domainkey.migadu.com") for n in (1, 2, 3)),
        reverse_names=("migadu.com",),
    ),
    Service("mailbox-org", "mailbox.org", "office", "mailbox.org", reverse_names=("mailbox.org",)),
    Service("yandex-360", "Yandex 360", "office", "_spf.yandex.net", reverse_names=("yandex.net",)),
    # ---- hosting ----
    Service(
        "gandi", "Gandi", "hosting", "_mailcust.gandi.net",
        selectors=("gm1", "gm2", "gm3"),
        aliases=tuple((f"gm{n}", f"gm{n}.gandimail.net") for n in (1, 2, 3)),
        reverse_names=("mail.gandi.net",),
    ),
    Service("godaddy", "GoDaddy", "hosting", "secureserver.net", reverse_names=("secureserver.net",)),
    Service(
        "hostinger", "Hostinger", "hosting", "_spf.mail.hostinger.com",
        selectors=("hostingermail-a", "hostingermail-b", "hostingermail-c"),
        aliases=tuple((f"hostingermail-{n}", f"hostingermail-{n}.dkim.mail.hostinger.com") for n in "abc"),
    ),
    Service("infomaniak", "Infomaniak", "hosting", "spf.infomaniak.ch", reverse_names=("infomaniak.ch",)),
    Service("ovhcloud", "OVHcloud", "hosting", "mx.ovh.com", reverse_names=("mail-out.ovh.net",)),
    Service("rackspace-email", "Rackspace Email", "hosting", "emailsrvr.com", reverse_names=("emailsrvr.com",)),
    # ---- mailing lists and newsletters ----
    Service("activecampaign", "ActiveCampaign", "mailing", known_includes=("emsd1.com",)),
    Service(
        "brevo", "Brevo", "mailing",
        known_includes=("spf.brevo.com", "spf.sendinblue.com"), selectors=("brevo1", "brevo2"),
        domains=("sender-sib.com",),
    ),
    Service(
        "campaign-monitor", "Campaign Monitor", "mailing",
        known_includes=("_spf.createsend.com",), selectors=("cm",), domains=("createsend.com",),
        reverse_names=("createsend.com",),
    ),
    Service(
        "constant-contact", "Constant Contact", "mailing",
        known_includes=("spf.constantcontact.com",), selectors=("ctct1", "ctct2"),
        domains=("in.constantcontact.com",), reverse_names=("constantcontact.com",),
    ),
    Service("klaviyo", "Klaviyo", "mailing", domains=("klaviyomail.com",), reverse_names=("klaviyomail.com",)),
    Service(
        "mailchimp", "Mailchimp", "mailing",
        known_includes=("servers.mcsv.net",), selectors=("k1", "k2", "k3"),
        aliases=(("k2", "dkim2.mcsv.net"), ("k3", "dkim3.mcsv.net")),
        domains=("mcsv.net", "mcdlv.net", "rsgsv.net"), reverse_names=("mcsv.net", "mcdlv.net", "rsgsv.net"),
    ),
    Service(
        "mailerlite", "MailerLite", "mailing", "_spf.mlsend.com",
        selectors=("litesrv",), aliases=(("litesrv", "litesrv._domainkey.mlsend.com"),),
        reverse_names=("mlsend.com",),
    ),
    # ---- mail that programs send ----
    Service(
        "amazon-ses", "Amazon SES", "transactional",
        known_includes=("amazonses.com",), domains=("amazonses.com",), reverse_names=("amazonses.com",),
    ),
    Service("elastic-email", "Elastic Email", "transactional", "_spf.elasticemail.com"),
    Service("mailgun", "Mailgun", "transactional", "mailgun.org", reverse_names=("mailgun.net",)),
    Service(
        "mailjet", "Mailjet", "transactional", "spf.mailjet.com",
        selectors=("mailjet",), domains=("mailjet.com",), reverse_names=("mailjet.com",),
    ),
    Service(
        "mandrill", "Mailchimp Transactional (Mandrill)", "transactional",
        known_includes=("spf.mandrillapp.com",), selectors=("mandrill", "mte1", "mte2"),
        aliases=(("mte1", "dkim1.mandrillapp.com"), ("mte2", "dkim2.mandrillapp.com")),
        domains=("mandrillapp.com",), reverse_names=("mandrillapp.com",),
    ),
    Service(
        "postmark", "Postmark", "transactional",
        known_includes=("spf.mtasv.net",), domains=("mtasv.net",), reverse_names=("mtasv.net",),
    ),
    Service(
        "sendgrid", "Twilio SendGrid", "transactional",
        known_includes=("sendgrid.net",), selectors=("s1", "s2"), domains=("sendgrid.net",),
        reverse_names=("sendgrid.net",),
    ),
    Service("smtp2go", "SMTP2GO", "transactional", known_includes=("spf.smtp2go.com",), domains=("smtp2go.com",)),
    Service(
        "sparkpost", "SparkPost", "transactional",
        known_includes=("_netblocks.sparkpostmail.com", "sparkpostmail.com"), domains=("sparkpostmail.com",),
        reverse_names=("sparkpostmail.com",),
    ),
    # ---- helpdesks and customers ----
    Service("atlassian", "Atlassian", "helpdesk", "_spf.atlassian.net"),
    Service("freshdesk", "Freshdesk", "helpdesk", "email.freshdesk.com"),
    Service(
        "help-scout", "Help Scout", "helpdesk", "helpscoutemail.com",
        selectors=("strong1", "strong2"),
        aliases=(("strong1", "strong1._domainkey.helpscout.net"), ("strong2", "strong2._domainkey.helpscout.net")),
    ),
    Service(
        "zendesk", "Zendesk", "helpdesk", "mail.zendesk.com",
        selectors=("zendesk1", "zendesk2"),
        aliases=(("zendesk1", "zendesk1._domainkey.zendesk.com"), ("zendesk2", "zendesk2._domainkey.zendesk.com")),
        domains=("zendesk.com",), reverse_names=("zdsys.com", "zendesk.com"),
    ),
    Service(
        "hubspot", "HubSpot", "crm",
        domains=("hubspotemail.net",), reverse_names=("hubspotemail.net",),
    ),
    Service("intercom", "Intercom", "crm", selectors=("intercom",)),
    Service("salesforce", "Salesforce", "crm", "_spf.salesforce.com", reverse_names=("salesforce.com",)),
    Service("salesforce-marketing-cloud", "Salesforce Marketing Cloud", "crm", "cust-spf.exacttarget.com"),
    # ---- gateways ----
    Service("mimecast", "Mimecast", "gateway", "_netblocks.mimecast.com", reverse_names=("mimecast.com",)),
)  # fmt: skip
BY_SLUG = {service.slug: service for service in SERVICES}


def under(name: str, parents: Iterable[str]) -> bool:
    """True when a name is one of these or below one."""
    plain = name.lower().removesuffix(".")
    return any(plain == parent or plain.endswith(f".{parent}") for parent in parents)


def service_of_include(name: str) -> Service | None:
    """Return the service whose include, of today or of once, this is; by the name alone."""
    plain = name.lower().removesuffix(".")
    for service in SERVICES:
        if plain in (service.include, *service.known_includes):
            return service
    return next((service for service in SERVICES if under(plain, service.domains)), None)
