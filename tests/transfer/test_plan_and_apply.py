"""A plan says what an import would do, member by member; an import does that, or nothing."""

from typing import Any

import pytest

from auth_app.actor import Actor
from auth_app.models import AuditEntry, Membership, Role, Team, User
from auth_app.stamps import Stamp
from gatewaysite.errors import Denied
from gatewaysite.secrets import open_sealed
from proxy_app.models import Agent, Gateway, Resource, Route, Server, Tool
from proxy_app.registry.kinds import GATEWAYS
from proxy_app.registry.work import update_item
from proxy_app.transfer import work
from tests.builders import a_gateway, a_membership, a_role, a_route, a_server, a_team, a_tool, a_user, own_resource
from tests.transfer.conftest import TOKEN, a_document, actor_of, applied, done, exported, planned

GATEWAY = {"name": "GitHub", "url": "https://mcp.github.example.com/mcp", "visibility": "public"}
REFERENCE = f"${{ENV:{TOKEN}}}"


# --- A plan ----------------------------------------------------------------------------------------------------------


def test_a_plan_leaves_nothing_behind(admin: Actor) -> None:
    outcome = planned(admin, a_document(gateways=[GATEWAY], teams=[{"name": "Blue"}]))
    assert done(outcome) == {"create": 2}
    assert not Gateway.objects.exists()
    assert not Team.objects.filter(slug="blue").exists()
    assert not AuditEntry.objects.exists()


def test_a_plan_says_what_changes_member_by_member(admin: Actor) -> None:
    gateway = a_gateway("GitHub", description="old", tags=["a"])
    outcome = planned(admin, a_document(gateways=[{"name": "GitHub", "description": "new", "tags": ["a"]}]))
    (step,) = outcome.steps
    assert (step.action, step.members) == ("update", {"description": ["old", "new"]})
    gateway.refresh_from_db()
    assert gateway.description == "old"


def test_what_the_document_does_not_say_stays(admin: Actor) -> None:
    a_gateway("GitHub", description="kept", tags=["kept"])
    applied(admin, a_document(gateways=[{"name": "GitHub", "enabled": False}]))
    gateway = Gateway.objects.get()
    assert (gateway.description, gateway.tags, gateway.enabled) == ("kept", ["kept"], False)


def test_a_plan_names_everything_that_stands_in_its_way(admin: Actor) -> None:
    outcome = planned(
        admin,
        a_document(
            gateways=[
                {**GATEWAY, "url": "http://169.254.169.254/latest"},
                {**GATEWAY, "name": "two", "transport": "X"},
            ],
            servers=[{"name": "dev", "associatedTools": ["nowhere"]}, {"name": "ok"}],
        ),
    )
    told = {problem["path"]: problem["message"] for problem in outcome.problems}
    assert told.keys() == {"gateways.0", "gateways.1", "servers.0"}
    assert "nowhere" in told["servers.0"]
    assert done(outcome) == {"conflict": 3, "create": 1}


def test_names_that_make_the_same_slug_are_the_same(admin: Actor) -> None:
    outcome = planned(
        admin, a_document(gateways=[GATEWAY, {**GATEWAY, "name": "git_hub"}, {**GATEWAY, "name": "GITHUB"}])
    )
    assert [(one["path"], one["code"]) for one in outcome.problems] == [("gateways.2", "twice")]


def test_an_id_finds_an_item_that_shall_be_called_otherwise(admin: Actor) -> None:
    gateway = a_gateway("GitHub")
    outcome = applied(admin, a_document(gateways=[{"id": str(gateway.pk), "name": "Octo"}]))
    assert [step.members["name"] for step in outcome.steps] == [["GitHub", "Octo"]]
    gateway.refresh_from_db()
    assert (gateway.name, gateway.slug) == ("Octo", "octo")


# --- Secrets ---------------------------------------------------------------------------------------------------------


