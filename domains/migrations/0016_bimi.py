"""The logo of a domain (BIMI)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Two addresses, empty without a logo."""

    dependencies = [("domains", "0015_observation")]

    operations = [
        migrations.AddField(
            model_name="domain",
            name="bimi_logo",
            field=models.CharField(blank=True, default="", max_length=500),
        ),
        migrations.AddField(
            model_name="domain",
            name="bimi_certificate",
            field=models.CharField(blank=True, default="", max_length=500),
        ),
    ]
