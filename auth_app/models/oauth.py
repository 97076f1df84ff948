"""What OAuth needs beside django-allauth's clients and tokens: consents, what was used up, and issuers we believe."""

import uuid

from allauth.idp.oidc.models import Client
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from auth_app.models.people import User


class ClientRecord(models.Model):
    """Where a client comes from, and how it stands. Without one nobody is sent back to it."""

    class Origin(models.TextChoices):
        REGISTERED = "dcr"
        DOCUMENT = "cimd"
        MANUAL = "manual"

    client = models.OneToOneField(Client, models.CASCADE, primary_key=True, related_name="record")
    origin = models.CharField(max_length=10, choices=Origin)
    registered_from = models.GenericIPAddressField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_by = models.CharField(max_length=254, blank=True)
    # When a document was fetched last.
    fetched_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.client_id} ({self.origin})"


class Consent(models.Model):
    """What a person lets a client do at one endpoint. The tokens that came of it name it, and end with it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="consents")
    client = models.ForeignKey(Client, models.CASCADE, related_name="consents")
    resource = models.CharField(max_length=500)
    scopes = ArrayField(models.CharField(max_length=50))
    given_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "client", "resource"], name="consent_once")]

    def __str__(self) -> str:
        return f"{self.user_id} to {self.client_id} for {self.resource}"


class SpentSecret(models.Model):
    """A code or refresh token that was exchanged. Whoever comes with it again has stolen it, or was robbed of it."""

    hash = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    family = models.UUIDField()
    at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"of {self.family}"


class TrustedIssuer(models.Model):
    """Somebody else's authorization server whose signed access tokens are good at our endpoints.

    `person_claim`: which claim names one of our people by e-mail; `email` counts only when it is said to be verified.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    issuer = models.URLField(max_length=500, unique=True)
    # Which `aud` is meant for us. Empty: the URL of the endpoint that is called, and nothing else.
    audiences = ArrayField(models.CharField(max_length=500), default=list, blank=True)
    person_claim = models.CharField(max_length=100, default="email")
    # Clients without a token are sent there before they are sent to us.
    offered = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.issuer


class IssuerSubject(models.Model):
    """Who (issuer, subject) is of our people, where an administrator has said so."""

    issuer = models.ForeignKey(TrustedIssuer, models.CASCADE, related_name="subjects")
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(User, models.CASCADE, related_name="issuer_subjects")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="issuer_subject_once")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer_id}"
