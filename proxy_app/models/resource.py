"""A resource: something a client can read by URI."""

from django.db import models

from proxy_app.models.gateway import Gateway
from proxy_app.models.registered import Registered


class Resource(Registered):
    """Either a fixed `uri`, or a `uri_template` (RFC 6570) whose variables the client fills in."""

    kind = "resources"

    gateway = models.ForeignKey(Gateway, models.CASCADE, null=True, blank=True, related_name="resources")
    uri = models.CharField(max_length=2000)
    uri_template = models.CharField(max_length=2000, null=True, blank=True)
    original_name = models.CharField(max_length=255)
    original_description = models.TextField(null=True, blank=True)
    title = models.CharField(max_length=255, null=True, blank=True)
    mime_type = models.CharField(max_length=255, null=True, blank=True)
    size = models.BigIntegerField(null=True, blank=True)
    annotations = models.JSONField(null=True, blank=True)
    meta = models.JSONField(null=True, blank=True)

    class Meta(Registered.Meta):
        constraints = [
            *Registered.Meta.constraints,
            models.UniqueConstraint(fields=["gateway", "uri"], name="resource_once_per_gateway"),
        ]
