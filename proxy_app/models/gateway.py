"""A gateway: an upstream MCP server whose tools, resources and prompts we federate."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from proxy_app.models.asked import Asked


class Gateway(Asked):
    """An MCP server elsewhere; what it said of itself when it was asked last."""

    kind = "gateways"

    class Transport(models.TextChoices):
        STREAMABLE_HTTP = "STREAMABLEHTTP"
        SSE = "SSE"

    class Changes(models.TextChoices):
        """What becomes of what the upstream has changed, or taken away, since it was looked at. New items are taken."""

        APPLY = "apply"
        HOLD_TOOLS = "hold_tools"  # changed definitions of tools wait for somebody
        HOLD = "hold"  # whatever is changed or gone waits

    url = models.CharField(max_length=2000)
    transport = models.CharField(max_length=20, choices=Transport, default=Transport.STREAMABLE_HTTP)

    # With OAuth: what was said of it, by the names of the JSON body, and the secret of a client that was made by hand.
    oauth = models.JSONField(default=dict, blank=True)
    sealed_oauth_secret = models.TextField(blank=True)
    # The authorization server such a secret was first used at; no other is ever told it.
    oauth_issuer = models.CharField(max_length=2000, blank=True)

    # A credential that is a parameter of the URL: its name, and its value sealed under that name.
    auth_query_param_key = models.CharField(max_length=100, blank=True)
    sealed_query = models.TextField(blank=True)
    # Headers of callers that go on to the upstream; those added to them (here their names, masked); those left out.
    passthrough_headers = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    add_headers = models.JSONField(default=dict, blank=True)
    sealed_add_headers = models.TextField(blank=True)
    remove_headers = ArrayField(models.CharField(max_length=100), default=list, blank=True)

    changes = models.CharField(max_length=12, choices=Changes, default=Changes.HOLD_TOOLS)
    refresh_interval_seconds = models.PositiveIntegerField(null=True, blank=True)
    refresh_began_at = models.DateTimeField(null=True, blank=True)
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
