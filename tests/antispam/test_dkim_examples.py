"""The examples that RFC 6376 appendix A and RFC 8463 appendix A print, verified as they stand."""

import pytest

from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import verify_dkim
from domains.dns.zone import ZoneResolver

MESSAGE = b"""From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")
ED25519 = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
""".replace(b"\n", b"\r\n")
RSA = b"""DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
""".replace(b"\n", b"\r\n")
ZONE = {
    ("brisbane._domainkey.football.example.com", "TXT"): [
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    ],
    ("test._domainkey.football.example.com", "TXT"): [
        "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
        "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
        "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
        "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
    ],
}


async def test_the_message_of_rfc_8463_verifies_with_both_keys():
    found = await verify_dkim(ED25519 + RSA + MESSAGE, ZoneResolver(ZONE))
    assert [(one.result, one.algorithm, one.bits) for one in found] == [
        (DkimResult.PASS, "ed25519-sha256", 256),
        (DkimResult.PASS, "rsa-sha256", 1024),
    ]
    assert found[1].warning


CHANGES = [
    (b"Subject: Is dinner ready?", b"Subject: Send money", "fail", "a signed field changed"),
    (b"We lost", b"We won", "fail", "the body changed"),
    (b"Subject:", b"Subject: first\r\nSubject:", "fail", "a field added that h= names once more than it is there"),
    (b"Subject: Is  ", b"Subject: Is ", "pass", "white space, which relaxed forgives"),
    (b"From: Joe", b"From:  Joe", "pass", "more white space"),
    (b"To: Suzie", b"TO:\r\n Suzie", "pass", "another case and a fold"),
    (b"Joe.\r\n", b"Joe.  \r\n\r\n\r\n", "pass", "white space and empty lines at the body's end"),
    (b"t=1528637909;", b"t=1528637909; x=1528637900;", "fail", "it expired before it was made"),
    (b"i=@football.example.com", b"i=@evil.example", "permerror", "an agent elsewhere"),
    (b"c=relaxed/relaxed;", b"", "fail", "no c=: simple, which white space in h= does not meet"),
]


@pytest.mark.parametrize(("old", "new", "result", "why"), CHANGES, ids=[row[-1] for row in CHANGES])
async def test_what_a_change_makes_of_it(old, new, result, why):
    found = await verify_dkim((ED25519 + RSA + MESSAGE).replace(old, new), ZoneResolver(ZONE))
    assert [one.result for one in found] == [result] * 2, found