def test_a_secret_comes_from_the_environment_and_is_nowhere_to_be_read(admin: Actor, secrets: dict[str, str]) -> None:
    document = a_document(gateways=[{**GATEWAY, "authType": "bearer", "authToken": REFERENCE}])
    (step,) = applied(admin, document).steps
    assert step.secrets == {"authToken": "set"}
    assert open_sealed(Gateway.objects.get().sealed_headers) == {"Authorization": "Bearer ghp_secret"}
    assert "ghp_secret" not in str(exported(admin))
    assert exported(admin)["gateways"][0]["authToken"] == REFERENCE
    assert "ghp_secret" not in str(list(AuditEntry.objects.values_list("changes", flat=True)))
    secrets[TOKEN] = "another"
    (step,) = applied(admin, document).steps
    assert (step.action, step.secrets) == ("update", {"authToken": "changed"})
    (step,) = applied(admin, document).steps
    assert (step.action, step.secrets) == ("unchanged", {"authToken": "kept"})


def test_a_reference_that_leads_nowhere_keeps_what_is_stored(admin: Actor) -> None:
    gateway = a_gateway("GitHub", auth_type="bearer", sealed_headers="x:y")
    document = a_document(gateways=[{"name": "GitHub", "authType": "bearer", "authToken": REFERENCE, "tags": ["a"]}])
    (step,) = applied(admin, document).steps
    assert (step.secrets, step.members) == ({"authToken": "kept"}, {"tags": [[], ["a"]]})
    gateway.refresh_from_db()
    assert gateway.sealed_headers == "x:y"


def test_what_lacks_its_secret_is_made_without_it_and_switched_off(admin: Actor) -> None:
    document = a_document(gateways=[{**GATEWAY, "authType": "bearer", "authToken": REFERENCE}])
    (step,) = applied(admin, document).steps
    assert (step.secrets, step.missing) == ({"authToken": "missing"}, {"authToken": TOKEN})
    assert Gateway.objects.values_list("enabled", "auth_type").get() == (False, "")
    assert done(applied(admin, document)) == {"unchanged": 1}


def test_once_its_secret_is_there_it_is_switched_on(admin: Actor, secrets: dict[str, str]) -> None:
    held, document = (
        dict(secrets),
        a_document(gateways=[{**GATEWAY, "enabled": True, "authType": "bearer", "authToken": REFERENCE}]),
    )
    secrets.clear()
    applied(admin, document)
    secrets.update(held)
    applied(admin, document)
    assert Gateway.objects.values_list("enabled", "auth_type").get() == (True, "bearer")


@pytest.mark.parametrize(
    ("member", "value", "why"),
    [
        ("description", REFERENCE, "no secret may"),
        ("authToken", "${ENV:SECRET_KEY}", "begins with POOLGATE_SECRET_"),
        ("tags", [REFERENCE], "no secret may"),
    ],
)
def test_a_reference_leads_to_nothing_that_is_shown_nor_to_other_names(
    admin: Actor, secrets: dict[str, str], member: str, value: Any, why: str
) -> None:
    (problem,) = planned(admin, a_document(gateways=[{**GATEWAY, member: value}])).problems
    assert why in problem["message"]


def test_only_an_administrator_reaches_the_environment(db: None, secrets: dict[str, str]) -> None:
    owner = a_user("owner@example.com")
    a_team("Blue", owner=owner)
    item = {**GATEWAY, "visibility": "team", "team": "blue", "authType": "bearer", "authToken": REFERENCE}
    (step,) = planned(actor_of(owner), a_document(gateways=[item])).steps
    assert step.secrets == {"authToken": "missing"}


# --- All or nothing --------------------------------------------------------------------------------------------------


