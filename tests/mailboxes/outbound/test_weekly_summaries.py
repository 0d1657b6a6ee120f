"""The weekly summary by mail: what it says, to whom, in which language, once a week, and read in a mailbox."""

import email
import email.policy
import io
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from PIL import Image

from domains.dmarc.report import DkimResult, ReportRow, SpfResult
from domains.models import Actor, DmarcDay, Domain, MailAbout, ReportAlert, Role, Sender, WeeklySummary
from domains.reports.weeks import last_week
from domains.services.notices import domains_read_by, readers_of
from domains.services.report_volume import volume_of
from domains.services.reports import take_in
from domains.services.weekly_figures import weeks_of
from domains.services.weekly_mails import compose_summary, send_due_summaries
from domains.views.picture import HEIGHT, SCALE, WIDTH
from domains.views.weekly_summary import render_summary
from mailboxes.models import QueueEntry
from tests.dns_server import DnsServer
from tests.domains.dmarc.samples import report_xml
from tests.factories import make_account, make_administrator, make_domain
from tests.mailboxes.outbound.house import make_relay, relay_all, stored

WEEK = last_week(datetime.now(UTC).date())
NOW = WEEK.due_at + timedelta(hours=1)
HOSTILE = "<script>alert(1)</script>\r\nBcc: x@y.example"


def row(
    address: str, count: int, dkim: str = "fail", spf: str = "fail", done: str = "none", **more: Any
) -> ReportRow:
    values = {"dkim_results": (), "spf_results": ()} | more
    return ReportRow(address, count, done, dkim, spf, header_from="acme.example", **values)


def report(
    day: date, *rows: ReportRow, domain: str = "acme.example", org_name: str = "Reporter", road: str = "upload"
) -> None:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = begin + timedelta(hours=23)
    identity = f"{domain}-{day}-{org_name}"
    take_in(report_xml(domain, report_id=identity, org_name=org_name, begin=begin, end=end, rows=rows), "", road)


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


@pytest.fixture
def acme(transactional_db: None, settings: Any) -> Domain:
    """Dora runs it in French, Rosa may do all; two weeks were reported."""
    settings.MAILADMIN = replace(settings.MAILADMIN, hostname="mail.acme.example", url="https://panel.acme.example")
    domain = make_domain(active_keys=True)
    Sender.objects.create(domain=domain, kind="relay", value="192.0.2.10", name="Office")
    Sender.objects.create(domain=domain, kind="service", value="mailchimp", name="Mailchimp")
    for day in days(WEEK.before.first_day, 14):
        report(day, row("192.0.2.10", 50, spf="pass"), row("198.51.100.9", 5, done="reject"))
    chimp = (SpfResult("mail1.mcsv.net", "mfrom", "pass"),)
    report(
        WEEK.first_day,
        row("203.0.113.9", 25, spf_results=chimp, done="quarantine"),
        row("203.0.113.77", 60, dkim_results=(DkimResult("sendgrid.net", "s1", "pass"),)),
        org_name="Other",
    )
    dora = make_administrator("dora@acme.example", domain)
    Actor.objects.filter(pk=dora.pk).update(language="fr", time_zone="Europe/Paris")
    make_administrator("rosa@operator.example", role=Role.SUPERADMIN)
    Actor.objects.update(created_at=WEEK.due_at - timedelta(days=100))
    return domain


def actor(name: str) -> Actor:
    return Actor.objects.get(email__startswith=f"{name}@")


def composed(name: str = "dora") -> EmailMessage:
    content = compose_summary(actor(name), WEEK, render_summary)
    assert content is not None
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def english() -> EmailMessage:
    Actor.objects.filter(email="dora@acme.example").update(language="en")
    return composed()


def queued() -> list[list[str]]:
    return [entry.recipients for entry in QueueEntry.objects.order_by("created_at", "id")]


def send(now: datetime = NOW) -> int:
    return send_due_summaries(render_summary, now)


# ---- What it says -----------------------------------------------------------------------------------------------


