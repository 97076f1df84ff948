"""What is common to the upstreams that are asked who they are when registered, and then now and again how they are."""

from django.db import models

from proxy_app.models.called import Called


class Asked(Called):
    """Gateways and agents. `enabled` is what is wanted, `reachable` what was measured, `status` how far it came."""

    class Status(models.TextChoices):
        PENDING = "pending"
        ACTIVE = "active"
        FAILED = "failed"
        UNCONNECTED = "unconnected"  # nobody has let us in yet: see proxy_app.oauth

    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    status_message = models.TextField(null=True, blank=True)
    last_error = models.TextField(null=True, blank=True)
    registration_attempts = models.PositiveIntegerField(default=0)
    # Progress of the running registration or refresh: a sentence and two counts.
    sync_step = models.CharField(max_length=200, blank=True)
    sync_done = models.PositiveIntegerField(default=0)
    sync_total = models.PositiveIntegerField(default=0)

    reachable = models.BooleanField(default=False)
    last_seen = models.DateTimeField(null=True, blank=True)
    # What the last check found; empty before the first. Written when it changes.
    health = models.CharField(max_length=12, blank=True)
    health_reason = models.CharField(max_length=300, blank=True)
    health_since = models.DateTimeField(null=True, blank=True)
    last_refresh_at = models.DateTimeField(null=True, blank=True)

    class Meta(Called.Meta):
        abstract = True
