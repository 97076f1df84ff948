"""A tool: something a client can call, here always offered by a gateway."""

from django.db import models

from proxy_app.models.gateway import Gateway
from proxy_app.models.registered import Registered


class Tool(Registered):
    """`name` is what clients call: gateway slug, a dash, tool slug. `original_name` is what the upstream calls it."""

    kind = "tools"

    class Integration(models.TextChoices):
        MCP = "MCP"
        REST = "REST"
        A2A = "A2A"

    gateway = models.ForeignKey(Gateway, models.CASCADE, null=True, blank=True, related_name="tools")
    original_name = models.CharField(max_length=255)
    custom_name = models.CharField(max_length=255)
    display_name = models.CharField(max_length=255, blank=True)
    title = models.CharField(max_length=255, null=True, blank=True)
    original_description = models.TextField(null=True, blank=True)
    integration_type = models.CharField(max_length=10, choices=Integration, default=Integration.MCP)
    request_type = models.CharField(max_length=20, default=Gateway.Transport.STREAMABLE_HTTP)
    url = models.CharField(max_length=2000, blank=True)
    # JSON Schemas as the upstream wrote them, to the byte: key order and unknown keywords are kept.
    input_schema = models.TextField(default='{"type":"object"}')
    output_schema = models.TextField(null=True, blank=True)
    annotations = models.JSONField(default=dict, blank=True)
    meta = models.JSONField(null=True, blank=True)
    icons = models.JSONField(null=True, blank=True)
    deprecated = models.BooleanField(default=False)
    timeout_ms = models.PositiveIntegerField(null=True, blank=True)

    class Meta(Registered.Meta):
        constraints = [
            *Registered.Meta.constraints,
            models.UniqueConstraint(fields=["gateway", "original_name"], name="tool_once_per_gateway"),
        ]
