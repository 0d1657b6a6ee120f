# ruff: noqa: E501
"""Streams of mail in the name of acme.example as reports show them, each with the class that a person gave it.

acme.example runs mail.acme.example (192.0.2.25, 2001:db8::25), a relay in 198.51.100.0/24 (*Office*, selector desk),
Mailchimp and Google Workspace. Columns: class; address; aligned (``d`` DKIM, ``s`` SPF, ``-`` neither); names whose SPF
passed; signatures ``domain/selector``, ``!`` before one that failed; reverse name, ``~`` before one that does not lead
back; reasons of the receiver; why.
"""

TABLE = """
own               | 192.0.2.25       | ds | acme.example                  | acme.example/m1                |                                  |                 | our server, all well
own               | 192.0.2.25       | s  | acme.example                  |                                |                                  |                 | our server, the key not yet published
own               | 192.0.2.25       | d  |                               | acme.example/m1                |                                  |                 | our server, missing in SPF
own               | 192.0.2.25       | -  |                               | !acme.example/m1               |                                  |                 | our server, everything wrong
own               | 2001:db8::25     | ds | acme.example                  | acme.example/m1                |                                  |                 | our server by IPv6
own               | 203.0.113.4      | d  |                               | acme.example/m1                | new.acme.example                 |                 | our server after it moved, by its proven name
own               | 203.0.113.4      | -  |                               |                                | web.acme.example                 |                 | the web server's own mail, unsigned
own               | 203.0.113.5      | s  | acme.example                  |                                | smtp2.acme.example               |                 | a second server, not signing
service-aligned   | 198.51.100.7     | ds | acme.example                  | acme.example/desk              |                                  |                 | the office
service-aligned   | 198.51.100.7     | s  | acme.example                  |                                |                                  |                 | the office without its key
service-aligned   | 198.51.100.9     | d  |                               | acme.example/desk              |                                  |                 | the office, its address missing in SPF
service-aligned   | 203.0.113.30     | d  | mail30.mcsv.net               | acme.example/k2                | mail30.mcsv.net                  |                 | Mailchimp as it should be
service-aligned   | 203.0.113.31     | d  | mail31.rsgsv.net              | acme.example/k3                |                                  |                 | Mailchimp by another of its domains
service-aligned   | 203.0.113.31     | d  | mail31.rsgsv.net              | acme.example/k3, mcsv.net/k1   |                                  |                 | signed twice
service-aligned   | 209.85.220.41    | ds | acme.example                  | acme.example/google            | mail-sor-f41.google.com          |                 | Google Workspace
service-aligned   | 209.85.220.41    | ds | acme.example                  | acme.example/google            |                                  |                 | Google Workspace, no name asked yet
service-aligned   | 209.85.220.42    | s  | acme.example                  | acme.gappssmtp.com/20230601    | mail-sor-f42.google.com          |                 | Google Workspace with its own key only
service-aligned   | 203.0.113.80     | ds | acme.example                  | acme.example/x9                | out.crm.example                  |                 | a CRM that both records know
service-aligned   | 203.0.113.81     | ds | acme.example                  | acme.example/x9                |                                  |                 | the same, without a name
service-aligned   | 203.0.113.33     | d  | bounces.mcdlv.net             | news.acme.example/k2           | mail33.mcdlv.net                 |                 | Mailchimp for a subdomain
service-misaligned| 203.0.113.30     | -  | mail30.mcsv.net               | mcsv.net/k1                    | mail30.mcsv.net                  |                 | Mailchimp before its records are published
service-misaligned| 203.0.113.30     | -  | mail30.mcsv.net               |                                |                                  |                 | Mailchimp, signing nothing
service-misaligned| 203.0.113.30     | -  |                               | !acme.example/k2               | mail30.mcsv.net                  |                 | Mailchimp with an old key
service-misaligned| 209.85.220.41    | -  | acme.gappssmtp.com            | acme.gappssmtp.com/20230601    | mail-sor-f41.google.com          |                 | Google Workspace set up by nobody
service-misaligned| 198.51.100.7     | -  |                               |                                |                                  |                 | the office, its address and its key gone
service-misaligned| 198.51.100.8     | -  | printer.local.example         |                                |                                  |                 | a printer of the office
service-misaligned| 198.51.100.9     | -  |                               | !acme.example/desk             | office.isp.example               |                 | the office with a broken key
forwarder         | 209.85.128.10    | d  | gmail.com                     | acme.example/m1                | mail-lf1-f10.google.com          |                 | forwarded by somebody at Gmail
forwarder         | 209.85.128.11    | d  | school.example                | acme.example/m1                | mail-lf1-f11.google.com          |                 | forwarded by a school at Google
forwarder         | 40.107.22.9      | d  | alumni.example                | acme.example/m1                | eur05.outbound.protection.outlook.com |            | forwarded by alumni at Microsoft, not a service of ours
forwarder         | 203.0.113.60     | d  | university.example            | acme.example/m1                | mx.university.example            |                 | forwarded by a university with SRS
forwarder         | 203.0.113.61     | d  |                               | acme.example/m1                | mx.club.example                  |                 | forwarded, the envelope kept
forwarder         | 203.0.113.61     | d  |                               | acme.example/m1                |                                  |                 | the same, no name
forwarder         | 2001:db8:9::1    | d  | isp.example                   | acme.example/m1                | out.isp.example                  |                 | forwarded by IPv6
forwarder         | 203.0.113.62     | d  | lists.debian.org              | acme.example/m1                | bendel.debian.org                |                 | a list that leaves the signature whole
forwarder         | 203.0.113.63     | -  | googlegroups.com              | googlegroups.com/20230601, !acme.example/m1 | mail-wr1.google.com | mailing_list    | a list that writes into the body
forwarder         | 203.0.113.64     | -  | lists.sourceforge.net         | !acme.example/m1               | lists.sourceforge.net            |                 | a known host of lists
forwarder         | 203.0.113.65     | -  | ietf.org                      | ietf.org/ietf1, !acme.example/m1 | mail.ietf.org                  |                 | another
forwarder         | 203.0.113.66     | -  | relay.example                 | !acme.example/m1               | relay.example                    | forwarded       | the receiver says that it was forwarded
forwarder         | 203.0.113.67     | -  |                               | !acme.example/m1               | fw.company.example               | arc             | the receiver believed a seal
forwarder         | 203.0.113.68     | -  |                               |                                |                                  | trusted_forwarder | the receiver knows the forwarder
forwarder         | 209.85.128.12    | -  | gmail.com                     | !acme.example/m1               | mail-lf1-f12.google.com          |                 | forwarded at Gmail, changed on the way
forwarder         | 203.0.113.69     | -  | cloudflare-email.net          | cloudflare-email.net/cf2024    | out.cloudflare-email.net         |                 | a forwarding service
forwarder         | 203.0.113.70     | d  | mail31.rsgsv.net              | acme.example/k2                | mx.friend.example                | forwarded       | a newsletter, forwarded by its reader
forwarder         | 203.0.113.71     | d  | friend.example                | acme.example/k2                | mx.friend.example                |                 | the same by SRS, the receiver says nothing
unknown           | 203.0.113.90     | s  | acme.example                  |                                |                                  |                 | SPF lets it, nothing else is known
unknown           | 203.0.113.91     | s  | acme.example                  |                                | shared7.hoster.example           |                 | a shared host in our SPF record
unknown           | 203.0.113.92     | -  | em.sendgrid.net               | sendgrid.net/smtpapi           | o1.ptr1.sendgrid.net             |                 | a service that nobody named: forgotten, or an impostor's account
unknown           | 203.0.113.93     | -  | crm.example                   | crm.example/s1                 | out9.crm.example                 |                 | a proper mail server of somebody's
unknown           | 203.0.113.94     | -  |                               | saas.example/d1                | mail.saas.example                |                 | the same by its signature alone
unknown           | 40.107.22.10     | -  | tenant.onmicrosoft.com        | tenant.onmicrosoft.com/selector1 | eur05.outbound.protection.outlook.com |          | somebody's Microsoft 365
impostor          | 203.0.113.200    | -  |                               |                                |                                  |                 | nothing at all
impostor          | 203.0.113.201    | -  | spam1.example                 |                                |                                  |                 | its own envelope
impostor          | 203.0.113.202    | -  | spam2.example                 | spam2.example/x                |                                  |                 | its own signature, no name
impostor          | 203.0.113.203    | -  |                               |                                | dyn-203.isp.example              |                 | a home connection
impostor          | 203.0.113.204    | -  |                               |                                | ~mail.acme.example               |                 | a name of ours that does not lead back
impostor          | 203.0.113.205    | -  |                               | !acme.example/m1               |                                  |                 | a signature of ours, forged
impostor          | 203.0.113.206    | -  |                               | !acme.example/k2               |                                  |                 | a selector of our newsletter, forged
impostor          | 203.0.113.207    | -  | mcsv.net.evil.example         | evil.example/k1                | ~mail.mcsv.net                   |                 | called like our newsletter
impostor          | 203.0.113.208    | -  | notacme.example               |                                | host.notacme.example             |                 | a name that ends like ours
impostor          | 203.0.113.209    | -  | spam3.example                 | spam3.example/x                | vps9.hoster.example              |                 | a rented server
impostor          | 2001:db8:66::9   | -  |                               |                                |                                  |                 | by IPv6
impostor          | 203.0.113.210    | -  | gmail.com                     | gmail.com/20230601             | mail-lf1-f10.google.com          |                 | from somebody's account at Gmail
impostor          | 203.0.113.211    | -  |                               | !google.com/x                  | ~mail.google.com                 |                 | as if from Google
"""
