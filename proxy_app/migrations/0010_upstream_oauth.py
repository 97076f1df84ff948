"""OAuth towards upstreams. Who is connected is a part of its own: a new token moves nothing, a connection that goes does."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


WATCH_GATEWAYS = """
CREATE CONSTRAINT TRIGGER poolgate_bump_oauth AFTER UPDATE OF auth_type, oauth ON proxy_app_gateway
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION poolgate_bump('registry')
"""
WATCH_CONNECTIONS = "SELECT poolgate_watch('proxy_app_oauthconnection', 'connections', 'gateway_id, user_id, status')"


class Migration(migrations.Migration):

    dependencies = [
        ('proxy_app', '0009_route_pools'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OAuthClient',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('issuer', models.CharField(max_length=2000)),
                ('client_id', models.CharField(max_length=2000)),
                ('sealed_secret', models.TextField(blank=True)),
                ('auth_method', models.CharField(max_length=40)),
                ('redirect_uri', models.CharField(max_length=2000)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('registered_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('registered_by', models.CharField(blank=True, max_length=254)),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('issuer'), models.F('redirect_uri'), name='oauth_client_once')],
            },
        ),
        migrations.AddField(
            model_name='gateway',
            name='oauth',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='gateway',
            name='oauth_issuer',
            field=models.CharField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='gateway',
            name='sealed_oauth_secret',
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name='gateway',
            name='auth_type',
            field=models.CharField(blank=True, choices=[('', 'None'), ('bearer', 'Bearer'), ('basic', 'Basic'), ('authheaders', 'Headers'), ('oauth', 'Oauth')], default='', max_length=20),
        ),
        migrations.AlterField(
            model_name='gateway',
            name='status',
            field=models.CharField(choices=[('pending', 'Pending'), ('active', 'Active'), ('failed', 'Failed'), ('unconnected', 'Unconnected')], default='pending', max_length=12),
        ),
        migrations.AlterField(
            model_name='route',
            name='auth_type',
            field=models.CharField(blank=True, choices=[('', 'None'), ('bearer', 'Bearer'), ('basic', 'Basic'), ('authheaders', 'Headers'), ('oauth', 'Oauth')], default='', max_length=20),
        ),
        migrations.CreateModel(
            name='OAuthFlow',
            fields=[
                ('state_hash', models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ('session_hash', models.BinaryField(max_length=32)),
                ('sealed_verifier', models.TextField()),
                ('terms', models.JSONField()),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('gateway', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='proxy_app.gateway')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='OAuthConnection',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('issuer', models.CharField(blank=True, max_length=2000)),
                ('status', models.CharField(choices=[('connected', 'Connected'), ('broken', 'Broken')], default='connected', max_length=10)),
                ('sealed_tokens', models.TextField(blank=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('terms', models.JSONField(blank=True, default=dict)),
                ('scope', models.TextField(blank=True)),
                ('wanted_scope', models.TextField(blank=True)),
                ('account', models.CharField(blank=True, max_length=254)),
                ('version', models.PositiveIntegerField(default=1)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('connected_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('connected_by', models.CharField(blank=True, max_length=254)),
                ('refreshed_at', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=500)),
                ('last_error_at', models.DateTimeField(blank=True, null=True)),
                ('gateway', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='oauth_connections', to='proxy_app.gateway')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('gateway'), models.F('user'), name='oauth_connection_once', nulls_distinct=False)],
            },
        ),
        migrations.RunSQL(
            [WATCH_GATEWAYS, WATCH_CONNECTIONS],
            [
                'DROP TRIGGER poolgate_bump_oauth ON proxy_app_gateway',
                'DROP TRIGGER poolgate_bump ON proxy_app_oauthconnection',
            ],
        ),
    ]
