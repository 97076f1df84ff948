"""A personal team for everybody who has none yet; and what of a team the processes keep in memory is watched."""

from typing import Any

from django.db import migrations

WATCH = """
CREATE CONSTRAINT TRIGGER poolgate_bump_standing AFTER UPDATE OF is_active, person_id ON auth_app_team
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION poolgate_bump('access')
"""
# A role's name is told with a grant, and a grant of a role that is renamed is another one.
WATCH_ROLE = """
CREATE CONSTRAINT TRIGGER poolgate_bump_name AFTER UPDATE OF name ON auth_app_role
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION poolgate_bump('access')
"""


def add_personal_teams(apps: Any, _editor: Any) -> None:
    teams, memberships = (apps.get_model("auth_app", name).objects for name in ("Team", "Membership"))
    for user in apps.get_model("auth_app", "User").objects.filter(personal_team=None).iterator():
        team = teams.create(
            name=f"{user.full_name or user.email}'s team"[:200],
            slug=f"personal-{user.pk.hex}",
            description=f"Personal team of {user.email}",
            person=user,
            created_by=user.email,
        )
        memberships.create(team=team, user=user, role="owner")


class Migration(migrations.Migration):
    dependencies = [("auth_app", "0006_teams")]

    operations = [
        migrations.RunPython(add_personal_teams, migrations.RunPython.noop, elidable=False),
        migrations.RunSQL(
            [WATCH, WATCH_ROLE],
            ["DROP TRIGGER poolgate_bump_standing ON auth_app_team", "DROP TRIGGER poolgate_bump_name ON auth_app_role"],
        ),
    ]
