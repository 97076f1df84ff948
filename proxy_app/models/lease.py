"""A lease: which of all processes does something that only one shall do."""

from django.db import models


class Lease(models.Model):
    """Whoever holds it renews it before it ends; when it has ended, whoever comes first takes it."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=200)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"
