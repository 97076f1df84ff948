"""How many requests of a rate limit's window all processes have drawn."""

from django.db import models


class RateCount(models.Model):
    """`key`: whose limit, and of how many seconds; `ends_at`: when the window ends, in seconds since 1970."""

    pk = models.CompositePrimaryKey("key", "ends_at")
    key = models.CharField(max_length=120)
    ends_at = models.BigIntegerField()
    used = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.key} until {self.ends_at}: {self.used}"
