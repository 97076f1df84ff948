"""Drift: what an upstream has added, changed or taken away since it was looked at last."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from proxy_app.models.gateway import Gateway


class Held(models.TextChoices):
    """Why an item is in quarantine: not listed to clients, and refused when called."""

    CHANGED = "changed"
    GONE = "gone"


class Drift(models.Model):
    """One thing that is other than it was; the last one of each item. Those that wait or were rejected keep it held."""

    class Sort(models.TextChoices):
        ADDED = "added"
        CHANGED = "changed"
        REMOVED = "removed"

    class State(models.TextChoices):
        WAITING = "waiting"
        APPLIED = "applied"  # without being asked for, as the gateway is set
        APPROVED = "approved"
        REJECTED = "rejected"

    # A new one each time the upstream says something else: whoever decides, decides on what they saw.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="drifts")
    kind = models.CharField(max_length=20)  # tools, resources, prompts
    identity = models.CharField(max_length=2000)  # what the upstream calls it: a name, or a URI
    item_id = models.UUIDField(null=True, blank=True)
    name = models.CharField(max_length=255)
    sort = models.CharField(max_length=10, choices=Sort)
    state = models.CharField(max_length=10, choices=State)
    # Columns as they were, those that differ; and as they would be: all of them while it waits.
    before = models.JSONField(default=dict)
    values = models.JSONField(default=dict)
    pin = models.CharField(max_length=64, blank=True)  # of what is offered now; of what is gone, of what it was
    servers = ArrayField(models.UUIDField(), default=list)  # that have it, or had it
    found_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=254, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "kind", "identity"], name="drift_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.sort}"
