"""A root: a place that agents working here are told they may look at (MCP, roots)."""

from django.db import models
from django.utils import timezone


class Root(models.Model):
    uri = models.CharField(max_length=2000, unique=True)
    name = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=254, blank=True)

    def __str__(self) -> str:
        return self.uri
