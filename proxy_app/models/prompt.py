"""A prompt: a named template of messages a client can ask for."""

from django.db import models

from proxy_app.models.drift import Held
from proxy_app.models.gateway import Gateway
from proxy_app.models.registered import Registered


class Prompt(Registered):
    """`arguments` is the list that was declared: name, description, required.

    Without a gateway it is our own, and `template` is what it says; the earlier ones are its `PromptVersion`s.
    """

    kind = "prompts"

    gateway = models.ForeignKey(Gateway, models.CASCADE, null=True, blank=True, related_name="prompts")
    original_name = models.CharField(max_length=255)
    custom_name = models.CharField(max_length=255)
    display_name = models.CharField(max_length=255, blank=True)
    original_description = models.TextField(null=True, blank=True)
    title = models.CharField(max_length=255, null=True, blank=True)
    template = models.TextField(blank=True)
    arguments = models.JSONField(default=list, blank=True)
    meta = models.JSONField(null=True, blank=True)
    held = models.CharField(max_length=10, choices=Held, blank=True)

    class Meta(Registered.Meta):
        constraints = [
            *Registered.Meta.constraints,
            models.UniqueConstraint(fields=["gateway", "original_name"], name="prompt_once_per_gateway"),
        ]
