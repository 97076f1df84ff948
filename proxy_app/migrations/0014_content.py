"""Content of our own resources, versions of our own prompts, roots; and the snapshot holds what can be read."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

OWNERSHIP = "name, slug, visibility, team_id, owner_id, enabled"
WATCHED = {
    "proxy_app_resource": (
        f"{OWNERSHIP}, version, gateway_id, uri, uri_template, title, description, mime_type, size, annotations, meta"
    ),
    "proxy_app_prompt": f"{OWNERSHIP}, version, gateway_id, original_name, title, description, arguments, meta",
    "proxy_app_server_resources": "server_id, resource_id",
    "proxy_app_server_prompts": "server_id, prompt_id",
}


class Migration(migrations.Migration):

    dependencies = [
        ('auth_app', '0015_events_of_an_address'),
        ('proxy_app', '0013_rest_tools'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PromptVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('template', models.TextField(blank=True)),
                ('arguments', models.JSONField(blank=True, default=list)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('by', models.CharField(blank=True, max_length=254)),
            ],
        ),
        migrations.CreateModel(
            name='ResourceContent',
            fields=[
                ('resource', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='content', serialize=False, to='proxy_app.resource')),
                ('body', models.BinaryField()),
                ('is_text', models.BooleanField()),
            ],
        ),
        migrations.CreateModel(
            name='Root',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uri', models.CharField(max_length=2000, unique=True)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_by', models.CharField(blank=True, max_length=254)),
            ],
        ),
        migrations.AddConstraint(
            model_name='resource',
            constraint=models.UniqueConstraint(condition=models.Q(('gateway', None), ('visibility', 'public')), fields=('uri',), name='resource_uri_public'),
        ),
        migrations.AddConstraint(
            model_name='resource',
            constraint=models.UniqueConstraint(condition=models.Q(('gateway', None), ('visibility', 'team')), fields=('team', 'uri'), name='resource_uri_team'),
        ),
        migrations.AddConstraint(
            model_name='resource',
            constraint=models.UniqueConstraint(condition=models.Q(('gateway', None), ('visibility', 'private')), fields=('owner', 'uri'), name='resource_uri_private'),
        ),
        migrations.AddField(
            model_name='promptversion',
            name='prompt',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='proxy_app.prompt'),
        ),
        migrations.AddConstraint(
            model_name='promptversion',
            constraint=models.UniqueConstraint(fields=('prompt', 'number'), name='promptversion_once'),
        ),
        migrations.RunSQL(
            [f"SELECT poolgate_watch('{table}', 'registry', '{columns}')" for table, columns in WATCHED.items()],
            [f"DROP TRIGGER poolgate_bump ON {table}" for table in WATCHED],
        ),
    ]
