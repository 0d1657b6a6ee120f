"""What the pages do: forms with their errors, each change once, hostile strings, no inline style or script."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from domains.audit import system_act
from domains.models import (
    Actor,
    ApiToken,
    AuditRecord,
    DkimKey,
    DmarcDay,
    DmarcReport,
    Domain,
    DomainState,
    KeyState,
    RecordObservation,
    RecordStatus,
    ReportFile,
    Role,
    TraceEvent,
)
from domains.services.check import record_states
from domains.services.report_rollup import mark_dirty, roll_up
from mailboxes.models import Account, Alias, CatchAll, QueueEntry
from mailboxes.services.accounts import create_account
from tests.panel.people import (
    PASSWORD,
    Place,
    make_entry,
    make_place,
    make_report,
    make_trace,
    signed_in,
)


def _text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)
    return response.content.decode()


def _once(client: Client, address: str) -> str:
    found = re.search(r'name="once" value="([^"]+)"', _text(client, address))
    assert found is not None
    return found[1]


# ---- Domains ----------------------------------------------------------------------------------------------------


def test_an_added_domain_shows_its_records(rosa: Actor) -> None:
    client = signed_in(rosa)
    response = client.post("/domains/add", {"name": " Bücher.example. "})
    assert response["Location"] == "/domains/xn--bcher-kva.example/start"
    assert "bücher.example is added" in _text(client, response["Location"])
    page = _text(client, "/domains/xn--bcher-kva.example/dns")
    for text in ("v=DMARC1; p=none", "v=spf1", "v=DKIM1", "10 mail.localhost", "Copy full name"):
        assert text in page
    assert _text(client, "/domains/bücher.example").count("bücher.example") > 0


@pytest.mark.parametrize(
    "name", ["", "nodot", "a b.example", "near.example", "NEAR.example.", "../etc/passwd", "x\ny.example"]
)
def test_a_bad_domain_is_refused_beside_its_field_and_stays_typed(rosa: Actor, near: Place, name: str) -> None:
    response = signed_in(rosa).post("/domains/add", {"name": name})
    page = response.content.decode()
    assert response.status_code == 200
    assert 'id="id_name_error"' in page
    assert 'aria-invalid="true"' in page
    assert "autofocus" in page
    if name.strip() and "\n" not in name:
        assert f'value="{name.strip()}"' in page
    assert Domain.objects.count() == 1


def test_a_form_sent_twice_acts_once(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    once = _once(client, "/domains/near.example/keys/add")
    before = DkimKey.objects.count()
    for _time in range(2):
        response = client.post("/domains/near.example/keys/add", {"algorithm": "ed25519", "once": once})
        assert response["Location"] == "/domains/near.example/keys"
    assert DkimKey.objects.count() == before + 1
    assert "nothing was done twice" in _text(client, "/domains/near.example/keys")


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_the_same_time_acts_once(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    once = _once(client, "/domains/near.example/keys/add")
    before = DkimKey.objects.count()

    def send() -> str:
        twin = Client()
        twin.cookies = client.cookies
        response = twin.post("/domains/near.example/keys/add", {"algorithm": "rsa2048", "once": once})
        connection.close()
        return str(response["Location"])

    with ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(send) for _number in range(4)]]
    assert set(answers) == {"/domains/near.example/keys"}
    assert DkimKey.objects.count() == before + 1


def test_a_failed_form_can_be_sent_again(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    once = _once(client, "/domains/near.example/keys/add")
    fields = {"algorithm": "ed25519", "selector": "../x", "once": once}
    assert client.post("/domains/near.example/keys/add", fields).status_code == 200
    assert client.post("/domains/near.example/keys/add", fields | {"selector": "x1"}).status_code == 302
    assert DkimKey.objects.filter(selector="x1").count() == 1


def test_a_domain_goes_only_when_its_name_is_typed(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    page = _text(client, "/domains/near.example/delete")
    for text in ("1 mailbox<", "1 alias<", "2 keys<", "2 reports<"):
        assert text in page
    assert client.post("/domains/near.example/delete", {"name": "other.example"}).status_code == 200
    assert client.post("/domains/near.example/delete", {"name": "Near.example"})["Location"] == "/domains"
    assert Domain.objects.get().state == DomainState.DELETED
    client.get("/")  # reads what is so
    assert "near.example" not in client.get("/").content.decode()
    assert client.get("/domains/near.example").status_code == 404


def test_a_deleted_thing_deleted_again_is_not_found(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    address = reverse("alias-delete", args=[near.alias])
    assert client.post(address).status_code == 302
    assert client.post(address).status_code == 404


def test_a_domain_is_suspended_and_resumed(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    client.post("/domains/near.example/suspend", {"state": "suspended"})
    client.post("/domains/near.example/suspend", {"state": "suspended"})
    assert Domain.objects.get().state == DomainState.SUSPENDED
    assert "Resume" in _text(client, "/domains/near.example/settings")
    client.post("/domains/near.example/suspend", {"state": "active"})
    assert Domain.objects.get().state == DomainState.ACTIVE
    assert AuditRecord.objects.filter(action="domain.change").count() == 2


def test_wrong_records_come_first_with_the_difference_marked(rosa: Actor, near: Place) -> None:
    for state in record_states(near.domain):
        wrong = state.record.purpose == "spf"
        RecordObservation.objects.create(
            domain=near.domain,
            purpose=state.record.purpose,
            name=state.record.name,
            type=state.record.type,
            expected=state.record.value,
            status=RecordStatus.WRONG if wrong else RecordStatus.RIGHT,
            found=["v=spf1 include:other.example -all"] if wrong else [],
            checked_at=timezone.now(),
        )
    page = _text(signed_in(rosa), "/domains/near.example/dns")
    assert page.index("Who may send (SPF)") < page.index("Incoming mail")
    assert "v=spf1 include:other.example -all" in page, "a further sender is not too much"
    assert '<mark class="lacks">mx</mark>' in page
    assert "1 record is not right yet" in page


@pytest.mark.usefixtures("offline_check")
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
def test_check_now_answers_a_plain_form_and_a_script_row_by_row(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    plain = client.post("/domains/near.example/dns/check")
    assert plain["Location"] == "/domains/near.example/dns"
    answer = client.post("/domains/near.example/dns/check", headers={"Accept": "application/x-ndjson"})
    *rows, last = [json.loads(line) for line in b"".join(answer).splitlines()]
    page = _text(client, "/domains/near.example/dns")
    assert len(rows) == len(record_states(near.domain))
    assert all(f'<tr id="{row["row"]}">' in page and row["html"].startswith("<tr") for row in rows)
    assert last["html"].startswith("<section")
    assert "<html" not in last["html"]


def test_zone_text_is_a_download(rosa: Actor, near: Place) -> None:
    response = signed_in(rosa).get("/domains/near.example/dns/zone")
    assert response["Content-Disposition"] == 'attachment; filename="near.example.zone"'
    assert response.content.startswith(b"$ORIGIN near.example.\n")


# ---- Mailboxes and aliases --------------------------------------------------------------------------------------


def test_a_mailbox_is_added_by_its_local_part(dora: Actor, near: Place) -> None:
    client = signed_in(dora)
    fields = {"address": "carl", "password": PASSWORD, "display_name": "Carl", "quota": "5"}
    response = client.post("/domains/near.example/mailboxes/add", fields)
    assert response["Location"] == "/domains/near.example/mailboxes"
    account = Account.objects.get(local_part="carl")
    assert account.quota_bytes == 5 * 1024 * 1024
    assert "carl@near.example takes mail from now on." in _text(client, response["Location"])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"address": "alice"}, "address"),
        ({"address": "a/b"}, "address"),
        ({"address": "x@far.example"}, "address"),
        ({"address": "dmarc-reports"}, "address"),
        ({"password": "short"}, "password"),
        ({"password": "password1234"}, "password"),
        ({"quota": "-1"}, "quota"),
        ({"quota": "many"}, "quota"),
        ({"display_name": "x" * 201}, "display_name"),
    ],
)
def test_a_bad_mailbox_is_refused_beside_its_field(
    dora: Actor, near: Place, far: Place, fields: dict[str, str], field: str
) -> None:
    good = {"address": "carl", "password": PASSWORD, "display_name": "Carl the Great"}
    response = signed_in(dora).post("/domains/near.example/mailboxes/add", good | fields)
    page = response.content.decode()
    assert response.status_code == 200
    assert f'id="id_{field}_error"' in page
    assert PASSWORD not in page
    if field != "display_name":
        assert 'value="Carl the Great"' in page
    assert Account.objects.count() == 2


def test_a_mailbox_is_changed_and_a_given_quota_is_not_rounded(dora: Actor, near: Place) -> None:
    Account.objects.filter(local_part="alice").update(quota_bytes=5_000_001)
    client = signed_in(dora)
    address = reverse("mailbox", args=[near.address])
    assert 'value="4"' in _text(client, address)
    assert client.post(address, {"display_name": "A", "quota": "4", "enabled": "on"}).status_code == 302
    assert Account.objects.get(local_part="alice").quota_bytes == 5_000_001
    assert client.post(address, {"display_name": "A", "quota": ""}).status_code == 302
    account = Account.objects.get(local_part="alice")
    assert (account.quota_bytes, account.enabled) == (None, False)


def test_aliases_and_the_catch_all(dora: Actor, near: Place) -> None:
    client = signed_in(dora)
    add = "/domains/near.example/aliases/add"
    assert (
        client.post(add, {"address": "info", "targets": "alice@near.example\n bob@else.example "}).status_code == 302
    )
    assert Alias.objects.get(local_part="info").targets == ["alice@near.example", "bob@else.example"]
    bad = client.post(add, {"address": "loop", "targets": "loop@near.example"})
    assert 'id="id_targets_error"' in bad.content.decode()
    change = reverse("alias", args=["info@near.example"])
    assert client.post(change, {"targets": "alice@near.example"}).status_code == 302
    assert client.post("/domains/near.example/catch-all", {"target": "nonsense"}).status_code == 200
    client.post("/domains/near.example/catch-all", {"target": "alice@near.example"})
    assert CatchAll.objects.get().target == "alice@near.example"
    client.post("/domains/near.example/catch-all", {"target": ""})
    assert not CatchAll.objects.exists()


# ---- Queue, messages, reports, tokens ---------------------------------------------------------------------------


def test_the_queue_is_grouped_retried_and_emptied(dora: Actor, near: Place, far: Place) -> None:
    make_entry("near.example", near.trace, next_hop="slow.example", state="dead")
    client = signed_in(dora)
    page = _text(client, "/queue")
    assert page.count("<h2") == 2
    assert "451 try later" in page
    assert "1 message · next attempt" in page
    assert "only when you ask" in page
    assert client.post(reverse("queue-retry", args=[near.entry])).status_code == 302
    assert client.post(reverse("queue-delete", args=[near.entry])).status_code == 302
    assert not QueueEntry.objects.filter(pk=near.entry).exists()
    assert QueueEntry.objects.filter(pk=far.entry).exists()


def test_an_answer_that_all_share_is_told_once_for_a_destination(dora: Actor, near: Place) -> None:
    make_entry("near.example", near.trace)
    assert _text(signed_in(dora), "/queue").count("451 try later") == 1
    make_entry("near.example", near.trace, last_reply="452 full")
    assert _text(signed_in(dora), "/queue").count("451 try later") == 2


def test_an_entry_being_sent_says_so(dora: Actor, near: Place) -> None:
    QueueEntry.objects.filter(pk=near.entry).update(state="sending")
    response = signed_in(dora).post(reverse("queue-retry", args=[near.entry]))
    assert response.status_code == 422
    assert "being sent at this moment" in response.content.decode()


def test_a_message_tells_its_story(dora: Actor, near: Place) -> None:
    page = _text(signed_in(dora), reverse("message", args=[near.trace]))
    for text in ("Delivered to 1 recipient.", "192.0.2.1 may send.", "v=spf1 -all", "1 DNS answer used"):
        assert text in page


@pytest.mark.parametrize("text", ["alice@near.example", "near.example", "192.0.2.1", "today", "ID", "<m1@x>"])
def test_a_message_is_found_by_what_is_known_of_it(dora: Actor, near: Place, text: str) -> None:
    trace = make_trace("near.example", near.address, message_id="<m1@x>")
    client = signed_in(dora)
    page = client.get("/messages", {"q": trace.pk if text == "ID" else text}).content.decode()
    assert trace.pk in page
    assert trace.pk not in client.get("/messages", {"q": "nothing@like.this"}).content.decode()


def test_a_sent_message_is_found_by_the_domain_it_went_to(dora: Actor, near: Place) -> None:
    trace = make_trace("near.example", "zoe@remote.example", direction="out", outcome="sent")
    client = signed_in(dora)
    assert trace.pk in client.get("/messages", {"q": "remote.example"}).content.decode()
    for other in ("mote.example", "remote.exampl", "re%e.example"):
        assert trace.pk not in client.get("/messages", {"q": other}).content.decode()


def test_the_details_of_a_message_are_named_for_the_reader(dora: Actor, near: Place) -> None:
    detail = {"author_domain": "other.example", "signatures": [{"reason": "none", "bits": 0, "domain": "x.example"}]}
    TraceEvent.objects.filter(trace=near.trace).update(stage="filter", detail=detail)
    page = _text(signed_in(dora, headers={"accept-language": "fr"}), reverse("message", args=[near.trace]))
    assert "<dt>Domaine du From</dt>" in page
    assert re.findall(r'<th scope="col">(\w+)</th>', page)[:2] == ["Domaine", "Raison"]


def test_sources_that_fail_come_first(dora: Actor, near: Place) -> None:
    report = make_report(near.domain, report_id="r-2")
    report.records.update(source_ip="192.0.2.66", messages=1, dkim_aligned=False)
    mark_dirty([(near.domain.pk, report.day)])
    roll_up()
    page = _text(signed_in(dora), "/domains/near.example/reports")
    assert page.index("192.0.2.66") < page.index("192.0.2.9<")


def test_long_lists_come_in_pages(dora: Actor, near: Place) -> None:
    for _number in range(60):
        make_trace("near.example", near.address)
    client = signed_in(dora)
    first = client.get("/messages", {"q": "near.example"}).content.decode()
    assert first.count('href="/messages/0') == 50
    older = re.search(r'href="(\?q=near.example&amp;before=\w+)" rel="next"', first)
    assert older is not None
    second = client.get("/messages" + older[1].replace("&amp;", "&")).content.decode()
    assert second.count('href="/messages/0') == 11
    assert 'rel="next"' not in second
    assert client.get("/messages", {"before": "<x>"}).status_code == 200


def test_a_search_is_told_how_it_was_understood_and_filtered_by_a_click(dora: Actor, near: Place) -> None:
    make_trace("near.example", near.address)
    client = signed_in(dora)
    page = client.get("/messages", {"q": f"{near.address} 550 2020-01-01..2030-01-01"}).content.decode()
    assert "Understood:" in page
    assert "reply with" in page
    chips = client.get("/messages", {"q": near.address, "outcome": "refused"}).content.decode()
    assert 'aria-current="true"' in chips
    assert 'name="outcome" value="refused"' in chips
    assert client.get("/messages", {"outcome": "<x>"}).status_code == 200


def test_reports_show_chart_table_and_broken_files(dora: Actor, near: Place) -> None:
    page = _text(signed_in(dora), "/domains/near.example/reports?days=7")
    assert "<svg" in page
    assert 'class="series-unknown"' in page
    assert "192.0.2.9" in page
    assert "Not XML." in page
    assert _text(signed_in(dora), "/domains/near.example/reports?days=x")


def test_a_file_that_is_no_report_is_refused_with_the_reason(dora: Actor, near: Place) -> None:
    file = BytesIO(b"this is no report")
    file.name = "report.xml"
    response = signed_in(dora).post("/domains/near.example/reports/upload", {"file": file})
    assert response.status_code == 200
    assert "is neither XML nor JSON nor gzip nor zip" in response.content.decode()


def test_a_tokens_text_is_shown_once(dora: Actor, near: Place) -> None:
    client = signed_in(dora)
    once = _once(client, "/tokens/add")
    fields = {"name": "backup", "role": "domain_admin", "domains": ["near.example"], "once": once}
    first = client.post("/tokens/add", fields)
    text = re.search(r'id="token-text">([^<]+)<', first.content.decode())
    assert text is not None
    again = client.post("/tokens/add", fields)
    assert again["Location"] == "/tokens"
    assert ApiToken.objects.filter(name="backup").count() == 1
    assert text[1] not in _text(client, "/tokens")
    assert client.get("/api/v1/domains", headers={"Authorization": f"Bearer {text[1]}"}).status_code == 200


def test_a_domain_administrator_gives_no_more_than_they_have(dora: Actor, near: Place, far: Place) -> None:
    client = signed_in(dora)
    more = {"name": "x", "role": "superadmin", "domains": ["near.example"]}
    assert client.post("/tokens/add", more).status_code == 200
    foreign = {"name": "x", "role": "domain_admin", "domains": ["far.example"]}
    assert client.post("/tokens/add", foreign).status_code == 200
    assert not ApiToken.objects.exists()


def test_the_last_superadministrator_stays(rosa: Actor) -> None:
    response = signed_in(rosa).post(reverse("administrator-delete", args=[rosa.email]))
    assert response.status_code == 200
    assert "This is the last superadministrator." in response.content.decode()
    assert Actor.objects.filter(role=Role.SUPERADMIN).count() == 1


def test_search_leads_to_the_thing_itself(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    ways = {
        "NEAR.example": "/domains/near.example",
        near.address: reverse("mailbox", args=[near.address]),
        near.alias: reverse("alias", args=[near.alias]),
        "<m@x>": "/messages?q=%3Cm%40x%3E",
        "": "/messages?q=",
    }
    for text, address in ways.items():
        assert client.get("/search", {"q": text})["Location"] == address


# ---- Home -------------------------------------------------------------------------------------------------------


def test_home_names_what_needs_a_person_and_nothing_else(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    make_entry("near.example", near.trace, state="dead")
    make_trace("near.example", near.address, received_at=timezone.now() - timedelta(days=1))
    page = _text(client, "/")
    for text in ("given up after three crashes", "has no active key", "could not be read"):
        assert text in page
    DkimKey.objects.update(state=KeyState.ACTIVE)
    QueueEntry.objects.all().delete()
    ReportFile.objects.all().delete()
    DmarcReport.objects.filter(pk=near.dispute).delete()
    calm = _text(client, "/")
    assert "Needs you" not in calm
    assert "1 domain needs something." in calm


def test_home_asks_the_database_no_more_for_more_domains(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    with CaptureQueriesContext(connection) as before:
        client.get("/")
    for number in range(3):
        make_place(f"more{number}.example", "carl")
    with CaptureQueriesContext(connection) as after:
        client.get("/")
    assert len(after) <= len(before)


@pytest.mark.parametrize(
    "address", ["/queue", "/messages", "/audit", "/domains/near.example/mailboxes", "/domains/near.example/reports"]
)
def test_a_list_asks_the_database_no_more_for_more_rows(rosa: Actor, near: Place, address: str) -> None:
    client = signed_in(rosa)
    with CaptureQueriesContext(connection) as before:
        client.get(address)
    for number in range(4):
        trace = make_trace("near.example", near.address)
        make_entry("near.example", trace.pk, next_hop=f"hop{number}.example")
        make_report(near.domain, report_id=f"more-{number}")
        create_account(system_act("console"), f"more{number}@near.example", PASSWORD)
    with CaptureQueriesContext(connection) as after:
        client.get(address)
    assert len(after) == len(before) <= 19


def test_an_empty_panel_has_one_sentence_and_one_action(rosa: Actor) -> None:
    page = _text(signed_in(rosa), "/")
    assert page.count('class="empty"') == 1
    assert 'href="/domains/add"' in page


# ---- Settings and devices ----------------------------------------------------------------------------------------


def test_mta_sts_is_switched_step_by_step(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    settings_page = reverse("domain-settings", args=["near.example"])
    assert "/mta-sts/testing" in client.get(settings_page).content.decode()
    assert client.get(reverse("mta-sts-change", args=["near.example", "strict"])).status_code == 404
    response = client.post(reverse("mta-sts-change", args=["near.example", "testing"]))
    assert response["Location"] == reverse("domain-dns", args=["near.example"])
    body = client.get(settings_page).content.decode()
    assert "mode: testing" in body
    assert "do not trust" in body  # the self-signed certificate of a fresh host
    response = client.post(reverse("mta-sts-change", args=["near.example", "enforce"]))
    assert response.context["form"].errors["clean_reports"]
    response = client.post(reverse("mta-sts-change", args=["near.example", "enforce"]), {"clean_reports": "on"})
    assert "certificate" in str(response.context["form"].non_field_errors())
    assert Domain.objects.get(name="near.example").mta_sts == "testing"


def test_an_owner_sets_a_device_up(alice: Actor, rosa: Actor, near: Place) -> None:
    client = signed_in(alice)
    assert reverse("device") in client.get(reverse("me")).content.decode()
    body = client.get(reverse("device")).content.decode()
    assert "alice@near.example" in body
    assert "mail.localhost:993" in body
    found = re.search(r'href="(/mail/profile[^"]+)"', body)
    assert found
    profile = client.get(found[1], headers={"host": "testserver"})
    assert profile["Content-Type"] == "application/x-apple-aspen-config"
    assert b"alice@near.example" in profile.content
    assert "no mailbox" in signed_in(rosa).get(reverse("device")).content.decode()
    Domain.objects.update(state=DomainState.SUSPENDED)
    assert "/mail/profile" not in client.get(reverse("device")).content.decode()


def test_the_policy_editor_says_what_the_reports_say(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    address = reverse("dmarc-change", args=["near.example"])
    DmarcDay.objects.update(dkim_aligned=False)
    body = client.get(address).content.decode()
    assert "12 of 12 messages failed DMARC" in body
    assert reverse("domain-reports", args=["near.example"]) in body
    DmarcDay.objects.all().delete()
    assert "nobody can say who would lose mail" in client.get(address).content.decode()


def test_an_address_that_finds_nothing_can_be_looked_for_as_a_message_id(rosa: Actor, near: Place) -> None:
    client = signed_in(rosa)
    assert 'href="?q=%3Cgood%40b.example%3E"' in _text(client, "/messages?q=good@b.example")
    assert "Look for it as a Message-ID" not in _text(client, "/messages?q=b.example")
    assert "Look for it as a Message-ID" not in _text(client, "/messages?q=<good@b.example>")
