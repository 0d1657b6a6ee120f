"""*What would have happened if…*: without a change nothing is different; one change decides what it decides."""

import asyncio
from hashlib import sha256

import pytest

from antispam.replay import Change
from antispam.services.what_if import WhatIf, checked_change, offers_of, what_if
from domains.dkim.keys import generate_key
from domains.errors import NotFound, Refused
from domains.models import Trace
from mailboxes.models import Blob, Message
from tests.antispam.story_samples import OWN, SAMPLES, Sample, key_record, message_of, trace_of
from tests.factories import domain_admin_act, make_account, make_domain, superadmin_act

OTHER_KEY = f"v=DKIM1; k=rsa; p={generate_key('rsa2048').public_key}"
BY_NAME = {sample.name: sample for sample in SAMPLES}


def stored(sample: Sample) -> Trace:
    """Return the sample's trace as the database has it."""
    trace = asyncio.run(trace_of(sample))
    return Trace.objects.create(
        id=trace.id,
        direction="in",
        mail_from=trace.mail_from,
        recipients=trace.recipients,
        domains=sorted(trace.domains),
        received_at=trace.received_at,
        outcome=trace.outcome,
        client_address=trace.client_address,
        pending_events=[event.as_json() for event in trace.events],
    )


def replayed(name: str, change: Change | None = None) -> WhatIf:
    return what_if(superadmin_act(), stored(BY_NAME[name]).pk, change)


def ends(found: WhatIf) -> dict[str, str]:
    return {event.stage: event.outcome for event in found.after}


@pytest.mark.django_db
@pytest.mark.parametrize("name", list(BY_NAME))
def test_without_a_change_every_step_is_the_same(name: str) -> None:
    found = replayed(name)
    assert found.changed == frozenset()
    assert [event.detail for event in found.before]
    assert found.verdict.disposition.value == found.verdict_before
    assert not found.unasked


SPF, KEY, DMARC = "shop.example", "s1._domainkey.shop.example", "_dmarc.shop.example"

# sample, what is changed, the ends of the steps, the disposition, why
CHANGES: list[tuple[str, Change, dict[str, str], str, str]] = [
    ("spf-only", Change(SPF, "TXT", ("v=spf1 -all",)), {"spf": "fail", "dmarc": "fail"}, "junk", "nothing passes"),
    ("spf-only", Change(SPF, "TXT"), {"spf": "none", "dmarc": "fail"}, "junk", "no record, no pass"),
    ("pass", Change(SPF, "TXT", ("v=spf1 -all",)), {"spf": "fail", "dmarc": "pass"}, "inbox", "DKIM carries it"),
    ("pass", Change(KEY, "TXT"), {"dkim": "permerror", "dmarc": "pass"}, "inbox", "no key; SPF carries it"),
    ("pass", Change(KEY, "TXT", ("v=DKIM1; p=",)), {"dkim": "permerror"}, "inbox", "revoked"),
    ("spf-only", Change(DMARC, "TXT"), {"dmarc": "none"}, "inbox", "no policy"),
    (
        "fail",
        Change("_dmarc.bank.example", "TXT", ("v=DMARC1; p=none",)),
        {"dmarc": "fail"},
        "inbox",
        "only recorded",
    ),
    ("fail", Change("bank.example", "TXT", ("v=spf1 +all",)), {"spf": "pass", "dmarc": "fail"}, "junk", "not asked"),
    ("no-policy", Change(client_address="198.51.100.1"), {"spf": "fail"}, "inbox", "another client"),
    ("silent-dns", Change(SPF, "TXT", ("v=spf1 ip4:192.0.2.25 -all",)), {"spf": "pass"}, "inbox", "an answer now"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "change", "expected", "disposition", "why"), CHANGES)
def test_one_change_decides(name: str, change: Change, expected: dict[str, str], disposition: str, why: str) -> None:
    found = replayed(name, change)
    assert {stage: ends(found)[stage] for stage in expected} == expected, why
    assert found.verdict.disposition.value == disposition, why


@pytest.mark.django_db
def test_what_was_not_asked_is_not_guessed() -> None:
    found = replayed("spf-only", Change(SPF, "TXT", ("v=spf1 include:new.example -all",)))
    assert ends(found)["spf"] == "temperror"
    assert found.unasked == [("new.example", "TXT")]


@pytest.mark.django_db
def test_another_key_fits_no_signature_and_the_same_one_keeps_its_result() -> None:
    pair = [replayed("pass", Change(KEY, "TXT", (text,))) for text in (key_record() + "; n=note", OTHER_KEY)]
    assert [ends(found)["dkim"] for found in pair] == ["pass", "fail"]
    assert pair[1].notes == ["Another key than the one that signed: no signature fits two keys."]


