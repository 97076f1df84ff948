"""Agents: registered as a row whose card a job reads, each with a tool that is kept as the agent is."""

from typing import Any

import pytest
from django.db import connection

from auth_app.models import AuditEntry
from gatewaysite.secrets import open_sealed
from proxy_app.models import Agent, Tool
from tests.builders import a_server, a_tool, an_agent
from tests.registry.conftest import Caller, People

URL = "https://agent.example.com/a2a"
NEW = {"agent": {"name": "My Helper_2", "endpoint_url": URL}}
SECRET = "s3cr3t-of-mine"


def waiting_jobs() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT args->>'agent_id' FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
        return [agent_id.replace("-", "") for (agent_id,) in cursor.fetchall()]


def tool_of(agent: Agent) -> Tool:
    return Tool.objects.get(agent=agent)


def test_registering_stores_a_pending_row_its_job_and_its_tool_and_answers_at_once(admin: Caller) -> None:
    answer = admin.post("/a2a", {"agent": NEW["agent"] | {"tags": ["x"]}, "visibility": "public"})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["slug"], made["endpointUrl"]) == ("My Helper_2", "my-helper-2", URL)
    assert (made["status"], made["reachable"], made["enabled"]) == ("pending", True, True)
    assert (made["agentType"], made["protocolVersion"], made["capabilities"]) == ("generic", "1.0", {})
    assert made["toolName"] == "a2a-my-helper-2"
    assert waiting_jobs() == [made["id"]]
    tool = admin.get(f"/tools/{made['toolId']}").json()
    assert (tool["name"], tool["displayName"], tool["agentId"]) == ("a2a-my-helper-2", "My Helper 2", made["id"])
    assert [tag["label"] for tag in tool["tags"]] == ["a2a", "agent", "x"]
    (entry,) = AuditEntry.objects.filter(object_id=made["id"])
    assert (entry.action, entry.changes["endpoint_url"]) == ("agent.created", [None, URL])


def test_a_credential_is_sealed_and_never_shown(admin: Caller) -> None:
    body = {"agent": NEW["agent"] | {"auth_type": "bearer", "auth_token": SECRET}}
    answer = admin.post("/a2a", body)
    made = answer.json()
    assert (made["authType"], made["authToken"], made["authValue"]) == ("bearer", "*****", "*****")
    agent = Agent.objects.get(pk=made["id"])
    assert open_sealed(agent.sealed_headers) == {"Authorization": f"Bearer {SECRET}"}
    assert SECRET not in answer.content.decode()
    assert SECRET not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"endpoint_url": "ftp://x"}, "endpoint_url"),
        ({"endpoint_url": "http://169.254.169.254/"}, "endpoint_url"),
        ({"endpoint_url": "http://10.0.0.1/"}, "endpoint_url"),
        ({"protocol_version": "2.0"}, "protocol_version"),
        ({"protocol_version": 1}, "protocol_version"),
        ({"capabilities": []}, "capabilities"),
        ({"config": {"a": "x" * 70_000}}, "config"),
        ({"agent_type": "x" * 51}, "agent_type"),
        ({"auth_type": "oauth"}, "auth_type"),
        ({"auth_type": "authheaders", "auth_header_key": "A2A-Version", "auth_header_value": "9"}, "auth_header_key"),
        ({"poolOptions": {"probe": "maybe"}}, "poolOptions"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_is_wrong_is_422_and_named(admin: Caller, wrong: dict[str, Any], field: str) -> None:
    answer = admin.post("/a2a", {"agent": NEW["agent"] | wrong})
    assert answer.status_code == 422
    assert field in str(answer.json()["detail"][0]["loc"])
    assert Agent.objects.count() == Tool.objects.count() == 0


@pytest.mark.parametrize(("said", "kept"), [("0.3.0", "0.3"), ("v1", "1.0"), ("1.0.1", "1.0")])
def test_a_version_may_be_written_with_more_or_fewer_numbers(admin: Caller, said: str, kept: str) -> None:
    made = admin.post("/a2a", {"agent": NEW["agent"] | {"protocol_version": said}}).json()
    assert made["protocolVersion"] == kept


def test_a_new_name_renames_the_tool_with_it(admin: Caller) -> None:
    agent = an_agent("helper")
    assert admin.put(f"/a2a/{agent.pk.hex}", {"name": "Assistant"}).json()["toolName"] == "a2a-assistant"
    tool = tool_of(agent)
    assert (tool.original_name, tool.display_name, tool.version) == ("a2a_assistant", "Assistant", 2)
    assert tool.description == "A2A Agent: Assistant"


def test_what_somebody_changed_of_the_tool_stays(admin: Caller) -> None:
    agent = an_agent("helper", owner=admin.user)
    path = f"/tools/{tool_of(agent).pk.hex}"
    admin.put(path, {"customName": "ask-them", "description": "mine", "tags": ["own"], "visibility": "private"})
    changed = {"name": "Assistant", "description": "new", "tags": ["more"], "endpoint_url": URL}
    assert admin.put(f"/a2a/{agent.pk.hex}", changed).status_code == 200
    tool = tool_of(agent)
    assert (tool.name, tool.description, tool.tags, tool.visibility) == ("ask-them", "mine", ["own"], "private")
    assert (tool.original_name, tool.url) == ("a2a_assistant", URL)


def test_the_tool_goes_where_its_agent_goes(admin: Caller, people: People) -> None:
    agent = an_agent("helper")
    answer = admin.put(f"/a2a/{agent.pk.hex}", {"visibility": "team", "team_id": people.team.pk.hex})
    assert answer.status_code == 200
    tool = tool_of(agent)
    assert (tool.visibility, tool.team_id) == ("team", people.team.pk)


def test_a_name_that_is_taken_among_tools_is_evaded(admin: Caller) -> None:
    a_tool(name="a2a-my-helper-2", slug="a2a-my-helper-2")
    assert admin.post("/a2a", NEW).json()["toolName"] == "a2a-my-helper-2-2"
    agent = an_agent("other")
    assert admin.put(f"/a2a/{agent.pk.hex}", {"name": "My helper 3"}).json()["toolName"] == "a2a-my-helper-3"


def test_a_deleted_agent_takes_its_tool_out_of_every_server(admin: Caller) -> None:
    agent = an_agent("helper")
    server = a_server(tools=(tool_of(agent), a_tool()))
    assert admin.delete(f"/a2a/{agent.pk.hex}").status_code == 200
    assert Tool.objects.filter(integration_type="A2A").count() == 0
    assert server.places.count() == 1


def test_the_tool_of_an_agent_one_may_not_see_is_not_told_of(people: People) -> None:
    agent = an_agent("helper")
    Tool.objects.update(visibility="private", owner=people.owner.user)
    assert people.stranger.get(f"/a2a/{agent.pk.hex}").json()["toolId"] is None
    assert people.owner.get(f"/a2a/{agent.pk.hex}").json()["toolName"] == "a2a-helper"


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"endpoint_url": URL}, True),
        ({"auth_type": "bearer", "auth_token": SECRET}, True),
        ({"protocol_version": "0.3"}, True),
        ({"description": "x", "name": "y", "tags": ["z"]}, False),
    ],
)
def test_only_another_endpoint_or_credential_lets_the_card_be_read_again(
    admin: Caller, change: dict[str, Any], asked: bool
) -> None:
    agent = an_agent("helper", message_url="https://elsewhere.example.com/rpc")
    item = admin.put(f"/a2a/{agent.pk.hex}", change).json()
    assert (item["status"], waiting_jobs()) == (("pending", [item["id"]]) if asked else ("active", []))
    assert (item["messageUrl"] == item["endpointUrl"]) is asked


