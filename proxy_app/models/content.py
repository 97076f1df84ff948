"""What resources and prompts of our own consist of, beside their rows, so that no list ever reads it."""

from django.db import models
from django.utils import timezone

from proxy_app.models.prompt import Prompt
from proxy_app.models.resource import Resource


class ResourceContent(models.Model):
    """What a client reads of a resource of our own. `is_text`: the bytes are UTF-8."""

    resource = models.OneToOneField(Resource, models.CASCADE, primary_key=True, related_name="content")
    body = models.BinaryField()
    is_text = models.BooleanField()

    def __str__(self) -> str:
        return str(self.resource_id)


class PromptVersion(models.Model):
    """A prompt's template as it was, or is: one row for each change, numbered from 1."""

    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    template = models.TextField(blank=True)
    arguments = models.JSONField(default=list, blank=True)
    at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=254, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prompt", "number"], name="promptversion_once")]

    def __str__(self) -> str:
        return f"{self.prompt_id} {self.number}"
