"""Reports of one name with other contents: an administrator says which of them counts."""

from django.db import transaction
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import NotFound
from domains.models import DmarcReport, ReportStanding
from domains.services.provision import get_domain_for
from domains.services.report_rollup import mark_dirty, roll_up


def settle_dispute(act: Act, name: str, report_id: int) -> DmarcReport:
    """Let this report count instead of the one of the same name that counts now; raises NotFound. Repeatable."""
    domain = get_domain_for(act, name)
    with transaction.atomic():
        rows = DmarcReport.objects.select_for_update().filter(domain=domain)
        chosen = rows.filter(pk=report_id).first()
        if chosen is None:
            raise NotFound(_("There is no such report."))
        if chosen.standing != ReportStanding.COUNTED:
            same = rows.filter(
                org_name=chosen.org_name,
                report_id=chosen.report_id,
                begin_at=chosen.begin_at,
                end_at=chosen.end_at,
                standing=ReportStanding.COUNTED,
            )
            same.update(standing=ReportStanding.REPLACED)
            chosen.standing, chosen.believed = ReportStanding.COUNTED, True
            chosen.save(update_fields=["standing", "believed"])
            mark_dirty([(domain.pk, chosen.day)])
            changes = {"org_name": chosen.org_name, "submitter": chosen.submitter}
            record(act, "report.settle", "dmarc_report", chosen.report_id, domain.name, changes)
    roll_up({domain.pk})
    return chosen
