"""Who may send in a domain's name: what is listed makes the SPF record, and nothing that would break it is listed."""

import threading
from dataclasses import replace

import pytest
from django.db import connections

from domains.errors import NotFound, Refused, Taken
from domains.models import AuditRecord, Domain, RecordObservation, Sender, SpfReading
from domains.services import senders
from domains.services.check import check_now, record_states
from domains.services.publication import desired_records
from domains.services.senders import Wanted
from domains.services.spf_reading import last_reading, read_spf
from tests.factories import domain_admin_act, make_domain, superadmin_act

pytestmark = pytest.mark.django_db
ADDRESSES = ("192.0.2.25", "2001:db8::25")
OURS = "mx ip4:192.0.2.25 ip6:2001:db8::25"


@pytest.fixture
def zone(dns_settings, settings):
    settings.MAILADMIN = replace(settings.MAILADMIN, public_addresses=ADDRESSES)
    dns_settings.zone |= {
        ("acme.example", "MX"): ["10 mail.acme.example"],
        ("_spf.far.example", "TXT"): ["v=spf1 ip4:198.51.100.0/24 -all"],
        ("_spf.wide.example", "TXT"): [
            "v=spf1 " + " ".join(f"include:n{n}.wide.example" for n in range(8)) + " -all"
        ],
        ("relay.far.example", "A"): ["198.51.100.9"],
        ("relay.far.example", "AAAA"): ["2001:db8:9::9"],
        ("twice.example", "TXT"): ["v=spf1 -all", "v=spf1 ~all"],
        ("broken.example", "TXT"): ["v=spf1 nonsense -all"],
        ("back.example", "TXT"): ["v=spf1 include:acme.example -all"],
        ("plain.example", "TXT"): ["hello"],
        ("deep.example", "TXT"): ["v=spf1 include:plain.example -all"],
        ("empty.example", "TXT"): ["x"],
    }
    for n in range(8):
        dns_settings.zone[f"n{n}.wide.example", "TXT"] = ["v=spf1 ip4:203.0.113.0/24 -all"]
    return dns_settings


@pytest.fixture
def domain(zone):
    return make_domain("acme.example")


def add(kind, value, **more):
    draft, _cost = senders.prepare(superadmin_act(), "acme.example", Wanted(kind, value, **more))
    return senders.store(superadmin_act(), "acme.example", draft)


def spf_of(name="acme.example"):
    return next(row.value for row in desired_records(Domain.objects.get(name=name)) if row.purpose == "spf")


# ---- The record --------------------------------------------------------------------------------------------------


def test_the_record_names_our_own_hosts_alone_at_first(domain):
    assert spf_of() == f"v=spf1 {OURS} -all"


def test_the_record_is_made_from_the_senders_in_a_stable_order(domain):
    add("custom", "_spf.far.example")
    add("service", "mailchimp")
    add("relay", "relay.far.example")
    add("relay", "198.51.100.0/24")
    add("relay", "2001:db8:7::/48")
    assert spf_of() == (
        f"v=spf1 {OURS} ip4:198.51.100.0/24 ip6:2001:db8:7::/48 a:relay.far.example include:_spf.far.example -all"
    )


def test_our_own_look_ups_go_when_the_others_need_all(domain):
    add("custom", "_spf.wide.example")
    assert spf_of() == f"v=spf1 {OURS} include:_spf.wide.example -all"
    add("relay", "relay.far.example")
    assert spf_of() == "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 a:relay.far.example include:_spf.wide.example -all"


def test_without_known_addresses_our_look_up_stays_and_counts(domain, zone, settings):
    settings.MAILADMIN = replace(settings.MAILADMIN, public_addresses=())
    add("custom", "_spf.wide.example")
    assert spf_of() == "v=spf1 mx include:_spf.wide.example -all"
    with pytest.raises(Refused) as caught:
        add("relay", "relay.far.example")
    assert "11" in caught.value.errors["value"]


def test_a_record_with_our_addresses_is_right_with_and_without_our_look_ups(domain, zone):
    for text, status in (
        ("v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all", "right"),
        (f"v=spf1 {OURS} -all", "right"),
        ("v=spf1 mx ip4:192.0.2.25 -all", "wrong"),
    ):
        zone.zone["acme.example", "TXT"] = [text]
        states = check_now(superadmin_act(), "acme.example")
        assert [state.status for state in states if state.record.purpose == "spf"] == [status], text


