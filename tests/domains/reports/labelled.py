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
unknown           | 167.89.12.3      | s  | acme.example                  |                                | o1.ptr1.sendgrid.net             |                 | SPF lets SendGrid send, nobody listed it: any account there may
service-aligned   | 167.89.12.4      | ds | acme.example                  | acme.example/s1                | o2.ptr1.sendgrid.net             |                 | SendGrid not listed, but with a key of ours
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
own               | 192.0.2.25       | ds | acme.example                  | news.acme.example/m1           |                                  |                 | our server for a subdomain
own               | 192.0.2.25       | -  | evil.example                  | evil.example/x                 |                                  |                 | our server misused: still ours to mend
own               | 192.0.2.25       | d  | gmail.com                     | acme.example/m1                |                                  |                 | our server passing on for one of our users
own               | 192.0.2.25       | -  |                               |                                | ~mail.evil.example               |                 | our address, whatever its name
own               | 2001:db8::25     | -  |                               | !acme.example/m1               |                                  |                 | our server by IPv6, missing everywhere
own               | 2001:db8::25     | s  | acme.example                  |                                |                                  |                 | our server by IPv6, not signing
own               | 2001:db8:1::4    | ds | acme.example                  | acme.example/m1                | mail.acme.example                |                 | moved, by IPv6
own               | 203.0.113.6      | ds | acme.example                  | acme.example/m2                | mail2.acme.example               |                 | a third server, all well
own               | 203.0.113.6      | d  |                               | acme.example/m2                | acme.example                     |                 | named like the domain itself
own               | 203.0.113.7      | -  | evil.example                  |                                | www.acme.example                 |                 | a web server of ours, misused
service-aligned   | 198.51.100.20    | ds | news.acme.example             | news.acme.example/desk         |                                  |                 | the office for a subdomain
service-aligned   | 198.51.100.254   | d  | gmail.com                     | acme.example/desk              |                                  |                 | the office, a foreign envelope
service-aligned   | 203.0.113.34     | ds | acme.example                  | acme.example/k2                | mail34.mcsv.net                  |                 | Mailchimp that is in SPF too
service-aligned   | 203.0.113.35     | d  | mail35.mcsv.net               | acme.example/k2                |                                  |                 | Mailchimp before its name was asked
service-aligned   | 203.0.113.36     | d  | mail36.mcsv.net               | acme.example/k2                | ~mail36.mcsv.net                 |                 | Mailchimp, its name not leading back
service-aligned   | 203.0.113.36     | d  |                               | acme.example/k2                | mail36.mcsv.net                  |                 | Mailchimp, the envelope not reported
service-aligned   | 209.85.220.43    | ds | acme.example                  | acme.example/google, acme.gappssmtp.com/20230601 | mail-sor-f43.google.com          |                 | Google Workspace, signed twice
service-aligned   | 2607:f8b0:4864::1 | ds | acme.example                  | acme.example/google            | mail-lf1-x1.google.com           |                 | Google Workspace by IPv6
service-aligned   | 203.0.113.82     | ds | bounce.acme.example           | acme.example/x9                |                                  |                 | an envelope below ours
service-aligned   | 2001:db8:7::1    | ds | acme.example                  | acme.example/x9                |                                  |                 | a CRM by IPv6
service-misaligned | 203.0.113.37     | -  | mail37.rsgsv.net              | mcsv.net/k1                    | mail37.rsgsv.net                 |                 | Mailchimp by another of its domains
service-misaligned | 203.0.113.38     | -  | mail38.mcdlv.net              | mcsv.net/k1                    | ~mail38.mcdlv.net                |                 | Mailchimp, its name not leading back
service-misaligned | 203.0.113.39     | -  | mail39.mcsv.net               | mcsv.net/k1, !acme.example/k2  | mail39.mcsv.net                  |                 | Mailchimp, the aligned key broken
service-misaligned | 203.0.113.40     | -  |                               | mcsv.net/k1                    |                                  |                 | Mailchimp by its signature alone
service-misaligned | 203.0.113.41     | -  | mail41.mcsv.net               |                                |                                  |                 | Mailchimp by its envelope alone
service-misaligned | 203.0.113.42     | -  | mail42.mcsv.net               | mcsv.net/k1                    | mail42.mcsv.net                  |                 | a stranger's account there looks the same: the owner has to look
service-misaligned | 209.85.220.44    | -  | acme.gappssmtp.com            | acme.gappssmtp.com/20230601    |                                  |                 | Google Workspace, no name asked yet
service-misaligned | 209.85.220.45    | -  |                               | acme.gappssmtp.com/20230601    | mail-sor-f45.google.com          |                 | Google Workspace, bounces
service-misaligned | 198.51.100.30    | -  | evil.example                  |                                |                                  |                 | a machine of the office
service-misaligned | 198.51.100.31    | -  |                               | !acme.example/m1               |                                  |                 | the office with a key it no longer has
service-misaligned | 198.51.100.32    | -  |                               |                                | ~mail.google.com                 |                 | the office, its name invented
forwarder         | 209.85.128.13    | d  | gmail.com                     | acme.example/m1                |                                  |                 | forwarded at Gmail, no name asked yet
forwarder         | 209.85.128.14    | d  | googlemail.com                | acme.example/google            | mail-lf1-f14.google.com          |                 | our Workspace's mail, forwarded at Gmail
forwarder         | 40.92.1.1        | d  | outlook.com                   | acme.example/m1                | eur01.outbound.protection.outlook.com |                 | forwarded at Outlook.com
forwarder         | 40.92.1.2        | d  | hotmail.com                   | acme.example/k2                |                                  |                 | our newsletter, forwarded at Hotmail
forwarder         | 203.0.113.110    | d  | icloud.com                    | acme.example/m1                |                                  |                 | forwarded at iCloud
forwarder         | 203.0.113.111    | d  | gmx.net                       | acme.example/m1                | mout.gmx.net                     |                 | forwarded at GMX
forwarder         | 203.0.113.112    | d  | alumni.university.example     | acme.example/desk              | mx.university.example            |                 | the office's mail, forwarded to alumni
forwarder         | 203.0.113.113    | d  | forwardemail.net              | acme.example/m1                | mx1.forwardemail.net             |                 | a forwarding service, signature whole
forwarder         | 203.0.113.114    | -  | forwardemail.net              | !acme.example/m1               | mx2.forwardemail.net             |                 | a forwarding service, signature broken
forwarder         | 203.0.113.115    | -  | pobox.com                     | !acme.example/m1               | pb-smtp1.pobox.com               |                 | forwarded at Pobox
forwarder         | 203.0.113.117    | -  | simplelogin.co                | simplelogin.co/dkim            |                                  |                 | an alias service
forwarder         | 203.0.113.118    | -  | anonaddy.me                   |                                | mail.anonaddy.com                |                 | another alias service
forwarder         | 203.0.113.119    | -  | groups.io                     | groups.io/20240206, !acme.example/m1 | mail02.groups.io                 |                 | a list at Groups.io
forwarder         | 203.0.113.120    | -  | googlegroups.com              | googlegroups.com/20230601      |                                  |                 | a Google group, the receiver says nothing
forwarder         | 203.0.113.121    | -  | lists.gnu.org                 | !acme.example/m1               | lists.gnu.org                    |                 | a GNU list
forwarder         | 203.0.113.122    | -  | vger.kernel.org               | !acme.example/m1               |                                  |                 | a kernel list
forwarder         | 203.0.113.123    | d  | freelists.org                 | acme.example/m1                | turing.freelists.org             |                 | a list that leaves all as it was
forwarder         | 203.0.113.124    | -  | groupes.renater.fr            | !acme.example/m1               |                                  |                 | a French list
forwarder         | 203.0.113.125    | -  | list.club.example             | !acme.example/m1               | list.club.example                | mailing_list    | a small list that its receiver knows
forwarder         | 203.0.113.126    | -  |                               |                                |                                  | forwarded       | the receiver says so, nothing else is known
forwarder         | 2001:db8:9::2    | -  | relay.example                 | !acme.example/m1               |                                  | arc             | a seal, by IPv6
forwarder         | 2001:db8:9::3    | d  | gmail.com                     | acme.example/m1                |                                  |                 | Gmail by IPv6
forwarder         | 203.0.113.127    | d  |                               | acme.example/k2                | ~mail.mcsv.net                   |                 | a newsletter sent again from elsewhere, called like its sender
forwarder         | 203.0.113.128    | d  | evil.example                  | acme.example/desk              |                                  |                 | a signed message sent again by a stranger: nothing of it is set up wrong
unknown           | 203.0.113.95     | s  | news.acme.example             |                                |                                  |                 | SPF of a subdomain lets it
unknown           | 203.0.113.96     | s  | acme.example                  | hoster.example/h1              | web7.hoster.example              |                 | a shared host that signs for itself
unknown           | 2001:db8:8::1    | s  | acme.example                  |                                |                                  |                 | SPF lets it, by IPv6
unknown           | 203.0.113.97     | s  | acme.example                  |                                | ~mail.acme.example               |                 | SPF lets it, its name does not lead back
unknown           | 203.0.113.98     | -  |                               | sendgrid.net/smtpapi           |                                  |                 | a service that nobody named, by its signature
unknown           | 203.0.113.99     | -  | em9.sendgrid.net              |                                |                                  |                 | the same by its envelope
unknown           | 203.0.113.100    | -  | other.onmicrosoft.com         | other.onmicrosoft.com/selector1 |                                  |                 | somebody's Microsoft 365, no name asked yet
unknown           | 203.0.113.101    | -  | shop.co.uk                    | shop.co.uk/s1                  | mx.shop.co.uk                    |                 | a proper server below a suffix of two labels
unknown           | 203.0.113.102    | -  | mail.saas.example             | mail.saas.example/d1           | out.saas.example                 |                 | signed below, named beside
impostor          | 203.0.113.212    | -  | evil.co.uk                    | evil.co.uk/x                   | dyn-7.isp.co.uk                  |                 | a home connection and a signer that share a public suffix alone
impostor          | 203.0.113.213    | -  |                               | evil.com.au/x                  | host9.provider.com.au            |                 | the same elsewhere
impostor          | 203.0.113.214    | -  |                               | a.github.io/x                  | b.github.io                      |                 | two tenants of one host of pages
impostor          | 203.0.113.215    | -  | acme.example.evil.example     |                                |                                  |                 | our name as the beginning of another
impostor          | 203.0.113.216    | -  | xacme.example                 | xacme.example/google           |                                  |                 | a look-alike with a selector of ours
impostor          | 203.0.113.217    | -  | evil.example                  | evil.example/desk, !acme.example/desk |                                  |                 | the office's selector, forged
impostor          | 203.0.113.218    | -  | evil.example                  | evil.example/x                 | ~o1.ptr1.sendgrid.net            |                 | called like a service that nobody named
impostor          | 203.0.113.219    | -  |                               |                                | ~lists.debian.org                |                 | called like a host of lists
impostor          | 203.0.113.220    | -  |                               | !googlegroups.com/20230601     |                                  |                 | a list's signature, forged
impostor          | 203.0.113.221    | -  | gmail.com.evil.example        |                                |                                  |                 | called like Gmail
impostor          | 203.0.113.222    | -  |                               |                                | static-222.hoster.example        |                 | a rented server without anything
impostor          | 203.0.113.223    | -  |                               |                                | cpe-223.cable.example            |                 | a cable connection
impostor          | 203.0.113.224    | -  | notmcsv.net                   | notmcsv.net/k1                 | mail.notmcsv.net.evil.example    |                 | ends like a service without being below it
impostor          | 203.0.113.225    | -  | outlook.com                   | outlook.com/selector1          | eur02.outbound.protection.outlook.com |                 | somebody's account at Outlook.com
impostor          | 203.0.113.226    | -  | gmx.net                       | gmx.net/s1                     | mout.gmx.net                     |                 | somebody's account at GMX
impostor          | 203.0.113.227    | -  | yahoo.com                     | yahoo.com/s2048                | sonic1.mail.yahoo.com            |                 | somebody's account at Yahoo
impostor          | 2001:db8:66::a   | -  | evil.example                  | evil.example/x                 | vps.hoster.example               |                 | a rented server by IPv6
impostor          | 2001:db8:66::b   | -  |                               | !acme.example/m1               | ~mail.acme.example               |                 | all of it forged, by IPv6
impostor          | 203.0.113.228    | -  | evil.example                  |                                |                                  | other           | the receiver's reason says nothing of forwarding
own               | ::ffff:192.0.2.25 | ds | acme.example                  | acme.example/m1                |                                  |                 | our server, its address mapped into IPv6
service-aligned   | ::ffff:198.51.100.7 | d  |                               | acme.example/desk              |                                  |                 | the office, mapped
impostor          | ::ffff:203.0.113.229 | -  | evil.example                  |                                |                                  |                 | a stranger, mapped
"""
