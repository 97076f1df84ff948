"""Drift of upstreams, pins and quarantine; headers that pass, are added and left out; refreshing by interval."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models

from proxy_app.migrations._watching import watch_again


WATCHED = {
    "proxy_app_tool": ("held",),
    "proxy_app_resource": ("held",),
    "proxy_app_prompt": ("held",),
    "proxy_app_gateway": ("passthrough_headers", "sealed_add_headers", "remove_headers", "sealed_query"),
}


class Migration(migrations.Migration):

    dependencies = [
        ('proxy_app', '0014_content'),
    ]

    operations = [
        migrations.AddField(
            model_name='gateway',
            name='add_headers',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='gateway',
            name='auth_query_param_key',
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name='gateway',
            name='changes',
            field=models.CharField(choices=[('apply', 'Apply'), ('hold_tools', 'Hold Tools'), ('hold', 'Hold')], default='hold_tools', max_length=12),
        ),
        migrations.AddField(
            model_name='gateway',
            name='passthrough_headers',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list),
        ),
        migrations.AddField(
            model_name='gateway',
            name='refresh_began_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='gateway',
            name='refresh_interval_seconds',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='gateway',
            name='remove_headers',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list),
        ),
        migrations.AddField(
            model_name='gateway',
            name='sealed_add_headers',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='gateway',
            name='sealed_query',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='prompt',
            name='held',
            field=models.CharField(blank=True, choices=[('changed', 'Changed'), ('gone', 'Gone')], max_length=10),
        ),
        migrations.AddField(
            model_name='resource',
            name='held',
            field=models.CharField(blank=True, choices=[('changed', 'Changed'), ('gone', 'Gone')], max_length=10),
        ),
        migrations.AddField(
            model_name='tool',
            name='held',
            field=models.CharField(blank=True, choices=[('changed', 'Changed'), ('gone', 'Gone')], max_length=10),
        ),
        migrations.AddField(
            model_name='tool',
            name='pin',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AlterField(
            model_name='gateway',
            name='auth_type',
            field=models.CharField(blank=True, choices=[('', 'None'), ('bearer', 'Bearer'), ('basic', 'Basic'), ('authheaders', 'Headers'), ('oauth', 'Oauth'), ('query_param', 'Query')], default='', max_length=20),
        ),
        migrations.AlterField(
            model_name='route',
            name='auth_type',
            field=models.CharField(blank=True, choices=[('', 'None'), ('bearer', 'Bearer'), ('basic', 'Basic'), ('authheaders', 'Headers'), ('oauth', 'Oauth'), ('query_param', 'Query')], default='', max_length=20),
        ),
        migrations.CreateModel(
            name='Drift',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=20)),
                ('identity', models.CharField(max_length=2000)),
                ('item_id', models.UUIDField(blank=True, null=True)),
                ('name', models.CharField(max_length=255)),
                ('sort', models.CharField(choices=[('added', 'Added'), ('changed', 'Changed'), ('removed', 'Removed')], max_length=10)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('applied', 'Applied'), ('approved', 'Approved'), ('rejected', 'Rejected')], max_length=10)),
                ('before', models.JSONField(default=dict)),
                ('values', models.JSONField(default=dict)),
                ('pin', models.CharField(blank=True, max_length=64)),
                ('servers', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('found_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, max_length=254)),
                ('gateway', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='drifts', to='proxy_app.gateway')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('gateway', 'kind', 'identity'), name='drift_once')],
            },
        ),
        migrations.RunSQL(
            [watch_again(table, more=columns) for table, columns in WATCHED.items()],
            [watch_again(table, less=columns) for table, columns in WATCHED.items()],
        ),
    ]
