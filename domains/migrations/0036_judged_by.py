from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("domains", "0035_weekly_summary")]

    operations = [
        migrations.AddField(
            model_name="installation", name="judged_by", field=models.CharField(default="", max_length=64)
        )
    ]
