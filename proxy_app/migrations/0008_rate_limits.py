"""Rate limits of gateways and routes, and what all processes have drawn of each window.

The counts may be lost with a crash, so they are not written twice.
"""

from django.db import migrations, models

LIMITED = ("gateway", "route")
WATCH = """
CREATE CONSTRAINT TRIGGER poolgate_bump_rate_limit AFTER UPDATE OF rate_limit ON proxy_app_{}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION poolgate_bump('registry')
"""


class Migration(migrations.Migration):
    dependencies = [("proxy_app", "0007_tool_reachable"), ("auth_app", "0003_rate_limits")]

    operations = [
        *(migrations.AddField(name, "rate_limit", models.CharField(blank=True, max_length=200)) for name in LIMITED),
        migrations.RunSQL(
            [WATCH.format(name) for name in LIMITED],
            [f"DROP TRIGGER poolgate_bump_rate_limit ON proxy_app_{name}" for name in LIMITED],
        ),
        migrations.CreateModel(
            name="RateCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key", "ends_at", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key", models.CharField(max_length=120)),
                ("ends_at", models.BigIntegerField()),
                ("used", models.BigIntegerField()),
            ],
        ),
        migrations.RunSQL(
            "ALTER TABLE proxy_app_ratecount SET UNLOGGED", "ALTER TABLE proxy_app_ratecount SET LOGGED"
        ),
    ]
