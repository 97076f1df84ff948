"""An agent: somebody else's A2A agent, which clients call as a tool."""

from django.db import models

from proxy_app.models.asked import Asked


class Agent(Asked):
    """An A2A agent elsewhere. What its card said of it stands in `card`; what people said has columns of its own."""

    kind = "agents"

    class Protocol(models.TextChoices):
        V1 = "1.0"
        V03 = "0.3"

    endpoint_url = models.CharField(max_length=2000)
    # Until it was asked nothing speaks against it, and its tool is there from the first moment.
    reachable = models.BooleanField(default=True)
    # Where messages are sent when the card names another address of the same origin; empty for the endpoint itself.
    message_url = models.CharField(max_length=2000, blank=True)
    agent_type = models.CharField(max_length=50, default="generic")
    # As people say it, until the card says that the agent does not speak it.
    protocol_version = models.CharField(max_length=10, choices=Protocol, default=Protocol.V1)
    capabilities = models.JSONField(default=dict, blank=True)
    # Kept for clients that put something there; nothing here reads it.
    config = models.JSONField(default=dict, blank=True)
    icon = models.CharField(max_length=2000, blank=True)
    # What the agent's card said, checked and cleaned (proxy_app.federation.card).
    card = models.JSONField(default=dict, blank=True)
    # When it answered a message last. Written with the records of calls, so a moment late.
    last_interaction = models.DateTimeField(null=True, blank=True)

    class Meta(Asked.Meta):
        pass
