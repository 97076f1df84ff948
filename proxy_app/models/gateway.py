"""A gateway: an upstream MCP server whose tools, resources and prompts we federate."""

from django.db import models

from proxy_app.models.called import Called


class Gateway(Called):
    """`enabled` is what a person wants, `reachable` what was measured, `status` how far its registration came."""

    kind = "gateways"

    class Status(models.TextChoices):
        PENDING = "pending"
        ACTIVE = "active"
        FAILED = "failed"
        UNCONNECTED = "unconnected"  # nobody has let us in yet: see proxy_app.oauth

    class Transport(models.TextChoices):
        STREAMABLE_HTTP = "STREAMABLEHTTP"
        SSE = "SSE"

    url = models.CharField(max_length=2000)
    transport = models.CharField(max_length=20, choices=Transport, default=Transport.STREAMABLE_HTTP)

    # With OAuth: what was said of it, by the names of the JSON body, and the secret of a client that was made by hand.
    oauth = models.JSONField(default=dict, blank=True)
    sealed_oauth_secret = models.TextField(blank=True)
    # The authorization server such a secret was first used at; no other is ever told it.
    oauth_issuer = models.CharField(max_length=2000, blank=True)

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
    # What the handshake told us.
    era = models.CharField(max_length=10, blank=True)
    protocol_version = models.CharField(max_length=20, blank=True)
    server_name = models.CharField(max_length=255, blank=True)
    server_version = models.CharField(max_length=100, blank=True)
    capabilities = models.JSONField(default=dict, blank=True)
    instructions = models.TextField(blank=True)
    # Items the upstream offered and we could not take, each with the reason.
    skipped = models.JSONField(default=list, blank=True)

    class Meta(Called.Meta):
        pass
