"""Records to the spelling of zone files and back."""

import pytest

from domains.dns.texts import plain_text, zone_text


@pytest.mark.parametrize(
    ("rdtype", "text"),
    [
        ("TXT", "v=spf1 -all"),
        ("TXT", ""),
        ("TXT", 'a "quoted" \\ back\\123slash; and \x00 \x07 \xe9'),
        ("TXT", "v=DKIM1; p=" + "A" * 700),
        ("MX", "10 mail.acme.example"),
        ("CNAME", "panel.acme.example"),
        ("A", "192.0.2.1"),
        ("TLSA", "3 1 1 abcd"),
    ],
)
def test_a_text_comes_back_as_it_was(rdtype, text):
    assert plain_text(rdtype, zone_text(rdtype, text)) == text
