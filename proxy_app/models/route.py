"""A proxy route: a prefix of ours under /proxy/, and the HTTP service its requests are passed on to."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from proxy_app.models.called import Called
from proxy_app.proxy_rules import (
    BODY_LIMIT_BYTES,
    DEFAULT_METHODS,
    DEFAULT_REQUEST_HEADERS,
    DEFAULT_RESPONSE_HEADERS,
)


def default_methods() -> list[str]:
    return list(DEFAULT_METHODS)


def default_request_headers() -> list[str]:
    return list(DEFAULT_REQUEST_HEADERS)


def default_response_headers() -> list[str]:
    return list(DEFAULT_RESPONSE_HEADERS)


class Route(Called):
    """Served at /proxy/{id or slug}/...; what follows there is appended to `upstream_url`."""

    kind = "routes"

    class QueryPolicy(models.TextChoices):
        AS_IS = "pass"
        LISTED = "listed"
        REFUSE = "refuse"

    upstream_url = models.CharField(max_length=2000)
    methods = ArrayField(models.CharField(max_length=10), default=default_methods)
    # Names in lower case; one that ends in * stands for all that begin so.
    request_headers = ArrayField(models.CharField(max_length=100), default=default_request_headers, blank=True)
    response_headers = ArrayField(models.CharField(max_length=100), default=default_response_headers, blank=True)
    added_headers = models.JSONField(default=dict, blank=True)

    # Whether /proxy/{slug} is left out of the path the upstream sees, and which beginning of the rest is replaced.
    strip_prefix = models.BooleanField(default=True)
    replace_from = models.CharField(max_length=500, blank=True)
    replace_to = models.CharField(max_length=500, blank=True)
    query_policy = models.CharField(max_length=10, choices=QueryPolicy, default=QueryPolicy.AS_IS)
    query_parameters = ArrayField(models.CharField(max_length=100), default=list, blank=True)

    body_limit_bytes = models.BigIntegerField(default=BODY_LIMIT_BYTES)
    # For all of a request. The time-outs of its parts are among the pool's options.
    total_timeout_ms = models.PositiveIntegerField(null=True, blank=True)
    streaming = models.BooleanField(default=True)
    redirects = models.BooleanField(default=False)

    class Meta(Called.Meta):
        pass
