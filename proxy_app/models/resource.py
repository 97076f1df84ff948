"""A resource: something a client can read by URI."""

from django.db import models

from proxy_app.models.drift import Held
from proxy_app.models.gateway import Gateway
from proxy_app.models.registered import Registered


class Resource(Registered):
    """Either a fixed `uri`, or a `uri_template` (RFC 6570) whose variables the client fills in, and then both are that.

    Without a gateway it is our own, and what it consists of is a `ResourceContent`.
    """

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
    held = models.CharField(max_length=10, choices=Held, blank=True)

    class Meta(Registered.Meta):
        constraints = [
            *Registered.Meta.constraints,
            models.UniqueConstraint(fields=["gateway", "uri"], name="resource_once_per_gateway"),
            # Of our own, a URI means one resource in each scope; upstreams may offer the same.
            models.UniqueConstraint(
                fields=["uri"], condition=models.Q(gateway=None, visibility="public"), name="resource_uri_public"
            ),
            models.UniqueConstraint(
                fields=["team", "uri"], condition=models.Q(gateway=None, visibility="team"), name="resource_uri_team"
            ),
            models.UniqueConstraint(
                fields=["owner", "uri"],
                condition=models.Q(gateway=None, visibility="private"),
                name="resource_uri_private",
            ),
        ]
