"""How many requests a token and a team may make, watched like everything that the processes keep in memory."""

from django.db import migrations, models

LIMITED = ("apitoken", "team")
WATCH = """
CREATE CONSTRAINT TRIGGER poolgate_bump_rate_limit AFTER UPDATE OF rate_limit ON auth_app_{}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION poolgate_bump('access')
"""


class Migration(migrations.Migration):
    dependencies = [("auth_app", "0002_versions")]

    operations = [
        *(migrations.AddField(name, "rate_limit", models.CharField(blank=True, max_length=200)) for name in LIMITED),
        migrations.RunSQL(
            [WATCH.format(name) for name in LIMITED],
            [f"DROP TRIGGER poolgate_bump_rate_limit ON auth_app_{name}" for name in LIMITED],
        ),
    ]
