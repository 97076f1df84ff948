"""OAuth towards upstreams: who we are to an authorization server, whose tokens we hold, and who is on the way there."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from proxy_app.models.gateway import Gateway


class OAuthClient(models.Model):
    """What an authorization server knows us as, where we registered ourselves. Gateways share it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    issuer = models.CharField(max_length=2000)
    client_id = models.CharField(max_length=2000)
    sealed_secret = models.TextField(blank=True)
    auth_method = models.CharField(max_length=40)
    # A registration is for one address of ours; with another PUBLIC_URL there is another, and tokens of this one go on.
    redirect_uri = models.CharField(max_length=2000)
    expires_at = models.DateTimeField(null=True, blank=True)
    registered_at = models.DateTimeField(default=timezone.now, editable=False)
    registered_by = models.CharField(max_length=254, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("issuer", "redirect_uri", name="oauth_client_once")]

    def __str__(self) -> str:
        return f"{self.client_id} at {self.issuer}"


class OAuthConnection(models.Model):
    """The tokens with which one person, or everybody together, is let in at one gateway's upstream.

    A new authorization is a new row: whatever is known under its id was known with the same grant. `version` is raised
    by each new token, which is asked for by whoever has the lease; all others wait for the version to change.
    """

    class Status(models.TextChoices):
        CONNECTED = "connected"
        BROKEN = "broken"  # only a new authorization helps

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="oauth_connections")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+")
    issuer = models.CharField(max_length=2000, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.CONNECTED)
    # access_token and refresh_token.
    sealed_tokens = models.TextField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # Where and as whom new tokens are asked for; see proxy_app.oauth.terms.
    terms = models.JSONField(default=dict, blank=True)
    scope = models.TextField(blank=True)
    # What the upstream asked for beyond it; the next authorization asks for both.
    wanted_scope = models.TextField(blank=True)
    account = models.CharField(max_length=254, blank=True)
    version = models.PositiveIntegerField(default=1)
    lease_until = models.DateTimeField(null=True, blank=True)
    connected_at = models.DateTimeField(default=timezone.now)
    connected_by = models.CharField(max_length=254, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("gateway", "user", name="oauth_connection_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.user_id or 'everybody'} at {self.gateway_id}"


class OAuthFlow(models.Model):
    """Somebody who was sent to an authorization server, until they come back with the state, once."""

    state_hash = models.BinaryField(max_length=32, primary_key=True)
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    session_hash = models.BinaryField(max_length=32)
    # The PKCE verifier.
    sealed_verifier = models.TextField()
    terms = models.JSONField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.user_id} on the way to {self.gateway_id}"
