"""Watch what the snapshot holds of the registry. Columns only people look at (progress, last seen) are left out."""

from django.db import migrations

OWNERSHIP = "name, slug, visibility, team_id, owner_id, enabled"
WATCHED = {
    "proxy_app_gateway": f"{OWNERSHIP}, url, sealed_headers, era",
    "proxy_app_tool": (
        f"{OWNERSHIP}, gateway_id, original_name, title, description, input_schema, output_schema, annotations, meta,"
        " icons, timeout_ms"
    ),
    "proxy_app_server": f"{OWNERSHIP}, description",
    "proxy_app_servertool": "server_id, tool_id, alias, position",
}


class Migration(migrations.Migration):
    dependencies = [("proxy_app", "0001_initial"), ("auth_app", "0002_versions")]

    operations = [
        migrations.RunSQL(
            [f"SELECT poolgate_watch('{table}', 'registry', '{columns}')" for table, columns in WATCHED.items()],
            [f"DROP TRIGGER poolgate_bump ON {table}" for table in WATCHED],
        )
    ]
