"""The demonstration: the same seed makes the same reports, they are read and added up, and all goes away again."""

from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from domains.dmarc.report import parse_report
from domains.models import DmarcDaily, DmarcDay, DmarcReport, Domain, TlsReport
from mailadmin.demo.characters import CHARACTERS
from mailadmin.demo.reports import reports_of

DAY = date(2026, 11, 20)


@pytest.mark.parametrize("character", CHARACTERS, ids=lambda one: one.name)
def test_the_same_seed_makes_the_same_reports_and_each_is_read(character):
    first, second = (list(reports_of(character, DAY, 30, 7)) for _turn in range(2))
    assert first == second
    assert first
    for name, octets in first[::20]:
        report = parse_report(octets)
        assert report.domain == character.name, name
        assert report.messages > 0
    assert list(reports_of(character, DAY, 30, 8)) != first


@pytest.mark.django_db
def test_a_month_is_made_looked_at_and_taken_away():
    kept = Domain.objects.create(name="real.example", skeleton="real.example", ownership_token="t")
    out = StringIO()
    call_command("demo", domains=4, days=30, stdout=out)
    assert "shop.example" in out.getvalue()
    assert Domain.objects.count() == 5
    assert DmarcReport.objects.count() > 500
    sums = [model.objects.aggregate(all=Sum("messages"))["all"] for model in (DmarcDaily, DmarcDay)]
    assert sums[0] == sums[1] == DmarcReport.objects.aggregate(all=Sum("messages_count"))["all"]
    kinds = {
        name: set(DmarcDay.objects.filter(domain__name=name).values_list("kind", flat=True))
        for name in ("clean.example", "shop.example", "school.example")
    }
    assert {"own", "service-aligned", "forwarder", "impostor"} <= kinds["clean.example"] | {"own"}
    assert "service-misaligned" in kinds["shop.example"]
    assert "forwarder" in kinds["school.example"]
    assert TlsReport.objects.exists()
    with pytest.raises(CommandError, match="exist already"):
        call_command("demo", domains=1, stdout=out)
    call_command("demo", remove=True, stdout=out)
    assert list(Domain.objects.all()) == [kept]
    assert not DmarcDaily.objects.exists()
