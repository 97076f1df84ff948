"""The unit of work that forgets what nobody will ask for again."""

from datetime import datetime

from django.utils import timezone

from auth_app.idempotency.rows import KEPT_FOR
from auth_app.models import KeptAnswer


def forget_old(now: datetime | None = None) -> int:
    """Delete answers that were kept long enough. A single statement needs no block."""
    return KeptAnswer.objects.filter(created_at__lte=(now or timezone.now()) - KEPT_FOR).delete()[0]
