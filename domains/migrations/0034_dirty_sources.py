import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("domains", "0033_undecided_sources")]

    operations = [
        migrations.CreateModel(
            name="DmarcDirtySources",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "domain",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="domains.domain",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(
            "INSERT INTO domains_dmarcdirtysources (domain_id)"
            " SELECT DISTINCT domain_id FROM domains_dmarcsource WHERE decided_at IS NULL",
            migrations.RunSQL.noop,
        ),
        migrations.RemoveIndex(model_name="dmarcsource", name="dmarcsource_undecided"),
        migrations.RemoveField(model_name="dmarcsource", name="decided_at"),
    ]