def test_what_fails_at_the_end_leaves_nothing_of_the_beginning(admin: Actor) -> None:
    document = a_document(
        teams=[{"name": "Blue"}],
        gateways=[GATEWAY],
        servers=[{"name": "fine"}, {"name": "not", "associatedTools": ["nowhere"]}],
    )
    outcome = applied(admin, document)
    assert [one["path"] for one in outcome.problems] == ["servers.1"]
    assert not Gateway.objects.exists()
    assert not Server.objects.exists()
    assert not Team.objects.filter(slug="blue").exists()
    assert not AuditEntry.objects.exists()


def test_what_came_of_one_import_is_marked_with_it(admin: Actor) -> None:
    outcome = applied(admin, a_document(gateways=[GATEWAY]))
    gateway = Gateway.objects.get()
    assert gateway.import_batch_id is not None
    assert gateway.import_batch_id.hex == outcome.transfer_id
    entries = AuditEntry.objects.values_list("action", "changes__import", "via")
    assert set(entries) == {
        ("gateway.created", outcome.transfer_id, "import"),
        ("config.imported", outcome.transfer_id, "import"),
    }


def test_a_plan_that_was_seen_is_applied_only_as_long_as_it_is_true(admin: Actor) -> None:
    gateway = a_gateway("GitHub", description="old", owner=User.objects.get(email=admin.email))
    document = a_document(gateways=[{"name": "GitHub", "description": "new"}])
    seen = planned(admin, document).fingerprint
    update_item(GATEWAYS, admin, gateway.pk.hex, {"description": "newer"}, Stamp(email=admin.email))
    with pytest.raises(work.PlanMoved):
        applied(admin, document, fingerprint=seen)
    gateway.refresh_from_db()
    assert gateway.description == "newer"
    applied(admin, document, fingerprint=planned(admin, document).fingerprint)
    gateway.refresh_from_db()
    assert gateway.description == "new"


def test_a_change_of_something_else_leaves_the_plan_true(admin: Actor) -> None:
    other = a_gateway("other")
    document = a_document(gateways=[GATEWAY])
    seen = planned(admin, document).fingerprint
    update_item(GATEWAYS, admin, other.pk.hex, {"description": "x"}, Stamp(email=admin.email))
    assert done(applied(admin, document, fingerprint=seen)) == {"create": 1}


# --- Prune, and the other strategies ---------------------------------------------------------------------------------


def test_prune_deletes_what_the_document_does_not_name(admin: Actor) -> None:
    a_gateway("GitHub"), a_gateway("gone"), a_route("api")
    document = a_document(gateways=[{"name": "GitHub"}])
    assert done(applied(admin, document)) == {"unchanged": 1}
    outcome = applied(admin, document, prune=True)
    assert [(step.action, step.name) for step in outcome.steps] == [("unchanged", "GitHub"), ("delete", "gone")]
    assert list(Gateway.objects.values_list("slug", flat=True)) == ["github"]
    assert Route.objects.exists(), "of routes the document says nothing"


def test_prune_leaves_what_gateways_offer(admin: Actor) -> None:
    a_tool("search")
    assert done(applied(admin, a_document(tools=[]), prune=True)) == {}
    assert Tool.objects.exists()


def test_prune_takes_whole_teams_only_when_nothing_is_theirs(admin: Actor) -> None:
    blue = a_team("Blue")
    a_gateway("of-blue", visibility="team", team=blue)
    (problem,) = planned(admin, a_document(teams=[]), prune=True).problems
    assert problem["name"] == "blue"
    outcome = applied(admin, a_document(teams=[], gateways=[]), prune=True)
    assert done(outcome) == {"delete": 2}


@pytest.mark.parametrize(
    ("strategy", "actions", "names"),
    [
        ("update", ["update", "create"], {"github": "new", "two": None}),
        ("skip", ["skip", "create"], {"github": "old", "two": None}),
        ("rename", ["create", "create"], {"github": "old", "github-imported": "new", "two": None}),
    ],
)
def test_what_is_there_already(admin: Actor, strategy: Any, actions: list[str], names: dict[str, str | None]) -> None:
    a_gateway("GitHub", description="old")
    document = a_document(gateways=[{**GATEWAY, "description": "new"}, {**GATEWAY, "name": "two"}])
    outcome = applied(admin, document, strategy=strategy)
    assert [step.action for step in outcome.steps] == actions
    assert dict(Gateway.objects.values_list("slug", "description")) == names
    applied(admin, document, strategy=strategy)
    assert dict(Gateway.objects.values_list("slug", "description")) == names


