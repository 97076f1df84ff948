"""Providers that people sign in with, who waits to be let in through one, and which sessions began there."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from auth_app.models.people import User


class SsoProvider(models.Model):
    """One client of ours at one provider, and what its word counts for here."""

    class Kind(models.TextChoices):
        OIDC = "oidc"
        OAUTH2 = "oauth2"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=50, unique=True)
    display_name = models.CharField(max_length=100)
    preset = models.CharField(max_length=20)
    kind = models.CharField(max_length=10, choices=Kind)
    # Of plain OAuth 2, which has no issuers, the origin of its people: https://github.com.
    issuer = models.CharField(max_length=200)
    client_id = models.CharField(max_length=255)
    sealed_secret = models.TextField(blank=True)
    scopes = ArrayField(models.CharField(max_length=100), default=list)
    # Of plain OAuth 2; OpenID providers publish theirs.
    authorization_url = models.CharField(max_length=500, blank=True)
    token_url = models.CharField(max_length=500, blank=True)
    userinfo_url = models.CharField(max_length=500, blank=True)
    # Of which e-mail domains it may bring people; empty: of all.
    trusted_domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    auto_create = models.BooleanField(default=True)
    approval_required = models.BooleanField(default=False)
    link_by_email = models.BooleanField(default=False)
    # Its addresses count as verified although it does not say so.
    trusts_email = models.BooleanField(default=False)
    # An ID token that names its access token (at_hash) is held to it in any case; many leave it out.
    requires_at_hash = models.BooleanField(default=False)
    # What claims give, as auth_app.sso.mapping reads it.
    rules = models.JSONField(default=list, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.slug


class SsoApproval(models.Model):
    """Somebody a provider vouches for, who waits for an administrator's word."""

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(SsoProvider, models.CASCADE, related_name="approvals")
    subject = models.CharField(max_length=191)
    email = models.EmailField()
    full_name = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    requested_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "subject"], name="sso_approval_once")]

    def __str__(self) -> str:
        return f"{self.email} by {self.provider_id}"


class SsoSession(models.Model):
    """A session that began at a provider, to be ended when the provider says so."""

    session_key = models.CharField(max_length=40, primary_key=True)
    provider = models.ForeignKey(SsoProvider, models.CASCADE, related_name="sessions")
    user = models.ForeignKey(User, models.CASCADE, related_name="sso_sessions")
    subject = models.CharField(max_length=191)
    # The provider's own name of the session.
    sid = models.CharField(max_length=255, blank=True)
    began_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["provider", "subject"], name="sso_session_subject")]

    def __str__(self) -> str:
        return f"of {self.user_id} by {self.provider_id}"
