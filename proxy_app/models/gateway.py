"""A gateway: an upstream MCP server whose tools, resources and prompts we federate."""

from django.db import models

from proxy_app.models.asked import Asked


class Gateway(Asked):
    """An MCP server elsewhere; what it said of itself when it was asked last."""

    kind = "gateways"

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

    # What the handshake told us.
    era = models.CharField(max_length=10, blank=True)
    protocol_version = models.CharField(max_length=20, blank=True)
    server_name = models.CharField(max_length=255, blank=True)
    server_version = models.CharField(max_length=100, blank=True)
    capabilities = models.JSONField(default=dict, blank=True)
    instructions = models.TextField(blank=True)
    # Items the upstream offered and we could not take, each with the reason.
    skipped = models.JSONField(default=list, blank=True)

    class Meta(Asked.Meta):
        pass
