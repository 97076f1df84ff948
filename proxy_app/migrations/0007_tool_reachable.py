"""A tool is as reachable as its gateway. Databases made by 0.1's development versions may lack the column already."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("proxy_app", "0006_pool_epoch")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("tool", "reachable")],
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE proxy_app_tool DROP COLUMN IF EXISTS reachable",
                    "ALTER TABLE proxy_app_tool ADD COLUMN reachable boolean NOT NULL DEFAULT true",
                )
            ],
        )
    ]
