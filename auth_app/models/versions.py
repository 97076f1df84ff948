"""How often shared state has changed."""

from django.db import models


class StateVersion(models.Model):
    """How often a part of the shared state ("access", "registry" ...) changed; moved by database triggers at commit."""

    part = models.CharField(max_length=20, primary_key=True)
    version = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.part} {self.version}"
