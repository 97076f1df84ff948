"""What our own resources and prompts consist of, for the event loop: kept in memory up to a bound, by version."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from gatewaysite.db.units import run_unit
from proxy_app.content import work
from proxy_app.content.templating import Template, parse
from proxy_app.content.work import StoredPrompt, StoredResource
from proxy_app.snapshot.entries import PromptEntry, ResourceEntry

# Of each process.
KEPT_BYTES = 32 * 1024 * 1024
# What the objects around a content take, about.
OVERHEAD_BYTES = 1024


@dataclass(frozen=True, slots=True)
class ReadyPrompt:
    stored: StoredPrompt
    template: Template


class Kept[T]:
    """The things read last, as many as fit. Loop code only, so a plain dictionary does."""

    def __init__(self, size_of: Callable[[T], int]) -> None:
        self._size_of = size_of
        self._kept: OrderedDict[tuple[UUID, int], T] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[UUID, int]) -> T | None:
        if (found := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: tuple[UUID, int], thing: T) -> None:
        if key in self._kept:
            return
        self._kept[key] = thing
        self._bytes += self._size_of(thing) + OVERHEAD_BYTES
        while self._bytes > KEPT_BYTES // 2:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= self._size_of(gone) + OVERHEAD_BYTES

    def clear(self) -> None:
        self._kept.clear()
        self._bytes = 0


resources: Kept[StoredResource] = Kept(lambda one: len(one.content.body))
# A parsed template takes some times its text.
prompts: Kept[ReadyPrompt] = Kept(lambda one: 8 * len(one.stored.template))


async def resource_content(entry: ResourceEntry) -> StoredResource | None:
    """The content of a resource that the caller may read; None when it was deleted meanwhile."""
    found = resources.get((entry.id, entry.version))
    if found is None and (found := await run_unit(work.load_resource, entry.id)) is not None:
        resources.put((entry.id, found.version), found)
    return found


async def ready_prompt(entry: PromptEntry) -> ReadyPrompt | None:
    """The same, of a prompt."""
    found = prompts.get((entry.id, entry.version))
    if found is None and (stored := await run_unit(work.load_prompt, entry.id)) is not None:
        found = ReadyPrompt(stored, parse(stored.template))
        prompts.put((entry.id, stored.version), found)
    return found