def test_fail_refuses_what_is_there_and_different(admin: Actor) -> None:
    a_gateway("GitHub", description="old")
    document = a_document(gateways=[{"name": "GitHub", "description": "new"}, {**GATEWAY, "name": "two"}])
    (problem,) = applied(admin, document, strategy="fail").problems
    assert (problem["path"], problem["code"]) == ("gateways.0", "exists")
    assert Gateway.objects.count() == 1


# --- What gateways offer ---------------------------------------------------------------------------------------------


def test_a_tool_is_promised_before_its_gateway_was_ever_asked(admin: Actor) -> None:
    tool = {
        "name": "github-find",
        "gateway": "github",
        "originalName": "search",
        "customName": "find",
        "enabled": False,
    }
    server = {"name": "dev", "associatedTools": ["github-find"], "toolAliases": {"github-find": "look"}}
    outcome = applied(admin, a_document(servers=[server], tools=[tool], gateways=[GATEWAY]))
    assert not outcome.problems
    row = Tool.objects.get()
    assert (row.name, row.original_name, row.custom_name, row.enabled) == ("github-find", "search", "find", False)
    assert row.gateway == Gateway.objects.get()
    assert list(Server.objects.get().places.values_list("tool__name", "alias")) == [("github-find", "look")]


def test_an_offered_tool_is_found_by_what_its_gateway_calls_it(admin: Actor) -> None:
    tool = a_tool("search", gateway=a_gateway("GitHub"))
    item = {"name": "github-search", "gateway": "github", "originalName": "search", "customName": "find"}
    applied(admin, a_document(tools=[item]))
    tool.refresh_from_db()
    assert tool.name == "github-find"
    assert done(applied(admin, a_document(tools=[item]))) == {"unchanged": 1}


def test_the_tool_of_an_agent_comes_with_it_and_is_as_the_document_says(admin: Actor) -> None:
    agent = {"name": "Writer", "endpointUrl": "https://writer.example.com/a2a"}
    tool = {"name": "a2a-writer", "agent": "writer", "customName": "write", "tags": ["prose"], "enabled": False}
    document = a_document(tools=[tool], agents=[agent], servers=[{"name": "dev", "associatedTools": ["write"]}])
    outcome = applied(admin, document)
    assert [one["message"] for one in outcome.problems] == []
    row = Tool.objects.get()
    assert (row.name, row.tags, row.enabled) == ("write", ["prose"], False)
    assert row.agent == Agent.objects.get()
    assert Server.objects.get().tools.get() == row
    assert set(done(applied(admin, document))) == {"unchanged"}


def test_what_an_upstream_says_of_its_own_is_refused(admin: Actor) -> None:
    tool = a_tool("search", gateway=a_gateway("GitHub"))
    item = {"name": tool.name, "gateway": "github", "originalName": "search", "inputSchema": {"type": "object"}}
    (problem,) = applied(admin, a_document(tools=[item])).problems
    assert problem["members"][0]["member"] == "inputSchema"


def test_a_resource_of_our_own_says_what_the_document_says(admin: Actor) -> None:
    own_resource("readme", content="old", uri="file:///readme")
    item = {"name": "readme", "uri": "file:///readme", "content": "new"}
    (step,) = planned(admin, a_document(resources=[item])).steps
    assert step.members == {"content": ["old", "new"]}
    applied(admin, a_document(resources=[item]))
    row = Resource.objects.get()
    assert (bytes(row.content.body), row.size, row.version) == (b"new", 3, 2)
    applied(admin, a_document(resources=[{"name": "readme", "uri": "file:///read.me", "blob": "AAE="}]))
    row = Resource.objects.get()
    assert (row.uri, bytes(row.content.body), row.content.is_text) == ("file:///read.me", b"\x00\x01", False)


