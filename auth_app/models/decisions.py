"""What was refused, and why."""

from django.db import models


class Denial(models.Model):
    """One decision against somebody: the same person, token, permission and item within a minute are one row.

    Written by auth_app.decisions.work only, forgotten after a while. It refers to everything by value.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)
    user_id = models.UUIDField()
    email = models.EmailField()
    token_id = models.UUIDField(null=True, blank=True)
    permission = models.CharField(max_length=100, blank=True)
    object_kind = models.CharField(max_length=30, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=255, blank=True)
    visibility = models.CharField(max_length=10, blank=True)
    team_id = models.CharField(max_length=32, blank=True)
    # Told the caller as "there is no such thing".
    hidden = models.BooleanField(default=False)
    failed = models.CharField(max_length=40)
    reasons = models.JSONField(default=dict)
    surface = models.CharField(max_length=12, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    from_ip = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["last_at", "id"], name="denial_newest"),
            models.Index(fields=["email", "last_at", "id"], name="denial_person"),
        ]

    def __str__(self) -> str:
        return f"{self.email} may not {self.permission}"
