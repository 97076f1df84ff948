"""Proxy routes get the pool options and TLS that gateways have; three time-outs of theirs become such options."""

from django.db import migrations, models


KEPT = (
    "name, slug, visibility, team_id, owner_id, enabled, upstream_url, methods, request_headers, response_headers,"
    " added_headers, auth_type, sealed_headers, strip_prefix, replace_from, replace_to, query_policy, query_parameters,"
    " body_limit_bytes, total_timeout_ms, streaming, redirects"
)
BEFORE = f"{KEPT}, connect_timeout_ms, timeout_ms, stream_timeout_ms"
AFTER = f"{KEPT}, pool_options, ca_certificate, client_certificate, sealed_client_key, pool_epoch"
UNWATCH = "DROP TRIGGER poolgate_bump ON proxy_app_route"
# Less than a tenth of a second, and more than a day, cannot be said any more; both functions pass over nulls.
TAKE = """
UPDATE proxy_app_route SET pool_options = jsonb_strip_nulls(jsonb_build_object(
    'connectTimeout', CASE WHEN connect_timeout_ms > 0 THEN
        trim_scale(least(greatest(connect_timeout_ms, 100), 86400000) / 1000.0) END,
    'readTimeout', CASE WHEN timeout_ms > 0 THEN
        trim_scale(least(greatest(timeout_ms, 100), 86400000) / 1000.0) END,
    'streamIdleTimeout', CASE WHEN stream_timeout_ms > 0 THEN
        trim_scale(least(greatest(stream_timeout_ms, 100), 86400000) / 1000.0) END
))
"""
GIVE_BACK = """
UPDATE proxy_app_route SET
    connect_timeout_ms = ((pool_options ->> 'connectTimeout')::numeric * 1000)::integer,
    timeout_ms = ((pool_options ->> 'readTimeout')::numeric * 1000)::integer,
    stream_timeout_ms = ((pool_options ->> 'streamIdleTimeout')::numeric * 1000)::integer
"""


def watch(columns: str) -> str:
    return f"SELECT poolgate_watch('proxy_app_route', 'registry', '{columns}')"


class Migration(migrations.Migration):

    dependencies = [
        ('proxy_app', '0008_rate_limits'),
    ]

    operations = [
        migrations.RunSQL(UNWATCH, watch(BEFORE)),
        migrations.AddField(
            model_name='route',
            name='ca_certificate',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='route',
            name='client_certificate',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='route',
            name='pool_epoch',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='route',
            name='pool_options',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='route',
            name='sealed_client_key',
            field=models.TextField(blank=True),
        ),
        migrations.RunSQL(TAKE, GIVE_BACK),
        migrations.RemoveField(
            model_name='route',
            name='connect_timeout_ms',
        ),
        migrations.RemoveField(
            model_name='route',
            name='stream_timeout_ms',
        ),
        migrations.RemoveField(
            model_name='route',
            name='timeout_ms',
        ),
        migrations.RunSQL(watch(AFTER), UNWATCH),
    ]
