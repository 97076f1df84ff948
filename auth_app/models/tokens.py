"""API tokens."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from auth_app.models.people import User
from auth_app.models.teams import Team


class ApiToken(models.Model):
    """A secret that acts for a person, within its own scope. Only its SHA-256 is kept.

    What its scope allows its owner must be allowed too, now: see auth_app.policy. Null and empty mean no limit.
    """

    class Kind(models.TextChoices):
        API = "api"
        SESSION = "session"  # what a log-in by JSON gives: for minutes, and in nobody's list

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.API, editable=False)
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
