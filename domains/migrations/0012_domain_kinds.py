"""What a domain is for: mail, parked, or an alias of another; where reports about a parked one go."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """New fields with defaults that leave every domain as it is."""

    dependencies = [("domains", "0011_certificates")]

    operations = [
        migrations.AddField(
            model_name="domain",
            name="kind",
            field=models.CharField(
                choices=[("mail", "Mail"), ("parked", "Parked"), ("alias", "Alias")], default="mail", max_length=8
            ),
        ),
        migrations.AddField(
            model_name="domain",
            name="alias_of",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="alias_domains",
                to="domains.domain",
            ),
        ),
        migrations.AddField(
            model_name="domain",
            name="reports_to",
            field=models.CharField(blank=True, default="", max_length=320),
        ),
        migrations.AddConstraint(
            model_name="domain",
            constraint=models.CheckConstraint(
                condition=models.Q(kind="alias", alias_of__isnull=False)
                | (~models.Q(kind="alias") & models.Q(alias_of__isnull=True)),
                name="only_an_alias_has_a_target",
            ),
        ),
    ]
