"""Teams, and who is in them."""

import uuid

from django.db import models
from django.utils import timezone

from auth_app.models.people import User


class Team(models.Model):
    """A group of people that owns registered items together. One that is switched off gives its people nothing."""

    class Visibility(models.TextChoices):
        PRIVATE = "private"
        PUBLIC = "public"  # everybody finds it, and may ask to join

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, unique=True, allow_unicode=True)
    description = models.CharField(max_length=1000, blank=True)
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PRIVATE)
    # Whose personal team it is: everybody has one, with nobody else in it. See auth_app.models.people.User.save.
    person = models.OneToOneField(User, models.CASCADE, null=True, blank=True, related_name="personal_team")
    max_members = models.PositiveIntegerField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    # How many requests its people may make together, as gatewaysite.rates reads it; empty for the gateway's default.
    rate_limit = models.CharField(max_length=200, blank=True)
    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name

    @property
    def is_personal(self) -> bool:
        return self.person_id is not None


class Membership(models.Model):
    """One person's membership of one team."""

    class Role(models.TextChoices):
        OWNER = "owner"
        MEMBER = "member"
        VIEWER = "viewer"

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)
    invited_by = models.CharField(max_length=254, blank=True)
    # manual, or sso: then by the rules of that provider, which take it away again.
    source = models.CharField(max_length=20, default="manual")
    sso_provider = models.ForeignKey("auth_app.SsoProvider", models.CASCADE, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id} as {self.role}"