# ---- What is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "word", "why"),
    [
        ("service", "nobody", "service", "not in the list"),
        ("service", "", "service", "empty"),
        ("custom", "", "name", "empty"),
        ("custom", "_spf", "name", "one label"),
        ("custom", "_spf.far.example\n", "name", "a newline"),
        ("custom", "_spf.far.example -all", "name", "a second term"),
        ("custom", "_spf.far.example\x00", "name", "NUL"),
        ("custom", "%{d}._spf.far.example", "name", "a macro"),
        ("custom", "include:include:x.example", "name", "not a name"),
        ("custom", f"{'a' * 64}.example", "name", "a label of 64 octets"),
        ("custom", ".".join(["a" * 60] * 5), "name", "more than 253 octets"),
        ("custom", "192.0.2.1", "name", "an address"),
        ("custom", "🦄 .example", "space", "a space"),
        ("custom", "acme.example", "itself", "our own domain"),
        ("custom", "ACME.example.", "itself", "our own domain, written otherwise"),
        ("custom", "back.example", "back to itself", "a cycle"),
        ("custom", "absent.example", "no SPF record", "nothing there"),
        ("custom", "plain.example", "no SPF record", "no SPF record there"),
        ("custom", "deep.example", "plain.example has no SPF record", "a fault further down"),
        ("custom", "twice.example", "more than one", "two records"),
        ("custom", "broken.example", "syntax", "a syntax error"),
        ("relay", "", "neither", "empty"),
        ("relay", "host", "neither", "one label"),
        ("relay", "relay.far.example\nx", "neither", "a newline"),
        ("relay", "192.0.2.256", "neither", "no address"),
        ("relay", "fe80::1%eth0", "neither", "a zone index"),
        ("relay", "0.0.0.0/0", "too many", "everybody"),
        ("relay", "ip6:::/0", "too many", "everybody"),
        ("relay", "198.0.0.0/15", "too many", "nearly everybody"),
        ("relay", "127.0.0.1", "ever sees", "loopback"),
        ("relay", "224.0.1.1", "ever sees", "multicast"),
        ("relay", "192.0.2.25", "own", "our own address"),
        ("relay", "2001:DB8:0::25", "own", "our own address, written otherwise"),
        ("relay", "Mail.acme.example", "own", "our own host"),
        ("relay", "absent.example", "exist", "no such host"),
        ("relay", "empty.example", "exist", "a name without an address"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_its_field(domain, kind, value, word, why):
    with pytest.raises(Refused) as caught:
        add(kind, value)
    assert set(caught.value.errors) == {"value"}, why
    assert word in caught.value.errors["value"], why
    assert not Sender.objects.exists()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": "two\nlines"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"note": "a\x00b"}, "note"),
        ({"note": "a\u2028b"}, "note"),
        ({"note": "x" * 501}, "note"),
        ({"selectors": ("s 1",)}, "selectors"),
        ({"selectors": ("s1\n",)}, "selectors"),
        ({"selectors": ("x" * 64,)}, "selectors"),
        ({"selectors": tuple(f"s{n}" for n in range(11))}, "selectors"),
        ({"selectors": ("OURS",)}, "selectors"),
    ],
)
def test_what_is_said_of_a_sender_is_checked_when_made_and_when_changed(domain, more, field):
    domain.dkim_keys.filter(algorithm="ed25519").update(selector="ours")
    with pytest.raises(Refused) as caught:
        add("service", "mailchimp", **more)
    assert set(caught.value.errors) == {field}
    sender = add("service", "mailchimp")
    values = {"label" if name == "name" else name: value for name, value in more.items()}
    with pytest.raises(Refused) as caught:
        senders.change_sender(superadmin_act(), "acme.example", sender.pk, **values)
    assert set(caught.value.errors) == {field}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("service", "mailchimp"), ("service", "Mailchimp ")),
        (("custom", "_spf.far.example"), ("custom", "include:_SPF.far.example.")),
        (("relay", "198.51.100.0/24"), ("relay", "198.51.100.77/24")),
        (("relay", "198.51.100.0/24"), ("relay", "ip4:198.51.100.7")),
        (("relay", "relay.far.example"), ("relay", "a:Relay.far.example")),
    ],
)
def test_a_sender_is_listed_once(domain, first, second):
    add(*first)
    with pytest.raises(Taken) as caught:
        add(*second)
    assert "listed already" in caught.value.errors["value"]


