"""Stretches in which the database must not be touched."""

import asyncio
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.contrib.contenttypes.models import ContentType
from django.db import connections, transaction

from gatewaysite.db.handback.base import DatabaseWrapper
from gatewaysite.db.units import QueryOutsideUnit, no_queries, run_unit, stop_units
from tests.db.pools import ALIAS, an_alias, out_of_pool, query


@pytest.mark.parametrize(
    "access",
    [
        lambda: query(connections[ALIAS], "SELECT 1"),
        lambda: list(ContentType.objects.using(ALIAS)),
        lambda: next(ContentType.objects.using(ALIAS).iterator(chunk_size=1)),
        lambda: transaction.atomic(using=ALIAS).__enter__(),
        lambda: connections[ALIAS].ensure_connection(),
        lambda: transaction.set_autocommit(False, using=ALIAS),
    ],
    ids=["cursor", "queryset", "iterator", "block", "connection", "manual transaction"],
)
def test_every_access_is_refused_and_borrows_nothing(pooled: DatabaseWrapper, access: Callable[[], object]) -> None:
    with no_queries(), pytest.raises(QueryOutsideUnit):
        access()
    assert out_of_pool(pooled) == 0
    assert query(pooled, "SELECT 1") == (1,)


def test_a_lazy_queryset_is_refused_where_it_is_evaluated(pooled: DatabaseWrapper) -> None:
    lazy = ContentType.objects.using(ALIAS).all()
    with no_queries(), pytest.raises(QueryOutsideUnit):
        len(lazy)


def test_an_open_block_is_no_excuse(pooled: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS):
        with no_queries(), pytest.raises(QueryOutsideUnit):
            query(pooled, "SELECT 1")
        assert query(pooled, "SELECT 1") == (1,)


def test_a_block_may_end_inside(pooled: DatabaseWrapper) -> None:
    block = transaction.atomic(using=ALIAS)
    block.__enter__()
    with no_queries():
        block.__exit__(None, None, None)
    assert out_of_pool(pooled) == 0


def test_stretches_nest(pooled: DatabaseWrapper) -> None:
    with no_queries():
        with no_queries():
            pass
        with pytest.raises(QueryOutsideUnit):
            query(pooled, "SELECT 1")


def test_it_holds_without_a_pool_too(db: None) -> None:
    with an_alias() as connection, no_queries(), pytest.raises(QueryOutsideUnit):
        query(connection, "SELECT 1")


@pytest.mark.anyio
async def test_it_follows_await_and_threads_but_not_other_tasks(pooled: DatabaseWrapper) -> None:
    def access() -> object:
        return query(connections[ALIAS], "SELECT 1")

    other = asyncio.create_task(sync_to_async(access)())
    with no_queries():
        await asyncio.sleep(0)
        with pytest.raises(QueryOutsideUnit):
            await sync_to_async(access)()
        with pytest.raises(QueryOutsideUnit):
            await run_unit(access)
    assert await other == (1,)
    await stop_units()
