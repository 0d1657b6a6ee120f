

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('domains', '0026_fill_report_store'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReportMailbox',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=253)),
                ('port', models.PositiveIntegerField(default=993)),
                ('security', models.CharField(choices=[('tls', 'TLS from the first octet'), ('starttls', 'STARTTLS')], default='tls', max_length=8)),
                ('user', models.CharField(max_length=320)),
                ('password_sealed', models.BinaryField()),
                ('folder', models.CharField(default='INBOX', max_length=200)),
                ('move_to', models.CharField(blank=True, default='', max_length=200)),
                ('trusted_results', models.CharField(blank=True, default='', max_length=253)),
                ('enabled', models.BooleanField(default=True)),
                ('uid_validity', models.PositiveBigIntegerField(default=0)),
                ('last_uid', models.PositiveBigIntegerField(default=0)),
                ('taken', models.PositiveBigIntegerField(default=0)),
                ('fault', models.CharField(blank=True, default='', max_length=500)),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('domain', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='report_mailboxes', to='domains.domain')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
    ]