def test_a_service_by_its_include_is_the_service(domain, zone):
    zone.zone["spf.messagingengine.com", "TXT"] = ["v=spf1 ip4:198.51.100.0/24 -all"]
    add("service", "fastmail")
    with pytest.raises(Taken):
        add("custom", "spf.messagingengine.com")


def test_more_than_receivers_read_is_refused(domain):
    add("custom", "_spf.wide.example")
    add("relay", "relay.far.example")
    with pytest.raises(Refused) as caught:
        add("custom", "_spf.far.example")
    assert "11" in caught.value.errors["value"]
    add("relay", "198.51.100.0/24")  # costs nothing
    add("service", "mailchimp")


def test_the_dns_is_silent(domain, zone):
    zone.failing |= {"_spf.far.example", "spf.messagingengine.com"}
    with pytest.raises(Refused) as caught:
        add("custom", "_spf.far.example")
    assert "did not answer" in caught.value.errors["value"]
    assert add("service", "fastmail").lookups == 1  # its include is known to exist


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_exceed_the_budget(domain, zone):
    add("custom", "_spf.wide.example")
    zone.zone["other.far.example", "A"] = zone.zone["relay.far.example", "A"]
    drafts = [
        senders.prepare(superadmin_act(), "acme.example", Wanted("relay", value))[0]
        for value in ("relay.far.example", "other.far.example")
    ]
    refused = []

    def work(draft):
        try:
            senders.store(superadmin_act(), "acme.example", draft)
        except Refused as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(draft,)) for draft in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(refused), Sender.objects.count()) == (1, 2)


def test_a_parked_domain_has_no_senders(domain, zone):
    add("service", "mailchimp")
    Domain.objects.filter(pk=domain.pk).update(kind="parked")
    zone.zone["acme.example", "TXT"] = ["v=spf1 include:_spf.far.example ~all"]
    with pytest.raises(Refused) as caught:
        add("service", "brevo")
    assert "parked" in caught.value.errors["value"]
    content = read_spf(superadmin_act(), "acme.example")
    assert (content["record"]["text"], content["published"]["lookups"]) == ("v=spf1 -all", 1)


# ---- Life --------------------------------------------------------------------------------------------------------


def test_every_change_is_in_the_audit_log(domain):
    sender = add("service", "mailchimp", note="News")
    senders.change_sender(superadmin_act(), "acme.example", sender.pk, note="Offers", selectors=["Extra"])
    senders.change_sender(superadmin_act(), "acme.example", sender.pk, note="Offers")
    senders.delete_sender(superadmin_act(), "acme.example", sender.pk)
    rows = AuditRecord.objects.filter(object_type="sender").order_by("id")
    assert [(row.action, row.object_name, row.domain) for row in rows] == [
        ("sender.create", "Mailchimp", "acme.example"),
        ("sender.change", "Mailchimp", "acme.example"),
        ("sender.delete", "Mailchimp", "acme.example"),
    ]
    assert rows[1].changes == {"note": ["News", "Offers"], "selectors": [[], ["extra"]]}


def test_a_foreign_sender_is_absent(domain):
    sender = add("service", "mailchimp")
    far = make_domain("far.example")
    for act, name in ((superadmin_act(), "far.example"), (domain_admin_act(far), "acme.example")):
        with pytest.raises(NotFound):
            senders.delete_sender(act, name, sender.pk)
        with pytest.raises(NotFound):
            senders.change_sender(act, name, sender.pk, note="x")
    with pytest.raises(NotFound):
        senders.prepare(domain_admin_act(far), "acme.example", Wanted("service", "brevo"))
    with pytest.raises(NotFound):
        read_spf(domain_admin_act(far), "acme.example")