def test_its_figures_are_those_of_the_pages(acme: Domain) -> None:
    (told,) = weeks_of([acme], WEEK)
    for count, week in ((told.week.count, WEEK), (told.week.before, WEEK.before)):
        total = volume_of(acme, week.first_day, week.last_day).total
        assert (count.messages, count.passed, dict(count.kinds)) == (total.messages, total.passed, dict(total.kinds))
    assert told.week.count.held == 25
    assert [(one.sender, one.messages) for one in told.week.mistakes] == [("Mailchimp", 25)]
    assert {(one.sender, one.address) for one in told.week.fresh} == {("Mailchimp", ""), ("Twilio SendGrid", "")}
    shown = volume_of(acme, WEEK.month_begin, WEEK.last_day)
    assert {day: dict(kinds) for day, kinds in told.week.days.items()} == {
        day: dict(one.kinds) for day, one in shown.days.items() if one.messages
    }


def test_both_parts_say_the_same_and_lead_to_the_pages(acme: Domain) -> None:
    moment = datetime.combine(WEEK.first_day, datetime.min.time(), UTC)
    alert = {"domain": acme, "opened_at": moment, "last_at": NOW}
    ReportAlert.objects.create(code="pass-rate", figures={"share": 81, "usual": 99}, **alert)
    ReportAlert.objects.create(code="silence", figures={"days": 5}, closed_at=NOW, **alert)
    ReportAlert.objects.create(code="own-held", figures={}, muted_by="Bob", **alert)
    message = english()
    assert message.get_content_type() == "multipart/alternative"
    assert str(message["Subject"]).endswith(": acme.example needs you")
    for kind in ("plain", "html"):
        text = part(message, kind)
        assert "470 messages, 74 % passed DMARC" in text
        assert "91 % the week before" in text
        assert "Only 81 % of your own mail passes DMARC" in text
        assert "Over: No report has come for 5 days" in text
        assert "policy hits" not in text
        assert "Mailchimp, 25 messages: Turn on DKIM for this domain at Mailchimp." in text
        assert "SendGrid (Unknown), 60 messages" in text
        assert "Mailchimp is set up wrong: 25 of its messages would be hit." in text
        for page in ("", "/alerts", "/advice", "/sources"):
            assert f"https://panel.acme.example/domains/acme.example/reports{page}" in text
        assert "https://panel.acme.example/me" in text
    assert "Impostors: 35 (messages in your name)" in part(message, "plain")
    html = part(message, "html")
    assert "://" not in html.replace("https://panel.acme.example/", "")  # nothing is fetched from elsewhere


