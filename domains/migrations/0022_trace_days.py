"""Partition the trace by day: today's tables become the default partitions, so that nothing is copied.

Rows that are there stay where they are until they are too old; ``services.trace_days`` makes the days from tomorrow on.
"""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models

DROP_INDEXES = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT c.oid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid IN ('domains_trace'::regclass, 'domains_traceevent'::regclass) AND NOT i.indisprimary
    LOOP EXECUTE 'DROP INDEX ' || name; END LOOP;
END $$;
"""

FILL = """
ALTER TABLE domains_trace ADD COLUMN terms text[] COLLATE "C" NOT NULL DEFAULT '{}';
UPDATE domains_trace SET terms = ARRAY(
    SELECT DISTINCT lower(address) FROM unnest(recipients || mail_from) AS address WHERE address <> ''
    UNION SELECT '@' || lower(substring(address FROM '[^@]*$'))
        FROM unnest(recipients || mail_from) AS address WHERE address <> ''
    UNION SELECT '@' || detail FROM (
        SELECT jsonb_path_query_array(coalesce(pending_events, '[]'), '$[*] ? (@.stage == "dmarc").detail.author_domain')
    ) AS found(list), jsonb_array_elements_text(list) AS detail WHERE octet_length(detail) BETWEEN 1 AND 999
    UNION SELECT '~' || name FROM unnest(domains) AS name
    UNION SELECT '<' || lower(btrim(message_id, '<>')) || '>' WHERE message_id <> '');
ALTER TABLE domains_trace ALTER COLUMN terms DROP DEFAULT;
"""

HEADS = """
ALTER TABLE domains_trace ALTER COLUMN id TYPE varchar(26) COLLATE "C";
ALTER TABLE domains_trace RENAME TO domains_trace_default;
ALTER INDEX domains_trace_pkey RENAME TO domains_trace_default_pkey;
CREATE TABLE domains_trace (LIKE domains_trace_default) PARTITION BY RANGE (id);
ALTER TABLE domains_trace ADD CONSTRAINT domains_trace_pkey PRIMARY KEY (id);
CREATE INDEX trace_terms ON domains_trace USING gin (terms) WITH (fastupdate = true);
CREATE INDEX trace_client ON domains_trace (client_address);
CREATE INDEX trace_seldom ON domains_trace (outcome, id)
    WHERE outcome IN ('queued', 'deferred', 'bounced', 'dropped', 'failed');
CREATE INDEX trace_pending ON domains_trace (id) WHERE pending_events IS NOT NULL;
ALTER TABLE domains_trace ATTACH PARTITION domains_trace_default DEFAULT;
"""

EVENTS = """
ALTER TABLE domains_traceevent ALTER COLUMN trace_id TYPE varchar(26) COLLATE "C";
ALTER TABLE domains_traceevent ALTER COLUMN id DROP IDENTITY;
ALTER TABLE domains_traceevent DROP CONSTRAINT domains_traceevent_pkey;
ALTER TABLE domains_traceevent RENAME TO domains_traceevent_default;
CREATE TABLE domains_traceevent (LIKE domains_traceevent_default) PARTITION BY RANGE (trace_id);
CREATE SEQUENCE domains_traceevent_id_seq OWNED BY domains_traceevent.id;
SELECT setval('domains_traceevent_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM domains_traceevent_default), false);
ALTER TABLE domains_traceevent ALTER COLUMN id SET DEFAULT nextval('domains_traceevent_id_seq');
CREATE INDEX traceevent_trace ON domains_traceevent (trace_id);
ALTER TABLE domains_traceevent ATTACH PARTITION domains_traceevent_default DEFAULT;
"""

SELDOM = ("queued", "deferred", "bounced", "dropped", "failed")


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("domains", "0021_domain_offer")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL([DROP_INDEXES, FILL, HEADS, EVENTS])],
            state_operations=[
                migrations.RemoveIndex(model_name="trace", name="trace_message_id"),
                migrations.RemoveIndex(model_name="trace", name="trace_mail_from"),
                migrations.RemoveIndex(model_name="trace", name="trace_recipients"),
                migrations.RemoveIndex(model_name="trace", name="trace_domains"),
                migrations.RemoveIndex(model_name="trace", name="trace_pending"),
                migrations.AlterField(
                    model_name="trace",
                    name="id",
                    field=models.CharField(db_collation="C", max_length=26, primary_key=True, serialize=False),
                ),
                migrations.AlterField(model_name="trace", name="received_at", field=models.DateTimeField()),
                migrations.AddField(
                    model_name="trace",
                    name="terms",
                    field=django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(db_collation="C"), default=list, size=None
                    ),
                ),
                migrations.AddIndex(
                    model_name="trace",
                    index=django.contrib.postgres.indexes.GinIndex(
                        fastupdate=True, fields=["terms"], name="trace_terms"
                    ),
                ),
                migrations.AddIndex(
                    model_name="trace", index=models.Index(fields=["client_address"], name="trace_client")
                ),
                migrations.AddIndex(
                    model_name="trace",
                    index=models.Index(
                        condition=models.Q(("outcome__in", SELDOM)), fields=["outcome", "id"], name="trace_seldom"
                    ),
                ),
                migrations.AddIndex(
                    model_name="trace",
                    index=models.Index(
                        condition=models.Q(("pending_events__isnull", False)), fields=["id"], name="trace_pending"
                    ),
                ),
            ],
        ),
    ]
