"""Attestations: what was seen of the database connections during a window, as a signed report."""

import uuid

from django.db import models
from django.utils import timezone


class Attestation(models.Model):
    """A window of watching. A row, so that every replica shows it and a restart loses none."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        LOST = "lost"  # its process ended, and no other took it over

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    # Empty for one made on the command line.
    created_by = models.CharField(max_length=254, blank=True)
    created_via = models.CharField(max_length=20)
    seconds = models.FloatField()
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    elapsed_s = models.FloatField(default=0)
    # When whoever runs it last said so.
    told_at = models.DateTimeField(default=timezone.now)
    verdict = models.CharField(max_length=20, blank=True)
    summary = models.CharField(max_length=300, blank=True)
    # The report and its signature (proxy_app.observe.attest.signing).
    document = models.JSONField(null=True)

    class Meta:
        constraints = [
            # Two at once would be two sessions that look at the same: whoever comes second looks at the first one's.
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(status__in=["waiting", "running"]), name="attestation_one_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.verdict or self.status}"
