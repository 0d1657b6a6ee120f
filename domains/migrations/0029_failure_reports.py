import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('domains', '0028_report_files_read'),
    ]

    operations = [
        migrations.CreateModel(
            name='FailureReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.BinaryField(max_length=32)),
                ('received_at', models.DateTimeField(auto_now_add=True)),
                ('road', models.CharField(max_length=8)),
                ('submitter', models.CharField(blank=True, default='', max_length=320)),
                ('authenticated', models.BooleanField(default=False)),
                ('trace_id', models.CharField(blank=True, default='', max_length=26)),
                ('arrived_at', models.DateTimeField(null=True)),
                ('source_ip', models.GenericIPAddressField(null=True)),
                ('reported_domain', models.CharField(max_length=253)),
                ('header_from', models.CharField(blank=True, default='', max_length=253)),
                ('mail_from', models.CharField(blank=True, default='', max_length=320)),
                ('subject', models.CharField(blank=True, default='', max_length=300)),
                ('failures', models.JSONField(default=list)),
                ('incidents', models.PositiveIntegerField(default=1)),
                ('details', models.JSONField(default=dict)),
                ('redacted_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='ReportKeeping',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('file_days', models.PositiveIntegerField(default=90)),
                ('failure_days', models.PositiveIntegerField(default=30)),
                ('redact_days', models.PositiveIntegerField(default=7)),
            ],
        ),
        migrations.AddField(
            model_name='failurereport',
            name='domain',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='failure_reports', to='domains.domain'),
        ),
        migrations.AddConstraint(
            model_name='reportkeeping',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='one_report_keeping'),
        ),
        migrations.AddIndex(
            model_name='failurereport',
            index=models.Index(fields=['domain', 'received_at'], name='failurereport_came'),
        ),
        migrations.AddIndex(
            model_name='failurereport',
            index=models.Index(condition=models.Q(('redacted_at', None)), fields=['received_at'], name='failurereport_to_redact'),
        ),
        migrations.AddConstraint(
            model_name='failurereport',
            constraint=models.UniqueConstraint(fields=('domain', 'digest'), name='one_failure_report_once'),
        ),
    ]
