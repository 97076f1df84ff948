"""What is common to the registered things that are called: how they let us in, and over which connections we come."""

from django.db import models

from proxy_app.models.registered import Registered


class Called(Registered):
    """Gateways, agents and proxy routes. Each has a pool of its own, set up by what stands here."""

    class AuthType(models.TextChoices):
        NONE = ""
        BEARER = "bearer"
        BASIC = "basic"
        HEADERS = "authheaders"
        OAUTH = "oauth"  # of gateways
        QUERY = "query_param"  # of gateways

    auth_type = models.CharField(max_length=20, choices=AuthType, default=AuthType.NONE, blank=True)
    # The headers that carry the credential, sealed (gatewaysite.secrets); empty without one.
    sealed_headers = models.TextField(blank=True)

    # Limits, time-outs and checks where they differ from the gateway's own settings, as the JSON body names them: see
    # proxy_app.upstream.limits.Options.
    pool_options = models.JSONField(default=dict, blank=True)
    # Whom else than the public authorities we believe, and as whom we come; PEM, the key sealed.
    ca_certificate = models.TextField(blank=True)
    client_certificate = models.TextField(blank=True)
    sealed_client_key = models.TextField(blank=True)
    # How many calls all callers together may make, as gatewaysite.rates reads it; empty for the gateway's default.
    rate_limit = models.CharField(max_length=200, blank=True)
    # Raised when an administrator asks for new connections: every process then opens some.
    pool_epoch = models.PositiveIntegerField(default=0)

    class Meta(Registered.Meta):
        abstract = True
