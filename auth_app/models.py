"""People, teams, memberships and API tokens."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **values: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **values)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """People write their address in any case; no two differ in that alone."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person, known by e-mail. What they may do is decided in auth_app.policy, nowhere else."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=200, blank=True)
    is_admin = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.email


class Team(models.Model):
    """A group of people that owns registered items together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, unique=True)
    # How many requests its people may make together, as gatewaysite.rates reads it; empty for the gateway's default.
    rate_limit = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's place in one team."""

    class Role(models.TextChoices):
        OWNER = "owner"
        MEMBER = "member"
        VIEWER = "viewer"

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id} as {self.role}"


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
    source = models.CharField(max_length=20, default="manual")

    class Meta:
        constraints = [
            models.UniqueConstraint("user", "role", "team", name="role_grant_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} has {self.role_id}"


class ApiToken(models.Model):
    """A secret that acts for a person, within its own scope. Only its SHA-256 is kept.

    What its scope allows its owner must be allowed too, now: see auth_app.policy. Null and empty mean no limit.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=1000, blank=True)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    secret_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=254, blank=True)
    revoked_why = models.CharField(max_length=500, blank=True)
    # Its scope. The last four characters help to recognise it.
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="api_tokens")
    server_id = models.UUIDField(null=True, blank=True)
    permissions = ArrayField(models.CharField(max_length=100), null=True, blank=True)
    networks = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    # {"days": ["mon", ...], "from": "08:00", "to": "18:00", "timezone": "Europe/Berlin"}
    hours = models.JSONField(default=dict, blank=True)
    rate_limit = models.CharField(max_length=200, blank=True)  # as a team's
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="token_name_per_user")]

    def __str__(self) -> str:
        return f"{self.name} (...{self.last_four})"


class StateVersion(models.Model):
    """How often a part of the shared state ("access", "registry") has changed; moved by database triggers at commit."""

    part = models.CharField(max_length=20, primary_key=True)
    version = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.part} {self.version}"


class AuditEntry(models.Model):
    """Who did what to which item, when. Written in the unit that made the change, never edited."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor_email = models.EmailField()
    action = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=30)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=255, blank=True)
    changes = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    from_ip = models.GenericIPAddressField(null=True, blank=True)
    via = models.CharField(max_length=12, default="api")

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["object_kind", "object_id"], name="audit_object")]

    def __str__(self) -> str:
        return f"{self.actor_email} {self.action} {self.object_kind} {self.object_name}"