def test_the_pictures_come_with_the_html(acme: Domain) -> None:
    for number in range(12):
        other = make_domain(f"n{number}.example")
        actor("dora").domains.add(other)
        report(WEEK.last_day, row("192.0.2.3", 900 + number), domain=other.name)
    message = english()
    plain, related = message.iter_parts()
    assert (plain.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    html, *pictures = related.iter_parts()
    assert (html.get_content_type(), len(pictures)) == ("text/html", 10)
    text = html.get_content()
    assert text.count("<img ") == 10
    for picture in pictures:
        assert picture.get_content_disposition() == "inline"
        assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in text
        octets = picture.get_content()
        assert len(octets) < 30_000
        image = Image.open(io.BytesIO(octets))
        assert image.size == (WIDTH * SCALE, HEIGHT * SCALE)
        assert len(image.getcolors(1 << 20) or []) > 10
    (alt,) = re.findall(r'<img [^>]*alt="([^"]*Impostor 35[^"]*)"', text)
    assert re.fullmatch(r"Messages a day from \d+ \w+ to \d+ \w+ by who sent them. In the week: .*", alt)


def test_domains_come_by_what_needs_doing_and_quiet_ones_in_a_line(acme: Domain) -> None:
    for name in ("busy.example", "calm.example", "old.example", "zero.example"):
        actor("dora").domains.add(make_domain(name))
    report(WEEK.last_day, row("192.0.2.3", 900), domain="busy.example")
    report(WEEK.last_day, row("192.0.2.3", 3), domain="calm.example")
    report(WEEK.before.first_day, row("192.0.2.3", 9), domain="old.example")
    text = part(english(), "plain")
    places = [text.index(f"\n{name}\n====") for name in ("acme.example", "busy.example", "calm.example")]
    assert places == sorted(places)
    assert "No mail was reported of old.example, zero.example." in text
    assert "old.example\n=" not in text


def test_many_domains_make_no_endless_mail(acme: Domain) -> None:
    for number in range(95):
        other = make_bare(f"n{number:02}.example", actor("dora"))
        if number < 60:
            row_of = {"kind": "own", "disposition": "none", "dkim_aligned": True, "spf_aligned": True}
            DmarcDay.objects.create(domain=other, day=WEEK.last_day, messages=100 - number, believed=True, **row_of)
    message = english()
    plain = part(message, "plain")
    assert plain.count("\n====") == 12
    assert "And these\n\nn11.example: 89 messages, 100 % passed DMARC\n" in plain
    assert "n40.example: 60 messages" in plain
    assert "n41.example" not in plain
    assert "and 19 more" in plain
    assert "n88.example, and 6 more." in plain
    html = part(message, "html")
    assert "and 19 more</a>" in html
    assert len(html.encode()) < 80_000  # Gmail shows no more than 102 kB


def make_bare(name: str, administrator: Actor) -> Domain:
    """A domain without keys, which take long to make."""
    domain = Domain.objects.create(name=name, skeleton=name, ownership_token="t", state="active")
    administrator.domains.add(domain)
    return domain


def test_reports_that_nobody_authenticated_ask_for_nothing(acme: Domain) -> None:
    other = make_domain("other.example")
    Sender.objects.create(domain=other, kind="service", value="mailchimp", name="Mailchimp")
    report(WEEK.before.last_day, row("192.0.2.3", 9), domain="other.example")
    chimp = (SpfResult("mail1.mcsv.net", "mfrom", "pass"),)
    forged = row("203.0.113.9", 900, spf_results=chimp, done="reject")
    report(WEEK.last_day, forged, domain="other.example", road="mail")
    (told,) = weeks_of([other], WEEK)
    assert (told.week.count.messages, told.week.count.unbelieved, told.week.count.held) == (900, 900, 0)
    assert (told.week.mistakes, told.week.fresh, told.week.needs_somebody) == ([], [], False)
    actor("dora").domains.add(other)
    assert "900 of them stand in reports that nobody authenticated." in part(english(), "plain")


def test_it_speaks_french(acme: Domain) -> None:
    message = composed()
    assert "acme.example a besoin de vous" in str(message["Subject"])
    for kind in ("plain", "html"):
        text = part(message, kind)
        assert "À corriger" in text
        assert "Mailchimp, 25 messages : Activez DKIM" in text.replace("\xa0", " ")
        assert "needs" not in text
        assert "week" not in text
    assert '<html lang="fr">' in part(message, "html")


def test_hostile_names_are_inert(acme: Domain) -> None:
    from domains.models import DmarcDaily, DmarcSource

    DmarcDaily.objects.filter(sender="Mailchimp").update(sender=HOSTILE)
    DmarcSource.objects.filter(sender="Mailchimp").update(
        sender=HOSTILE, fix={"code": "align-server", "name": HOSTILE}
    )
    message = english()
    assert message["Bcc"] is None
    assert "<script" not in part(message, "html")
    assert "&lt;script&gt;" in part(message, "html")
    plain = part(message, "plain")
    assert "<script>alert(1)</script> Bcc: x@y.example" in plain.replace("  ", " ")
    assert "\nBcc" not in plain


# ---- To whom ----------------------------------------------------------------------------------------------------


def test_who_is_told_of_a_domain_in_notices_is_told_in_the_summary(acme: Domain) -> None:
    domains = [acme, make_domain("orphan.example"), make_domain("held.example")]
    actor("rosa").domains.add(domains[2])
    sleeper = make_administrator("olga@acme.example", domains[1])
    Actor.objects.filter(pk=sleeper.pk).update(is_active=False)
    for about in MailAbout.values:
        Actor.objects.filter(role=Role.SUPERADMIN).update(mail_about=about)
        for one in Actor.objects.all():
            expected = [domain.name for domain in domains if one in readers_of(domain)]
            assert sorted(expected) == [domain.name for domain in domains_read_by(one)], (one, about)


def test_nobody_is_mailed_without_domains_reports_or_the_wish(acme: Domain) -> None:
    make_administrator("nora@operator.example")
    silent = make_domain("silent.example")
    make_administrator("sam@operator.example", silent)
    make_account("alice@acme.example")
    Actor.objects.filter(email="dora@acme.example").update(weekly_summary=False)
    Actor.objects.update(created_at=WEEK.due_at - timedelta(days=1))
    assert send() == 0
    assert queued() == []
    assert WeeklySummary.objects.count() == 4  # decided for this week, so a wish of tomorrow counts from Monday on
    Actor.objects.update(weekly_summary=True)
    assert send() == 0
    assert send(NOW + timedelta(days=7)) == 1
    assert queued() == [["dora@acme.example"]]


def test_it_goes_on_monday_or_later_in_the_week_and_never_for_weeks_past(acme: Domain) -> None:
    make_administrator("late@acme.example", acme)
    assert send(WEEK.due_at - timedelta(minutes=1)) == 0
    assert not WeeklySummary.objects.exists()
    assert send(WEEK.due_at + timedelta(days=6)) == 1  # the job was off until Sunday; the new one waits for Monday
    assert send(WEEK.due_at + timedelta(days=28)) == 2  # three weeks were missed: one mail each, of the last week
    weeks = WeeklySummary.objects.filter(actor=actor("dora")).values_list("week", flat=True)
    assert sorted(weeks) == [WEEK.first_day, WEEK.first_day + timedelta(days=28)]


# ---- Once -------------------------------------------------------------------------------------------------------


def test_runs_at_once_send_one_mail(acme: Domain) -> None:
    gate = threading.Barrier(3)
    sent: list[int] = []

    def work() -> None:
        gate.wait(10)
        sent.append(send())
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == 1
    assert queued() == [["dora@acme.example"]]
    summary = WeeklySummary.objects.get(actor=actor("dora"))
    assert summary.mail == QueueEntry.objects.get().trace_id


def test_what_cannot_be_queued_is_neither_decided_nor_in_anybodys_way(
    acme: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_administrator("zoe@acme.example", acme)
    Actor.objects.update(created_at=WEEK.due_at - timedelta(days=1))

    def fails_in_french(domains: Any, week: Any) -> Any:
        from django.utils.translation import get_language

        if get_language() == "fr":
            raise RuntimeError("no words")
        return render_summary(domains, week)

    assert send_due_summaries(fails_in_french, NOW) == 1
    assert queued() == [["zoe@acme.example"]]

    async def broken(*args: Any, **kwargs: Any) -> str:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("domains.services.notices.mailer", lambda: broken)
        assert send() == 0
    assert not WeeklySummary.objects.filter(actor=actor("dora")).exists()
    assert send() == 1
    assert queued() == [["zoe@acme.example"], ["dora@acme.example"]]


CRASH = """
import sys
from datetime import datetime
import django
django.setup()
from domains.services.weekly_mails import send_due_summaries
from domains.views.weekly_summary import render_summary
send_due_summaries(render_summary, datetime.fromisoformat(sys.argv[1]))
"""


@pytest.mark.parametrize(("point", "kept"), [("summary.before-commit", 0), ("summary.committed", 1)])
def test_a_death_decides_and_queues_or_does_neither(acme: Domain, point: str, kept: int) -> None:
    Actor.objects.exclude(email="dora@acme.example").delete()
    values = connections["default"].settings_dict
    host, port = values["HOST"] or "127.0.0.1", values["PORT"] or ""
    at = f"@{host}:{port}/{values['NAME']}" if not host.startswith("/") else f"@/{values['NAME']}?host={host}"
    environment = os.environ | {
        "MAILADMIN_TEST_BUILD": "1",
        "MAILADMIN_FAIL_POINTS": point,
        "DATABASE_URL": f"postgresql://{values['USER']}:{values['PASSWORD'] or ''}{at}",
        "DJANGO_SETTINGS_MODULE": "mailadmin.settings",
    }
    command = [sys.executable, "-c", CRASH, NOW.isoformat()]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == -9, done.stderr
    assert (WeeklySummary.objects.count(), len(queued())) == (kept, kept)
    assert send() == 1 - kept
    assert queued() == [["dora@acme.example"]]


@pytest.mark.usefixtures("pool")
async def test_it_is_read_in_a_mailbox(dns_settings: DnsServer, acme: Domain) -> None:
    def happen() -> None:
        Actor.objects.filter(email="dora@acme.example").delete()
        account = make_account("dora@acme.example")
        Actor.objects.filter(pk=account.actor_id).update(
            role=Role.DOMAIN_ADMIN, language="fr", created_at=WEEK.due_at - timedelta(days=1)
        )
        account.actor.domains.add(acme)
        assert send() == 1

    await sync_to_async(happen)()
    await relay_all(make_relay(dns_settings, 1))
    (octets,) = await stored("dora@acme.example")
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message["From"] == "mailadmin <postmaster@mail.acme.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert len(message.get_all("DKIM-Signature", [])) == 2
    assert "acme.example" in part(message, "plain")
    assert all(len(line) <= 998 for line in octets.splitlines())
