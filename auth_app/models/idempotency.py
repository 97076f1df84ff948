"""Answers that are kept for those who send a request again."""

from django.db import models
from django.utils import timezone


class KeptAnswer(models.Model):
    """What was answered to a request that had an Idempotency-Key, by whose it was, what it was for, and the key."""

    principal = models.UUIDField()  # a token, or a person who is signed in
    route = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    answer = models.TextField()  # JSON
    created_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["principal", "route", "key"], name="kept_answer_once")]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
