"""Imports: what somebody wanted to become of the configuration, and what became of it."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class Transfer(models.Model):
    """A document that was compared with what is there, and perhaps applied. Its row is the progress of it."""

    class Status(models.TextChoices):
        PLANNED = "planned"  # somebody looks at what would happen
        PENDING = "pending"  # a job will do it
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"  # and nothing was changed

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_by = models.CharField(max_length=254, blank=True)
    created_via = models.CharField(max_length=20)
    status = models.CharField(max_length=10, choices=Status, default=Status.PLANNED)
    strategy = models.CharField(max_length=10)
    prune = models.BooleanField(default=False)
    dry_run = models.BooleanField(default=False)
    # The document, as long as it may still be applied: somebody may have written secrets into it.
    sealed_document = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    total = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    # What changes, member by member; never a secret.
    plan = models.JSONField(default=dict)
    errors = models.JSONField(default=list)
    warnings = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} by {self.created_by}: {self.status}"
