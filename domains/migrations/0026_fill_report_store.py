"""Move the rows of reports into patterns and facts by month; one report of a name counts; all is to be added up."""

import json
from hashlib import sha256
from uuid import UUID

from django.db import migrations, models

HEADS = """
UPDATE domains_dmarcreport SET
    day = ((begin_at + (end_at - begin_at) / 2) AT TIME ZONE 'UTC')::date,
    road = CASE WHEN submitter = '' AND trace_id = '' THEN 'upload' ELSE 'mail' END,
    believed = authenticated OR (submitter = '' AND trace_id = ''),
    digest = '';
UPDATE domains_dmarcreport SET standing = 'disputed' WHERE id IN (
    SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY domain_id, org_name, report_id, begin_at, end_at
        ORDER BY authenticated DESC, id) AS place FROM domains_dmarcreport) AS named WHERE place > 1);
"""

MONTHS = """
DO $$ DECLARE month date; BEGIN
    FOR month IN
        SELECT DISTINCT date_trunc('month', day)::date FROM domains_dmarcreport
        UNION SELECT generate_series(date_trunc('month', now() - interval '1 month'),
                                     date_trunc('month', now() + interval '2 months'), interval '1 month')::date
    LOOP
        EXECUTE format(
            'CREATE TABLE domains_dmarcrecord_%s PARTITION OF domains_dmarcrecord FOR VALUES FROM (%L) TO (%L)',
            to_char(month, 'YYYYMM'), month, (month + interval '1 month')::date);
    END LOOP;
END $$;
"""

READ = """
SELECT o.domain_id, o.report_id, r.day, o.messages, host(o.source_ip), o.disposition, o.dkim_aligned, o.spf_aligned,
       o.header_from, o.envelope_from, o.dkim::text, o.spf::text, o.reasons::text
FROM domains_dmarcrecord_old o JOIN domains_dmarcreport r ON r.id = o.report_id WHERE o.id > %s AND o.id <= %s
"""
PATTERN = """
INSERT INTO domains_authpattern (month, pattern_id, header_from, envelope_from, envelope_to, dkim, spf, reasons)
VALUES (date_trunc('month', %s::date)::date, %s, %s, %s, '', %s::jsonb, %s::jsonb, %s::jsonb)
ON CONFLICT (pattern_id, month) DO NOTHING
"""
FACT = """
INSERT INTO domains_dmarcrecord
    (domain_id, report_id, day, messages, source_ip, disposition, dkim_aligned, spf_aligned, pattern_id)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
DIRTY = """
INSERT INTO domains_dmarcdirtyday (domain_id, day) SELECT DISTINCT domain_id, day FROM domains_dmarcreport
"""
BATCH = 5_000


def _pattern_id(header_from, envelope_from, dkim, spf, reasons):
    """Return the hash of a pattern as it is in the version of this migration."""
    results = [
        [[one.get(name, "") for name in ("domain", "selector", "result", "human_result")] for one in dkim],
        [[one.get(name, "") for name in ("domain", "scope", "result", "human_result")] for one in spf],
        [[one.get(name, "") for name in ("type", "comment")] for one in reasons],
    ]
    text = json.dumps([[header_from, envelope_from, ""], results])
    return UUID(bytes=sha256(text.encode()).digest()[:16])


def move(apps, schema_editor):
    """Move every row, in batches by id."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM domains_dmarcrecord_old")
        last = cursor.fetchone()[0]
        for start in range(0, last, BATCH):
            cursor.execute(READ, [start, start + BATCH])
            patterns, facts = {}, []
            for row in cursor.fetchall():
                texts = row[8:]
                identity = _pattern_id(texts[0], texts[1], *map(json.loads, texts[2:]))
                patterns[(row[2].replace(day=1), identity)] = (row[2], identity, *texts)
                facts.append((*row[:8], identity))
            cursor.executemany(PATTERN, list(patterns.values()))
            cursor.executemany(FACT, facts)
        cursor.execute("DROP TABLE domains_dmarcrecord_old")
        cursor.execute(DIRTY)


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("domains", "0025_report_store")]

    operations = [
        migrations.RunSQL([HEADS, MONTHS]),
        migrations.RunPython(move),
        migrations.AlterField(model_name="dmarcreport", name="day", field=models.DateField()),
        migrations.AddIndex(
            model_name="dmarcreport",
            index=models.Index(fields=["domain", "day"], name="dmarcreport_day"),
        ),
        migrations.AddIndex(
            model_name="dmarcreport",
            index=models.Index(fields=["domain", "end_at"], name="dmarcreport_end"),
        ),
        migrations.AddIndex(
            model_name="dmarcreport",
            index=models.Index(
                fields=["domain", "org_name", "report_id", "begin_at", "end_at"], name="dmarcreport_identity"
            ),
        ),
        migrations.AddConstraint(
            model_name="dmarcreport",
            constraint=models.UniqueConstraint(
                condition=models.Q(("standing", "counted")),
                fields=("domain", "org_name", "report_id", "begin_at", "end_at"),
                name="one_report_counts",
            ),
        ),
    ]
