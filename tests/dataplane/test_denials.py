"""Refusals where tools are called: an id for the caller, the reasons in memory, and nothing of what is hidden."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from auth_app.actor import Actor, RoleGrant, TokenScope
from auth_app.decisions.book import Page, book
from auth_app.rehearsal.tally import tally
from auth_app.tokens.entries import TokenEntry
from auth_app.tokens.secrets import hash_secret
from gatewaysite.asgi import application
from proxy_app.upstream.client import UpstreamClient
from tests.asgi_client import ask
from tests.dataplane import proxying
from tests.dataplane.rpc import call, error_of
from tests.dataplane.world import World

pytestmark = pytest.mark.anyio

ECHO = {"name": "gw0-echo"}
LOOKS = TokenScope(permissions=frozenset({"*.read"}))


@pytest.fixture(autouse=True)
def _an_empty_book() -> Iterator[None]:
    book.take()
    tally.take()
    yield
    book.take()
    tally.take()


def only(page: Page) -> tuple[str, str, str, int]:
    ((key, noted),) = page.denials.items()
    return str(key), noted.decision.failed, noted.origin.surface, noted.count


async def test_a_refused_call_has_the_id_of_its_decision(world: World) -> None:
    world.tool("echo")
    token = world.token(scope=LOOKS)
    world.publish()
    answers = [await call(token, "tools/call", ECHO) for _ in range(3)]
    ids = {error_of(answer)["data"]["decision_id"] for answer in answers}
    page = book.take()
    assert sum(noted.count for noted in page.denials.values()) == 3
    assert ids == {str(key) for key in page.denials}
    assert {noted.decision.failed for noted in page.denials.values()} == {"token_permissions"}
    assert {noted.decision.thing.name for noted in page.denials.values()} == {"gw0-echo"}


async def test_a_refused_request_through_a_route_has_it_too(world: World) -> None:
    world.route("api")
    token = world.token(scope=LOOKS)
    world.publish()
    answer = await proxying.ask(token)
    key, failed, surface, count = only(book.take())
    assert (answer.status, answer.json["decision_id"]) == (403, key)
    assert (failed, surface, count) == ("token_permissions", "proxy", 1)


@pytest.mark.parametrize("path", ["/ops/connections", "/metrics"])
async def test_so_has_what_is_for_operators(world: World, path: str) -> None:
    token = world.token()
    world.publish()
    answer = await ask(application, "GET", path, headers={"authorization": f"Bearer {token}"})
    key, failed, surface, _count = only(book.take())
    assert (answer.status, answer.json["decision_id"], failed, surface) == (403, key, "roles", "ops")


async def test_what_is_hidden_looks_absent_and_is_looked_for_afterwards(world: World) -> None:
    team = uuid4()
    tool = world.tool("echo", visibility="team", team_id=team)
    world.server("desk", visibility="team", team_id=team)
    world.route("api", visibility="team", team_id=team)
    token = world.token()
    world.publish()
    for hidden, absent in (
        (await call(token, "tools/call", ECHO), await call(token, "tools/call", {"name": "gw0-none"})),
        (
            await call(token, "tools/list", path="/servers/desk/mcp"),
            await call(token, "tools/list", path="/servers/no/mcp"),
        ),
        (await proxying.ask(token, "/proxy/api/x"), await proxying.ask(token, "/proxy/none/x")),
    ):
        assert hidden.status == absent.status
        assert hidden.body.replace(b"gw0-echo", b"gw0-none") == absent.body
        assert b"decision" not in hidden.body
    page = book.take()
    assert page.denials == {}
    assert {(sought.kind, sought.key) for sought in page.sought} == {
        ("tools", tool["id"].hex), ("servers", "desk"), ("servers", "no"), ("routes", "api"), ("routes", "none")
    }  # fmt: skip


async def test_a_secret_that_lets_nobody_in_is_looked_for_afterwards(world: World) -> None:
    world.publish()
    assert (await call("nobodys", "tools/list")).status == 401
    assert set(book.take().strangers) == {hash_secret("nobodys")}


async def test_allowing_and_denying_are_counted(world: World, upstreams: UpstreamClient) -> None:
    world.tool("echo")
    looks, uses = world.token(scope=LOOKS), world.token()
    world.publish()

    def counted(effect: str, rule: str) -> float:
        labels = {"effect": effect, "mode": "enforce", "rule": rule}
        return REGISTRY.get_sample_value("gateway_policy_decisions_total", labels) or 0

    before = counted("allow", ""), counted("deny", "token_permissions")
    await call(looks, "tools/call", ECHO)
    await call(uses, "tools/call", ECHO)
    assert (counted("allow", ""), counted("deny", "token_permissions")) == (before[0] + 1, before[1] + 1)


async def test_a_rehearsed_role_is_compared_call_by_call(world: World, upstreams: UpstreamClient) -> None:
    team, role = uuid4(), UUID(int=7)
    world.tool("echo", visibility="team", team_id=team)
    grant = RoleGrant("runner", team, frozenset({"tools.*"}), ((role, frozenset({"tools.read"})),))
    actor = Actor(uuid4(), "runner@example.com", False, token_id=uuid4(), grants=frozenset({grant}))
    world.tokens[hash_secret("runners")] = TokenEntry(actor)
    world.publish()
    for _ in range(2):
        assert (await call("runners", "tools/call", ECHO)).status == 200
    ((difference, (count, _at)),) = tally.take().items()
    assert (difference.role_id, difference.permission, difference.effect, count) == (role, "tools.execute", "deny", 2)
