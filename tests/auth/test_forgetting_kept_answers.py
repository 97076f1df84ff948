"""The job that deletes answers which were kept for their requests to come again, as the worker runs it."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from auth_app.idempotency.tasks import forget_kept_answers
from auth_app.models import KeptAnswer
from gatewaysite.db.units import start_units, stop_units
from tests.committed import db

__all__ = ["db"]

pytestmark = pytest.mark.anyio


async def test_what_is_older_than_a_day_is_deleted_every_hour(db: None) -> None:
    assert "auth_app.idempotency.tasks" in settings.PROCRASTINATE_IMPORT_PATHS
    for hours in (1, 23, 25):
        await asyncio.to_thread(an_answer, hours)
    start_units()
    try:
        await forget_kept_answers(timestamp=0)
    finally:
        await stop_units()
    kept = await asyncio.to_thread(lambda: sorted(row.key for row in KeptAnswer.objects.all()))
    assert kept == ["1", "23"]


def an_answer(hours: int) -> None:
    came = timezone.now() - timedelta(hours=hours)
    KeptAnswer.objects.create(principal=uuid4(), route="servers", key=str(hours), answer="{}", created_at=came)
