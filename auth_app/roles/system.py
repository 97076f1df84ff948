"""Rows for the roles that come with the gateway and can be given; what they permit stands in auth_app.permissions."""

from typing import Any

from django.apps import apps as global_apps

from auth_app.permissions import SYSTEM_ROLES


def add_system_roles(*, apps: Any = global_apps, **_rest: object) -> None:
    """After every migration, so that a role which is new with a release is there. `apps`: the models as of then."""
    try:
        role = apps.get_model("auth_app", "Role")
    except LookupError:
        return  # migrated back to before there were any
    given = [one for one in SYSTEM_ROLES.values() if one.scope in ("global", "team")]
    rows = [role(name=one.name, scope=one.scope, is_system=True) for one in given]
    role.objects.bulk_create(rows, ignore_conflicts=True)
