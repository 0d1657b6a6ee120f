"""Blocks of days: sums by address of 64 and of 8 days (decision 0029); those of all days that there are wait to be made."""

import django.db.models.deletion
from django.db import migrations, models

# A block begins where the number of its first day (1 for 0001-01-01) is a multiple of its length.
WAITING = """
INSERT INTO domains_dmarcblock (domain_id, days, first_day, stands, changed_at)
SELECT DISTINCT domain_id, length, date '0001-01-01' + (day - date '0001-01-01' + 1) / length * length - 1, false, now()
FROM domains_dmarcday CROSS JOIN (VALUES (64), (8)) AS lengths (length)
"""


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("domains", "0036_judged_by")]

    operations = [
        migrations.CreateModel(
            name="DmarcBlock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("days", models.PositiveSmallIntegerField()),
                ("first_day", models.DateField()),
                ("stands", models.BooleanField(default=False)),
                ("changed_at", models.DateTimeField()),
                ("domain", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="domains.domain")),
            ],
        ),
        migrations.CreateModel(
            name="DmarcBlockSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source_ip", models.GenericIPAddressField()),
                ("kind", models.CharField(max_length=20)),
                ("sender", models.CharField(blank=True, default="", max_length=300)),
                ("messages", models.PositiveBigIntegerField()),
                ("passed", models.PositiveBigIntegerField()),
                ("spf", models.PositiveBigIntegerField()),
                ("dkim", models.PositiveBigIntegerField()),
                ("with_none", models.PositiveBigIntegerField(null=True)),
                ("with_pass", models.PositiveBigIntegerField(null=True)),
                ("with_quarantine", models.PositiveBigIntegerField(null=True)),
                ("with_reject", models.PositiveBigIntegerField(null=True)),
                ("with_unknown", models.PositiveBigIntegerField(null=True)),
                ("first_day", models.DateField()),
                ("last_day", models.DateField()),
                ("block", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="domains.dmarcblock")),
            ],
        ),
        migrations.AddIndex(
            model_name="dmarcblock",
            index=models.Index(condition=models.Q(("stands", False)), fields=["domain"], name="dmarcblock_to_add_up"),
        ),
        migrations.AddConstraint(
            model_name="dmarcblock",
            constraint=models.UniqueConstraint(fields=("domain", "days", "first_day"), name="one_block_once"),
        ),
        migrations.RunSQL(WAITING, migrations.RunSQL.noop),
    ]
