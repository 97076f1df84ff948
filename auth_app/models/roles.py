"""Roles, and who has them."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from auth_app.models.people import User
from auth_app.models.teams import Team


class Role(models.Model):
    """Permissions by name or pattern, to be given to people. Those of the system cannot be changed."""

    class Scope(models.TextChoices):
        GLOBAL = "global"
        TEAM = "team"
        PERSONAL = "personal"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=500, blank=True)
    scope = models.CharField(max_length=10, choices=Scope)
    permissions = ArrayField(models.CharField(max_length=100), default=list)
    inherits = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="heirs")
    is_system = models.BooleanField(default=False, editable=False)
    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class RoleGrant(models.Model):
    """A role somebody has: everywhere, or in one team; for ever, or until it expires."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="role_grants")
    role = models.ForeignKey(Role, models.PROTECT, related_name="grants")
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="role_grants")
    expires_at = models.DateTimeField(null=True, blank=True)
    granted_by = models.CharField(max_length=254, blank=True)
    granted_at = models.DateTimeField(default=timezone.now, editable=False)
    # manual, or sso: then by the rules of that provider, which take it away again.
    source = models.CharField(max_length=20, default="manual")
    sso_provider = models.ForeignKey("auth_app.SsoProvider", models.CASCADE, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint("user", "role", "team", name="role_grant_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} has {self.role_id}"
