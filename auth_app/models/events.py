"""What happened around signing in."""

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone

from auth_app.models.people import User


class AuthEvent(models.Model):
    """Somebody came in, was turned away, or changed how they come in.

    What fails is counted in one row per person and minute, and in one for all addresses nobody has, so that guessing
    cannot fill the table: `bucket` names that row, `count` is how often.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="auth_events")
    email = models.CharField(max_length=254, blank=True)
    event_type = models.CharField(max_length=40)
    success = models.BooleanField(default=True)
    failure_reason = models.CharField(max_length=200, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    count = models.PositiveIntegerField(default=1)
    bucket = models.CharField(max_length=120, null=True, unique=True, editable=False)  # noqa: DJ001 -- null is no bucket

    class Meta:
        indexes = [
            models.Index(fields=["user", "-at"], name="auth_event_of_a_person"),
            # What `email__iexact` looks in.
            models.Index(Upper("email"), models.F("at").desc(), name="auth_event_of_an_address"),
        ]

    def __str__(self) -> str:
        return f"{self.email} {self.event_type} {'ok' if self.success else self.failure_reason}"
