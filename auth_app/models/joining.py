"""Ways into a team: being invited, and asking."""

import uuid

from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from auth_app.models.people import User
from auth_app.models.teams import Membership, Team


class Invitation(models.Model):
    """A membership that waits for whoever has this address. Only the SHA-256 of the link's secret is kept."""

    class Status(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        CANCELLED = "cancelled"
        EXPIRED = "expired"  # set when somebody comes across it

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Membership.Role, default=Membership.Role.MEMBER)
    secret_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    invited_by = models.CharField(max_length=254)
    invited_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team", Lower("email"), condition=models.Q(status="pending"), name="invitation_pending_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.team_id} as {self.role}"


class JoinRequest(models.Model):
    """Somebody asks to be let into a public team."""

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="join_requests")
    user = models.ForeignKey(User, models.CASCADE, related_name="join_requests")
    message = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    requested_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "user"], condition=models.Q(status="pending"), name="join_request_pending_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} asks to join {self.team_id}"