def test_switched_on_it_is_asked_again_and_by_hand_when_wanted(admin: Caller) -> None:
    agent = an_agent("helper", enabled=False)
    refused = admin.post(f"/a2a/{agent.pk.hex}/refresh")
    assert (refused.status_code, refused.json()["detail"]) == (
        409, "This agent is switched off; switch it on first.",
    )  # fmt: skip
    admin.post(f"/a2a/{agent.pk.hex}/state?activate=true")
    assert waiting_jobs() == [agent.pk.hex]
    again = admin.post(f"/v1/agents/{agent.pk.hex}/refresh")
    assert (again.status_code, again.json()["code"]) == (409, "already_running")
    other = an_agent("other")
    answer = admin.post(f"/agents/{other.pk.hex}/refresh")
    assert (answer.status_code, answer.json()["id"]) == (202, other.pk.hex)
    assert AuditEntry.objects.filter(action="agent.refreshed").count() == 1


def test_lists_filter_by_how_far_the_registration_is_and_tools_by_their_agent(admin: Caller) -> None:
    helper, failed = an_agent("helper"), an_agent("failed", status="failed")
    assert [one["id"] for one in admin.get("/a2a?status=failed").json()] == [failed.pk.hex]
    assert [one["name"] for one in admin.get(f"/tools?agent_id={helper.pk.hex}").json()] == ["a2a-helper"]
    assert admin.get("/a2a?include_pagination=true").json().keys() == {"agents", "nextCursor"}


def test_a_members_agent_is_made_for_the_team_and_seen_there_only(people: People) -> None:
    body = {"agent": NEW["agent"] | {"visibility": "team", "team_id": people.team.pk.hex}}
    made = people.member.post("/a2a", body)
    assert made.status_code == 201
    assert people.stranger.get(f"/a2a/{made.json()['id']}").status_code == 404
    assert people.stranger.get(f"/tools/{made.json()['toolId']}").status_code == 404
    assert people.viewer.get(f"/tools/{made.json()['toolId']}").status_code == 200
