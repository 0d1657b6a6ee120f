import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('domains', '0027_report_mailboxes'),
    ]

    operations = [
        migrations.AddField(
            model_name='reportfile',
            name='brought_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='reportfile',
            name='reader',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name='reportfile',
            name='state',
            field=models.CharField(choices=[('pending', 'Waiting'), ('stored', 'Stored'), ('known', 'Already known'), ('disputed', 'Disputed'), ('broken', 'Not readable'), ('fenced', 'Too many that day')], default='pending', max_length=8),
        ),
        migrations.AddIndex(
            model_name='dmarcreport',
            index=models.Index(fields=['domain', 'received_at'], name='dmarcreport_came'),
        ),
        migrations.AddIndex(
            model_name='reportfile',
            index=models.Index(fields=['domain', 'received_at'], name='reportfile_came'),
        ),
        migrations.AddIndex(
            model_name='reportfile',
            index=models.Index(fields=['state', 'id'], name='reportfile_state'),
        ),
    ]