def test_what_is_published_and_not_listed_is_offered(domain, zone):
    zone.zone["acme.example", "TXT"] = [
        f"v=spf1 {OURS} include:servers.mcsv.net include:_spf.far.example include:%{{d}}.far.example "
        "-include:no.example ~all"
    ]
    assert senders.offers_of(domain) == []
    check_now(superadmin_act(), "acme.example")
    domain = Domain.objects.get(pk=domain.pk)
    assert [(offer.kind, offer.value, offer.name) for offer in senders.offers_of(domain)] == [
        ("service", "mailchimp", "Mailchimp"),
        ("custom", "_spf.far.example", "_spf.far.example"),
    ]
    add("service", "mailchimp")
    add("custom", "_spf.far.example")
    assert senders.offers_of(Domain.objects.get(pk=domain.pk)) == []


@pytest.mark.parametrize(
    "found", [[], ["v=spf1 nonsense"], ["v=spf1 include:a.example", "v=spf1 -all"], ["x" * 4000]]
)
def test_a_record_that_cannot_be_read_offers_nothing(domain, found):
    state = next(row for row in record_states(domain) if row.record.purpose == "spf").record
    RecordObservation.objects.create(
        domain=domain, purpose="spf", name=state.name, type="TXT", expected=state.value, found=found,
        checked_at="2026-11-24T00:00:00Z",
    )  # fmt: skip
    assert senders.offers_of(domain) == []


# ---- The reading -------------------------------------------------------------------------------------------------


def test_a_reading_has_both_records_with_their_trees(domain, zone):
    zone.zone["acme.example", "TXT"] = ["site=1", "v=spf1 include:_spf.far.example ~all"]
    add("relay", "relay.far.example")
    content = read_spf(superadmin_act(), "acme.example")
    assert content["published"]["text"] == "v=spf1 include:_spf.far.example ~all"
    assert content["record"]["text"] == f"v=spf1 include:_spf.far.example {OURS} a:relay.far.example ~all"
    assert [(node["term"], node["lookups"]) for node in content["record"]["terms"]] == [
        ("include:_spf.far.example", 1),
        ("mx", 1),
        ("a:relay.far.example", 1),
    ]
    assert (content["record"]["lookups"], content["record"]["voids"], content["record"]["within"]) == (3, 0, True)
    assert last_reading(domain) == content


def test_a_merged_record_beyond_the_budget_gets_our_hosts_without_look_ups(domain, zone):
    full = "v=spf1 " + " ".join(f"exists:%{{i}}.l{number}.example" for number in range(10)) + " -all"
    zone.zone["acme.example", "TXT"] = [full]
    content = read_spf(superadmin_act(), "acme.example")
    assert content["record"]["text"] == full.replace(" -all", " ip4:192.0.2.25 ip6:2001:db8::25 -all")
    assert (content["record"]["lookups"], content["obstacle"]) == (10, "")


@pytest.mark.parametrize(
    ("texts", "obstacle"),
    [
        (["v=spf1 a -all", "v=spf1 -all"], "duplicate"),
        (["v=spf1 nonsense -all"], "bad-record"),
        (["v=spf1 -mx -all"], "excluded"),
    ],
)
def test_an_obstacle_is_named_and_ours_stands_alone(domain, zone, texts, obstacle):
    zone.zone["acme.example", "TXT"] = texts
    content = read_spf(superadmin_act(), "acme.example")
    assert (content["obstacle"], content["record"]["text"]) == (obstacle, f"v=spf1 {OURS} -all")
    assert sorted(content["published_texts"]) == sorted(texts)


def test_a_reading_when_the_dns_is_silent_says_so_and_keeps_what_was_known(domain, zone):
    sender = add("custom", "_spf.wide.example")
    zone.failing |= {"acme.example", "_spf.wide.example"}
    content = read_spf(superadmin_act(), "acme.example")
    assert (content["silent"], content["published"]) == (True, None)
    sender.refresh_from_db()
    assert sender.lookups == 9


def test_a_reading_keeps_what_each_sender_costs_now(domain, zone):
    sender = add("custom", "_spf.far.example")
    assert sender.lookups == 1
    zone.zone["_spf.grown.example", "TXT"] = ["v=spf1 include:n0.wide.example include:n1.wide.example -all"]
    Sender.objects.filter(pk=sender.pk).update(value="_spf.grown.example")
    read_spf(superadmin_act(), "acme.example")
    sender.refresh_from_db()
    assert sender.lookups == 3
    read_spf(superadmin_act(), "acme.example")
    assert SpfReading.objects.count() == 1