@pytest.mark.django_db
def test_a_key_that_was_missing_then_cannot_be_tried_without_the_message() -> None:
    sample = Sample("late-key", signed_by=["shop.example"], zone={(KEY, "TXT"): []})
    found = what_if(superadmin_act(), stored(sample).pk, Change(KEY, "TXT", (key_record(),)))
    assert ends(found)["dkim"] == "temperror"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        (Change("", "TXT", ("x",)), "name"),
        (Change("bücher.example", "TXT"), "name"),
        (Change("a.example", "ANY"), "type"),
        (Change("a.example", "TXT", ("x",) * 21), "values"),
        (Change(client_address="not an address"), "client_address"),
        (Change("not a name", "TXT", ("x",)), "name"),
        (Change("a..example", "TXT", ("x",)), "name"),
        (Change("mail.shop.example", "A", ("nope",)), "values"),
        (Change("mail.shop.example", "AAAA", ("192.0.2.1",)), "values"),
        (Change("shop.example", "MX", ("mail.shop.example",)), "values"),
        (Change("1.2.0.192.in-addr.arpa", "PTR", ("two words",)), "values"),
        (Change(trusted_sealer=".."), "trusted_sealer"),
    ],
)
def test_a_change_that_cannot_be_read_is_refused(change: Change, field: str) -> None:
    with pytest.raises(Refused) as caught:
        replayed("pass", change)
    assert list(caught.value.errors) == [field]


@pytest.mark.django_db
def test_a_seal_that_would_be_trusted_is_told_and_another_is_not() -> None:
    for domain, told in (("forward.example", "forward.example"), ("other.example", "")):
        found = replayed("forwarded", Change(trusted_sealer=domain))
        (arc,) = [event for event in found.after if event.stage == "arc"]
        assert arc.detail["trusted_sealer"] == told
        assert ("arc" in found.changed) is bool(told)


@pytest.mark.django_db
def test_signatures_are_checked_on_the_message_while_it_lies_where_it_was_put() -> None:
    """Only the message can tell what a key that was missing then makes of a signature."""
    sample = Sample("late-key", signed_by=["shop.example"], zone={(KEY, "TXT"): []})
    trace = stored(sample)
    kept = b"Return-Path: <news@shop.example>\r\nReceived: by us.example\r\n" + message_of(sample)
    mailbox = make_account(OWN).mailboxes.get(name="INBOX")
    blob = Blob.objects.create(sha256=sha256(kept).digest(), size=len(kept), data=kept)
    fields = {"modseq": 1, "internal_date": trace.received_at, "save_date": trace.received_at, "size": len(kept)}
    described = {"header_octets": 1, "envelope": b"", "body": b"", "body_structure": b""}
    (event,) = [one for one in trace.pending_events if one["stage"] == "delivery"]
    folder = mailbox if event["detail"]["folder"] == "INBOX" else mailbox.account.mailboxes.get(name="Junk")
    row = Message.objects.create(mailbox=folder, uid=1, blob=blob, trace_id=trace.pk, **fields, **described)
    found = what_if(superadmin_act(), trace.pk, Change(KEY, "TXT", (key_record(),)))
    assert found.verified
    assert ends(found)["dkim"] == "pass"
    row.delete()
    found = what_if(superadmin_act(), trace.pk, Change(KEY, "TXT", (key_record(),)))
    assert not found.verified
    assert ends(found)["dkim"] == "temperror"


@pytest.mark.django_db
def test_a_foreign_message_is_not_there() -> None:
    trace = stored(BY_NAME["pass"])
    with pytest.raises(NotFound):
        what_if(domain_admin_act(make_domain("other.example")), trace.pk, None)


@pytest.mark.django_db
def test_the_records_that_decided_are_offered() -> None:
    offers = offers_of(superadmin_act(), stored(BY_NAME["pass"]).pk)
    assert [offer.name for offer in offers] == [SPF, KEY, DMARC]
    assert offers[2].values == ("v=DMARC1; p=reject; rua=mailto:dmarc@shop.example",)


@pytest.mark.parametrize(
    "change",
    [
        Change("s1._domainkey.shop.example", "TXT", ("v=DKIM1; p=",)),
        Change("mail.shop.example", "AAAA", ("2001:db8::1",)),
        Change("shop.example", "MX", ("10 mail.shop.example", "0 .")),
        Change("1.2.0.192.in-addr.arpa", "PTR", ("mail.shop.example.",)),
        Change("shop.example", "A"),
    ],
)
def test_what_a_record_can_say_is_taken(change: Change) -> None:
    assert checked_change(change).values == change.values
