"""What every registered kind has in common: identity, ownership, visibility, state and audit stamps."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils import timezone

from proxy_app.models.words import OF_AN_ITEM


class Visibility(models.TextChoices):
    PRIVATE = "private"
    TEAM = "team"
    PUBLIC = "public"


class Registered(models.Model):
    """A row of the registry. `name` is the public name, unique among the rows of one scope (public, team or owner)."""

    kind: ClassVar[str]  # as permissions name it

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=255, editable=False)
    description = models.TextField(null=True, blank=True)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PUBLIC)
    team = models.ForeignKey("auth_app.Team", models.PROTECT, null=True, blank=True, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    import_batch_id = models.UUIDField(null=True, blank=True, editable=False)  # the Transfer that made it

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254, blank=True)
    created_from_ip = models.GenericIPAddressField(null=True, blank=True)
    created_via = models.CharField(max_length=20, blank=True)
    created_user_agent = models.CharField(max_length=300, blank=True)
    modified_by = models.CharField(max_length=254, null=True, blank=True)
    modified_from_ip = models.GenericIPAddressField(null=True, blank=True)
    modified_via = models.CharField(max_length=20, null=True, blank=True)
    modified_user_agent = models.CharField(max_length=300, null=True, blank=True)

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="%(class)s_newest"),
            GinIndex(fields=["tags"], name="%(class)s_tags"),
            GinIndex(OF_AN_ITEM, name="%(class)s_words"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["slug"], condition=models.Q(visibility="public"), name="%(class)s_name_public"
            ),
            models.UniqueConstraint(
                fields=["team", "slug"], condition=models.Q(visibility="team"), name="%(class)s_name_team"
            ),
            models.UniqueConstraint(
                fields=["owner", "slug"], condition=models.Q(visibility="private"), name="%(class)s_name_private"
            ),
            models.CheckConstraint(
                condition=~models.Q(visibility="team") | models.Q(team__isnull=False), name="%(class)s_team_named"
            ),
        ]

    def __str__(self) -> str:
        return self.name