# --- People ----------------------------------------------------------------------------------------------------------


def test_the_people_of_a_team_are_as_the_document_says(admin: Actor) -> None:
    ann, bob, eve = a_user("ann@example.com"), a_user("bob@example.com"), a_user("eve@example.com")
    team = a_team("Blue", owner=ann, members=(bob,))
    item = {
        "name": "Blue",
        "members": {"bob@example.com": "owner", "eve@example.com": "viewer", "no@example.com": "member"},
    }
    (step,) = applied(admin, a_document(teams=[item])).steps
    assert dict(team.memberships.values_list("user__email", "role")) == {bob.email: "owner", eve.email: "viewer"}
    assert "no@example.com" in step.notes[0]
    assert {"team.member_added", "team.member_removed", "team.member_changed"} <= set(
        AuditEntry.objects.values_list("action", flat=True)
    )


def test_a_role_finds_its_parent_by_name(admin: Actor) -> None:
    items = [
        {"name": "parent", "scope": "global", "permissions": ["tools.read"]},
        {"name": "child", "scope": "global", "permissions": [], "inheritsFrom": "parent"},
    ]
    applied(admin, a_document(roles=items))
    child = Role.objects.get(name="child")
    assert child.inherits is not None
    assert child.inherits.name == "parent"
    assert done(applied(admin, a_document(roles=items))) == {"unchanged": 2}


# --- Who may what ----------------------------------------------------------------------------------------------------


def test_a_team_admin_exports_what_the_team_has(db: None) -> None:
    owner = a_user("owner@example.com")
    blue = a_team("Blue", owner=owner)
    a_gateway("of-blue", visibility="team", team=blue), a_gateway("of-red", visibility="team", team=a_team("Red"))
    a_gateway("of-all"), a_role("somewhere")
    found = exported(actor_of(owner))
    assert [one["name"] for one in found["gateways"]] == ["of-blue"]
    assert [one["name"] for one in found["teams"]] == ["Blue"]
    assert found["roles"] == found["issuers"] == found["ssoProviders"] == []


def test_a_team_admin_imports_what_they_may_do_one_by_one(db: None) -> None:
    owner = a_user("owner@example.com")
    a_team("Blue", owner=owner), a_team("Red")
    mine = {**GATEWAY, "visibility": "team", "team": "blue"}
    assert done(applied(actor_of(owner), a_document(gateways=[mine]))) == {"create": 1}
    refused = planned(
        actor_of(owner),
        a_document(
            gateways=[{**GATEWAY, "name": "public"}, {**mine, "name": "red", "team": "red"}],
            roles=[{"name": "all", "scope": "global", "permissions": ["*"]}],
            teams=[{"name": "Green"}],
        ),
    )
    assert {one["path"]: one["code"] for one in refused.problems} == {
        "gateways.0": "forbidden", "gateways.1": "forbidden", "roles.0": "forbidden", "teams.0": "forbidden"
    }  # fmt: skip


def test_what_others_have_in_private_is_neither_exported_nor_imported(admin: Actor) -> None:
    ann = a_user("ann@example.com")
    a_server("secret", visibility="private", owner=ann)
    assert exported(admin)["servers"] == []
    item = {"name": "other", "visibility": "private", "owner": "ann@example.com"}
    (problem,) = planned(admin, a_document(servers=[item])).problems
    assert problem["code"] == "forbidden"


def test_a_member_imports_nothing(db: None) -> None:
    member = a_user("member@example.com")
    a_membership(a_team("Blue"), member, Membership.Role.MEMBER)
    with pytest.raises(Denied, match=r"config\.import"):
        planned(actor_of(member), a_document(gateways=[]))
