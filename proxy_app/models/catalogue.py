"""What was read from the MCP registry that extends the catalogue."""

from django.db import models


class RegistryReading(models.Model):
    """The last good reading of the registry at `url`, kept while later ones fail; `error` says why they do."""

    url = models.CharField(max_length=2000, primary_key=True)
    tried_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    etag = models.CharField(max_length=200, blank=True)
    error = models.CharField(max_length=300, blank=True)
    # As proxy_app.catalogue.entries has them, and how many others the registry listed.
    entries = models.JSONField(default=list)
    skipped = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.url
