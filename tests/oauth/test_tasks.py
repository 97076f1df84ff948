"""The job that deletes what has ended, as the worker runs it."""

import asyncio
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Token
from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django import app

from auth_app.oauth.tasks import clean_up_oauth
from gatewaysite.db.units import start_units, stop_units
from tests.builders import a_user
from tests.committed import db

__all__ = ["db"]

pytestmark = pytest.mark.anyio


async def test_ended_tokens_are_deleted_every_hour(db: None) -> None:
    assert "auth_app.oauth.tasks" in settings.PROCRASTINATE_IMPORT_PATHS
    assert clean_up_oauth.name in {task.name for task in app.tasks.values()}
    await asyncio.to_thread(a_token, ended=True)
    await asyncio.to_thread(a_token, ended=False)
    start_units()
    try:
        await clean_up_oauth(timestamp=0)
    finally:
        await stop_units()
    assert await asyncio.to_thread(lambda: [row.hash for row in Token.objects.all()]) == ["False"]


def a_token(*, ended: bool) -> None:
    ends = timezone.now() + timedelta(minutes=-1 if ended else 1)
    Token.objects.create(type="at", hash=str(ended), user=a_user(), expires_at=ends)
