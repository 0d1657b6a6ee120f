"""Known forwarders and hosts of mailing lists: what they prove of themselves, as data.

``domains`` are envelope and signing domains of what they pass on, ``reverse_names`` the ends of the names of their
servers. A mailbox provider forwards for its users; a service that also sends for domains of its customers stands in
``domains.spf.services`` too, and is told apart by the envelope.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Forwarder:
    """One forwarder, host of lists or mailbox provider."""

    name: str
    kind: str  # provider, forwarder, list
    domains: tuple[str, ...] = ()
    reverse_names: tuple[str, ...] = ()


FORWARDERS: tuple[Forwarder, ...] = (
    # ---- mailbox providers, whose users forward ----
    Forwarder("Gmail", "provider", ("gmail.com", "googlemail.com")),
    Forwarder("Outlook.com", "provider", ("outlook.com", "hotmail.com", "live.com", "msn.com")),
    Forwarder("Yahoo Mail", "provider", ("yahoo.com", "ymail.com", "aol.com"), ("mail.yahoo.com",)),
    Forwarder("iCloud Mail", "provider", ("icloud.com", "me.com", "mac.com")),
    Forwarder("GMX", "provider", ("gmx.net", "gmx.de", "gmx.com", "web.de"), ("gmx.net", "web.de")),
    Forwarder("Mail.ru", "provider", ("mail.ru", "inbox.ru", "list.ru", "bk.ru"), ("mail.ru",)),
    Forwarder("Orange", "provider", ("orange.fr", "wanadoo.fr")),
    Forwarder("Free", "provider", ("free.fr",)),
    # ---- forwarding services ----
    Forwarder("Cloudflare Email Routing", "forwarder", ("cloudflare-email.net",), ("cloudflare-email.net",)),
    Forwarder("Forward Email", "forwarder", ("forwardemail.net",), ("forwardemail.net",)),
    Forwarder("ImprovMX", "forwarder", ("improvmx.com",), ("improvmx.com",)),
    Forwarder("Pobox", "forwarder", ("pobox.com",), ("pobox.com",)),
    Forwarder("addy.io", "forwarder", ("addy.io", "anonaddy.com", "anonaddy.me"), ("addy.io", "anonaddy.com")),
    Forwarder("SimpleLogin", "forwarder", ("simplelogin.co", "simplelogin.io"), ("simplelogin.co",)),
    Forwarder("DuckDuckGo Email Protection", "forwarder", ("duck.com",)),
    Forwarder("Firefox Relay", "forwarder", ("mozmail.com", "relay.firefox.com")),
    Forwarder("Namecheap Forwarding", "forwarder", (), ("eforward.registrar-servers.com",)),
    # ---- mailing lists ----
    Forwarder("Google Groups", "list", ("googlegroups.com",)),
    Forwarder("Groups.io", "list", ("groups.io",), ("groups.io",)),
    Forwarder("FreeLists", "list", ("freelists.org",), ("freelists.org",)),
    Forwarder("Debian lists", "list", ("lists.debian.org",), ("lists.debian.org", "bendel.debian.org")),
    Forwarder("GNU lists", "list", ("gnu.org", "nongnu.org"), ("lists.gnu.org",)),
    Forwarder("Linux kernel lists", "list", ("vger.kernel.org", "lists.linux.dev"), ("vger.kernel.org",)),
    Forwarder("SourceForge lists", "list", ("lists.sourceforge.net",), ("sourceforge.net",)),
    Forwarder("IETF lists", "list", ("ietf.org", "irtf.org"), ("ietf.org",)),
    Forwarder("Renater lists", "list", ("groupes.renater.fr",), ("renater.fr",)),
    Forwarder("Framalistes", "list", ("framalistes.org",), ("framasoft.org",)),
)
