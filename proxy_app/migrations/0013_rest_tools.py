"""Tools made of REST APIs. What they are called with is in the snapshot, so a change of it is counted."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from proxy_app.migrations._watching import watch_again

WATCHED = (
    "integration_type", "request_type", "base_url", "path_template", "query_mapping", "header_mapping", "body_encoding",
    "body_argument", "fixed_headers", "sealed_headers", "jsonpath_filter", "deprecated", "deprecation_note",
)


class Migration(migrations.Migration):

    dependencies = [
        ('proxy_app', '0012_agents'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='tool',
            name='allowlist',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='tool',
            name='auth_type',
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name='tool',
            name='base_url',
            field=models.CharField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='tool',
            name='body_argument',
            field=models.CharField(blank=True, max_length=128),
        ),
        migrations.AddField(
            model_name='tool',
            name='body_encoding',
            field=models.CharField(choices=[('json', 'Json'), ('form', 'Form'), ('multipart', 'Multipart')], default='json', max_length=10),
        ),
        migrations.AddField(
            model_name='tool',
            name='deprecation_note',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='tool',
            name='fixed_headers',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='tool',
            name='header_mapping',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='tool',
            name='jsonpath_filter',
            field=models.CharField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='tool',
            name='operation',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='tool',
            name='path_template',
            field=models.CharField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='tool',
            name='query_mapping',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='tool',
            name='sealed_headers',
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name='tool',
            name='url',
            field=models.CharField(blank=True, max_length=4000),
        ),
        migrations.CreateModel(
            name='ToolTry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('sealed_arguments', models.TextField(blank=True)),
                ('outcome', models.CharField(max_length=12)),
                ('duration_ms', models.FloatField()),
                ('tool', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tries', to='proxy_app.tool')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['tool', 'user', '-at'], name='try_newest')],
            },
        ),
        migrations.RunSQL(watch_again('proxy_app_tool', more=WATCHED), watch_again('proxy_app_tool', less=WATCHED)),
    ]
