"""A database in which transactions are real ones, for tests that look from another thread or process."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import connection
from pytest_django import DjangoDbBlocker

# Filled by migrations, or moved by triggers only.
KEPT = {"django_content_type", "auth_permission", "auth_app_stateversion", "auth_app_role", "django_migrations"}
# Nobody deletes audit entries otherwise.
FORGET_AUDIT = """
DO $$ BEGIN
    PERFORM set_config('poolgate.forgetting', pg_current_xact_id()::text, true);
    DELETE FROM auth_app_auditentry;
END $$
"""
# Of what is kept, what tests add. A job that runs right now, such as a worker's own sweep, is left to end: its worker
# would not find it any more.
LEFT = (
    "auth_app_role WHERE name NOT LIKE 'platform_%' AND name NOT IN ('team_admin', 'developer', 'viewer')",
    "procrastinate_events WHERE job_id NOT IN (SELECT id FROM procrastinate_jobs WHERE status = 'doing')",
    "procrastinate_periodic_defers WHERE job_id NOT IN (SELECT id FROM procrastinate_jobs WHERE status = 'doing')",
    "procrastinate_jobs WHERE status <> 'doing'",
)


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Everything is committed, and deleted in the end: with few rows that takes a tenth of what TRUNCATE does.

    Triggers see the deletions, so a gateway that runs beside the tests forgets the rows as well. It has the name of
    pytest-django's fixture, by which pytest-django knows which tests want the test database made.
    """
    with django_db_blocker.unblock():
        yield
        delete_everything()


def database_url() -> str:
    """The test database, for processes and connections that Django does not make."""
    params = connection.get_connection_params()
    host = str(params.get("host", ""))
    address = "" if host.startswith("/") else f"{host}:{params.get('port', 5432)}"
    user = quote(params["user"]) + (f":{quote(params['password'])}" if params.get("password") else "")
    return f"postgresql://{user}@{address}/{params['dbname']}" + ("" if address else f"?host={quote(host)}")


def delete_everything() -> None:
    with connection.cursor() as cursor:
        cursor.execute(FORGET_AUDIT)
        for table in (*_tables(), *LEFT):
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 (names of tables of ours)


def _tables() -> list[str]:
    """Tables in an order in which no row is referred to by one that is deleted later."""
    waiting = {
        model: model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.managed
    }
    ordered: list[str] = []
    while waiting:
        referred = {field.related_model for model in waiting for field in model._meta.fields if field.is_relation}
        free = [model for model in waiting if model not in referred] or list(waiting)
        ordered += [waiting.pop(model) for model in free]
    return [table for table in ordered if table not in KEPT and table != "auth_app_auditentry"]
