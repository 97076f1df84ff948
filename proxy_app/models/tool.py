"""A tool: something a client can call. A gateway offers it, it stands for an agent, or it is made of a REST API."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from proxy_app.models.agent import Agent
from proxy_app.models.drift import Held
from proxy_app.models.gateway import Gateway
from proxy_app.models.registered import Registered


class Tool(Registered):
    """`name` is what clients call: gateway slug, a dash, tool slug. `original_name` is what the upstream calls it."""

    kind = "tools"

    class Integration(models.TextChoices):
        MCP = "MCP"
        REST = "REST"
        A2A = "A2A"

    class Encoding(models.TextChoices):
        JSON = "json"
        FORM = "form"
        MULTIPART = "multipart"

    gateway = models.ForeignKey(Gateway, models.CASCADE, null=True, blank=True, related_name="tools")
    # Of type A2A: calling the tool sends the agent a message.
    agent = models.OneToOneField(Agent, models.CASCADE, null=True, blank=True, related_name="tool")
    original_name = models.CharField(max_length=255)
    custom_name = models.CharField(max_length=255)
    display_name = models.CharField(max_length=255, blank=True)
    title = models.CharField(max_length=255, null=True, blank=True)
    original_description = models.TextField(null=True, blank=True)
    integration_type = models.CharField(max_length=10, choices=Integration, default=Integration.MCP)
    # The transport; of a REST tool the method.
    request_type = models.CharField(max_length=20, default=Gateway.Transport.STREAMABLE_HTTP)
    url = models.CharField(max_length=4000, blank=True)
    # JSON Schemas as the upstream wrote them, to the byte: key order and unknown keywords are kept.
    input_schema = models.TextField(default='{"type":"object"}')
    output_schema = models.TextField(null=True, blank=True)
    annotations = models.JSONField(default=dict, blank=True)
    meta = models.JSONField(null=True, blank=True)
    icons = models.JSONField(null=True, blank=True)
    deprecated = models.BooleanField(default=False)
    deprecation_note = models.CharField(max_length=500, blank=True)
    timeout_ms = models.PositiveIntegerField(null=True, blank=True)
    # The hash of the definition that was taken, see federation/pins.py; and why it is not served for the time being.
    pin = models.CharField(max_length=64, blank=True)
    held = models.CharField(max_length=10, choices=Held, blank=True)

    # Of REST tools, see proxy_app.rest.plan. The URL is the base and the template together.
    base_url = models.CharField(max_length=2000, blank=True)
    path_template = models.CharField(max_length=2000, blank=True)
    # Arguments by name, and the parameter or header each becomes.
    query_mapping = models.JSONField(null=True, blank=True)
    header_mapping = models.JSONField(null=True, blank=True)
    body_encoding = models.CharField(max_length=10, choices=Encoding, default=Encoding.JSON)
    # The argument that is the whole body; empty when the body is an object of what is left of the arguments.
    body_argument = models.CharField(max_length=128, blank=True)
    fixed_headers = models.JSONField(default=dict, blank=True)
    auth_type = models.CharField(max_length=20, blank=True)
    sealed_headers = models.TextField(blank=True)
    # Hosts it may be sent to, whoever edits it.
    allowlist = models.JSONField(null=True, blank=True)
    jsonpath_filter = models.CharField(max_length=2000, blank=True)
    # Which operation of an OpenAPI document it was imported from.
    operation = models.CharField(max_length=500, blank=True)

    class Meta(Registered.Meta):
        constraints = [
            *Registered.Meta.constraints,
            models.UniqueConstraint(fields=["gateway", "original_name"], name="tool_once_per_gateway"),
        ]


class ToolTry(models.Model):
    """One call of a tool from its page, for whoever made it: arguments may hold secrets, so they are sealed."""

    tool = models.ForeignKey(Tool, models.CASCADE, related_name="tries")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)
    sealed_arguments = models.TextField(blank=True)
    outcome = models.CharField(max_length=12)  # ok, tool_error, failed
    duration_ms = models.FloatField()

    class Meta:
        indexes = [models.Index(fields=["tool", "user", "-at"], name="try_newest")]

    def __str__(self) -> str:
        return f"{self.tool_id} {self.outcome}"
