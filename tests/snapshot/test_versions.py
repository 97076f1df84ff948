"""The versions that triggers move: for every column the read model holds, and for no other."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, models, transaction

from auth_app.models import ApiToken, Membership, Role, RoleGrant, RoleShadow, SsoProvider, StateVersion, Team, User
from proxy_app.models import (
    Agent,
    Call,
    Gateway,
    OAuthConnection,
    Prompt,
    Resource,
    ResourceContent,
    Root,
    Route,
    Server,
    ServerPrompt,
    ServerResource,
    ServerTool,
    Tool,
)
from tests.builders import (
    a_gateway,
    a_grant,
    a_prompt,
    a_resource,
    a_role,
    a_route,
    a_server,
    a_team,
    a_token,
    a_tool,
    a_user,
    an_agent,
    own_resource,
)

pytestmark = pytest.mark.usefixtures("db")

OWNERSHIP = {"name", "slug", "visibility", "team_id", "owner_id", "enabled"}
HELD: dict[type[models.Model], tuple[str, set[str]]] = {
    ApiToken: (
        "access",
        {"secret_hash", "expires_at", "revoked_at", "user_id", "rate_limit"}
        | {"team_id", "server_id", "permissions", "networks", "hours"},
    ),
    User: ("access", {"email", "is_admin", "is_active"}),
    Membership: ("access", {"team_id", "user_id", "role"}),
    Team: ("access", {"rate_limit", "is_active", "person_id"}),
    Role: ("access", {"name", "permissions", "inherits_id"}),
    RoleGrant: (
        "access",
        {"user_id", "role_id", "team_id", "expires_at", "granted_by", "granted_at", "source", "sso_provider_id"},
    ),
    Gateway: (
        "registry",
        OWNERSHIP
        | {"url", "sealed_headers", "era", "pool_options", "pool_epoch", "rate_limit", "auth_type", "oauth"}
        | {"ca_certificate", "client_certificate", "sealed_client_key"}
        | {"passthrough_headers", "sealed_add_headers", "remove_headers", "sealed_query"},
    ),
    Agent: (
        "registry",
        OWNERSHIP
        | {"endpoint_url", "message_url", "protocol_version", "sealed_headers", "rate_limit"}
        | {"pool_options", "pool_epoch", "ca_certificate", "client_certificate", "sealed_client_key"},
    ),
    Route: (
        "registry",
        OWNERSHIP
        | {"upstream_url", "methods", "request_headers", "response_headers", "added_headers", "auth_type"}
        | {"sealed_headers", "strip_prefix", "replace_from", "replace_to", "query_policy", "query_parameters"}
        | {"body_limit_bytes", "total_timeout_ms", "streaming", "redirects", "pool_options", "pool_epoch", "rate_limit"}
        | {"ca_certificate", "client_certificate", "sealed_client_key"},
    ),
    Tool: (
        "registry",
        OWNERSHIP
        | {"gateway_id", "original_name", "title", "description", "input_schema", "output_schema", "annotations"}
        | {"meta", "icons", "timeout_ms", "deprecated", "deprecation_note", "integration_type", "request_type"}
        | {"base_url", "path_template", "query_mapping", "header_mapping", "body_encoding", "body_argument"}
        | {"fixed_headers", "sealed_headers", "jsonpath_filter", "held", "tags"},
    ),
    Server: ("registry", OWNERSHIP | {"description", "tool_mode"}),
    Resource: (
        "registry",
        OWNERSHIP
        | {"version", "gateway_id", "uri", "uri_template", "title", "description", "mime_type", "size", "annotations"}
        | {"meta", "held"},
    ),
    Prompt: (
        "registry",
        OWNERSHIP | {"version", "gateway_id", "original_name", "title", "description", "arguments", "meta", "held"},
    ),
    # A new token moves nothing: the one before is used until it ends, or is refused.
    OAuthConnection: ("connections", {"gateway_id", "user_id", "status"}),
    **{
        model: ("registry", {"server_id", f"{model.of}_id", "alias", "description", "enabled", "position"})
        for model in (ServerTool, ServerResource, ServerPrompt)
    },
}
COLUMNS = [
    (model, field.attname, field.attname in held)
    for model, (_part, held) in HELD.items()
    for field in model._meta.concrete_fields
    if not field.primary_key
]


def versions() -> dict[str, int]:
    return dict(StateVersion.objects.values_list("part", "version"))


def moved(change: Callable[[], object]) -> set[str]:
    """The parts whose version a change moves; none ever goes back."""
    before = versions()
    change()
    after = versions()
    assert all(after[part] >= version for part, version in before.items())
    return {part for part, version in after.items() if version != before.get(part)}


@pytest.fixture
def rows() -> dict[type[models.Model], models.Model]:
    user = a_user()
    team = a_team(owner=user)
    a_token(user)
    gateway = a_gateway(visibility="team", team=team, owner=user)
    tool = a_tool(gateway=gateway)
    server = a_server(tools=(tool,), visibility="team", team=team, owner=user)
    server.resources.add(a_resource(gateway=gateway))
    server.prompts.add(a_prompt(gateway=gateway))
    a_route(visibility="team", team=team, owner=user)
    Tool.objects.get(agent=an_agent(visibility="team", team=team, owner=user)).delete()
    OAuthConnection.objects.create(gateway=gateway, user=user)
    role = a_role("releaser", scope="team")
    a_grant(user, role, team)
    Membership.objects.exclude(team=team).delete()
    Team.objects.exclude(pk=team.pk).delete()
    return {model: role if model is Role else model._default_manager.get() for model in HELD}


def another(row: models.Model, column: str) -> Any:
    """A value for the column that it does not have now and that the table takes."""
    field: Any = next(one for one in row._meta.concrete_fields if one.attname == column)
    if column == "person_id":
        someone = a_user()
        someone.personal_team.delete()
        return someone.pk
    if isinstance(field, models.ForeignKey):
        makers: dict[Any, Callable[[], models.Model]] = {
            User: a_user, Team: a_team, Role: a_role, Gateway: a_gateway, Tool: a_tool, Server: a_server,
            Agent: lambda: Agent.objects.create(name="another", slug="another"),
            Resource: a_resource, Prompt: a_prompt,
            SsoProvider: lambda: SsoProvider.objects.create(slug="main"),
        }  # fmt: skip
        return makers[field.related_model]().pk
    if column == "visibility":
        return "private" if isinstance(row, Team) else "public"
    if column == "name":
        return "another"
    if isinstance(field, models.BooleanField):
        return not getattr(row, column)
    if isinstance(field, models.IntegerField):
        return (getattr(row, column) or 0) + 7
    if isinstance(field, models.DateTimeField):
        return datetime(2030, 1, 1, tzinfo=UTC)
    if isinstance(field, models.JSONField):
        return {"changed": True}
    if isinstance(field, models.BinaryField):
        return b"x" * 32
    if isinstance(field, models.UUIDField):
        return uuid4()
    if isinstance(field, models.GenericIPAddressField):
        return "192.0.2.7"
    return ["changed"] if field.__class__.__name__ == "ArrayField" else "viewer"[: field.max_length]


@pytest.mark.parametrize(("model", "column", "held"), COLUMNS, ids=[f"{m.__name__}.{c}" for m, c, _ in COLUMNS])
def test_a_columns_change_moves_the_version_when_the_read_model_holds_it(
    rows: dict[type[models.Model], models.Model], model: type[models.Model], column: str, held: bool
) -> None:
    row = rows[model]
    value = another(row, column)
    parts = moved(lambda: model._default_manager.filter(pk=row.pk).update(**{column: value}))
    assert parts == ({HELD[model][0]} if held else set())


# What refers to a team or a role goes with it, or keeps it.
DELETED = [model for model in HELD if model not in (Team, Role)]


@pytest.mark.parametrize("model", DELETED, ids=[model.__name__ for model in DELETED])
def test_a_deleted_row_moves_the_version(
    rows: dict[type[models.Model], models.Model], model: type[models.Model]
) -> None:
    def delete() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        model._default_manager.filter(pk=rows[model].pk).delete()

    assert HELD[model][0] in moved(delete)


def test_a_new_row_moves_its_part_and_no_other() -> None:
    assert moved(a_user) == {"access"}
    user = User.objects.get()
    assert moved(lambda: a_token(user)) == {"access"}
    assert moved(a_gateway) == {"registry"}
    assert moved(lambda: a_tool(gateway=Gateway.objects.get())) == {"registry"}
    assert moved(a_server) == {"registry"}
    server, gateway = Server.objects.get(), Gateway.objects.get()
    assert moved(lambda: server.resources.add(a_resource(gateway=gateway))) == {"registry"}
    assert moved(lambda: server.prompts.add(a_prompt(gateway=gateway))) == {"registry"}
    a_team()
    assert moved(lambda: Team.objects.update(rate_limit="5/day")) == {"access"}


def test_what_the_read_model_does_not_hold_moves_nothing() -> None:
    assert moved(a_team) == set()
    assert moved(lambda: Team.objects.update(name="other")) == set()
    call = {"at": datetime.now(UTC), "request_id": "x", "method": "tools/call", "outcome": "ok", "duration_ms": 1}
    assert moved(lambda: Call.objects.create(**call)) == set()
    own = own_resource()
    assert moved(lambda: ResourceContent.objects.filter(resource=own).update(body=b"other")) == set()
    assert moved(lambda: Root.objects.create(uri="https://example.com/")) == set()


def test_a_rolled_back_change_moves_nothing() -> None:
    def change() -> None:
        with transaction.atomic():
            a_user()
            a_gateway()
            transaction.set_rollback(True)

    assert moved(change) == set()


def test_a_rolled_back_savepoint_moves_nothing_and_what_is_around_it_does() -> None:
    def change() -> None:
        with transaction.atomic():
            a_user()
            with transaction.atomic():
                a_gateway()
                transaction.set_rollback(True)

    assert moved(change) == {"access"}


def test_a_savepoint_whose_triggers_ran_already_moves_nothing_when_it_is_rolled_back() -> None:
    def change() -> None:
        with transaction.atomic():
            with transaction.atomic():
                a_gateway("lost")
                connection.check_constraints()  # makes deferred triggers run now
                transaction.set_rollback(True)
            a_gateway("kept")

    assert moved(change) == {"registry"}


def test_many_changes_of_one_transaction_count_once() -> None:
    def step(changes: int) -> int:
        before = versions()["registry"]
        with transaction.atomic():
            for _ in range(changes):
                a_gateway()
        return versions()["registry"] - before

    a_gateway()
    assert step(20) == step(1)


def test_a_change_is_told_once_and_only_when_it_is_committed() -> None:
    import psycopg

    params = connection.get_connection_params()
    with psycopg.connect(**params, autocommit=True) as listener:
        listener.execute("LISTEN poolgate")
        with transaction.atomic():
            for _ in range(5):
                a_gateway()
            a_user()
            assert list(listener.notifies(timeout=0.05)) == []
        assert sorted(notice.payload for notice in listener.notifies(timeout=0.3)) == ["access", "registry"]


def test_two_writers_of_different_rows_do_not_wait_for_each_other() -> None:
    from tests.db.pools import in_thread

    with transaction.atomic():
        a_gateway("first")
        in_thread(lambda: a_gateway("second"))  # commits while the first transaction is open
        assert Gateway.objects.count() == 2


def test_a_rehearsal_moves_the_version_when_it_begins_changes_and_ends() -> None:
    until = datetime(2030, 1, 1, tzinfo=UTC)
    role, shadows = Role.objects.get(name="platform_viewer"), RoleShadow.objects
    assert moved(lambda: shadows.create(role=role, permissions=["tools.read"], until=until)) == {"access"}
    assert moved(lambda: shadows.update(permissions=["*.read"])) == {"access"}
    assert moved(lambda: shadows.update(created_by="ann@example.com")) == set()
    assert moved(lambda: shadows.all().delete()) == {"access"}
