"""Finding tools by words, in memory: BM25 over names, titles, tags and descriptions. A word need not be finished.

An index is made once for a version of the registry, when somebody searches first, in a thread: the loop serves others
meanwhile. What a query may cost is bounded, whoever wrote it and whatever upstreams wrote into their descriptions.
"""

import asyncio
import heapq
import math
import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import Context

import msgspec

from proxy_app.snapshot.entries import Registry, ServerEntry, ToolEntry

Named = tuple[str, ToolEntry]

# How much a word counts where it stands.
OF_NAME, OF_TAGS, OF_TITLE, OF_DESCRIPTION = 4.0, 3.0, 2.0, 1.0
# BM25's usual constants: how soon repeating a word stops to matter, and how much a long text is worth less.
SATURATION, LENGTH_MATTERS = 1.2, 0.75
BEGUN = 0.6  # what a word is worth that only begins as the query says
SHORTEST_BEGUN = 2
# Bounds. A query that would look at more than MOST_SEEN places of words leaves out its most common words.
QUERY_CHARACTERS, QUERY_WORDS, MOST_ENDINGS, MOST_SEEN = 300, 12, 40, 6_000
DESCRIPTION_CHARACTERS = 2_000

CAMEL = re.compile(r"([a-z0-9])([A-Z])")
WORD = re.compile(r"[^\W_]+")


class Told(msgspec.Struct):
    """What the wire of a tool says of it to people."""

    title: str = ""
    description: str = ""


_told = msgspec.json.Decoder(Told)


async def index_of(registry: Registry, server: ServerEntry | None) -> "Index":
    """The index of a server's tools, or of all. Whoever comes while it is made waits for the same one."""
    key = server.id if server else None
    making = registry.indexes.get(key)
    if not isinstance(making, asyncio.Future):
        tools = server.tools if server else [(tool.name, tool) for tool in registry.tools.values()]
        # Shared, so on nobody's account.
        making = registry.indexes[key] = asyncio.create_task(asyncio.to_thread(Index, tools), context=Context())
    index: Index = await asyncio.shield(making)
    return index


class Index:
    """The tools by their words. Nobody's sight is in here: whoever asks says what may be found."""

    def __init__(self, tools: Iterable[Named]) -> None:
        self.tools = sorted(tools, key=lambda pair: pair[0])
        counts = [_counted(name, tool) for name, tool in self.tools]
        lengths = [sum(count.values()) for count in counts]
        average = sum(lengths) / len(lengths) if lengths else 1.0
        places: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, (count, length) in enumerate(zip(counts, lengths, strict=True)):
            dampened = SATURATION * (1 - LENGTH_MATTERS + LENGTH_MATTERS * length / (average or 1.0))
            for word, times in count.items():
                places[word].append((number, times * (SATURATION + 1) / (times + dampened)))
        self._places = {word: _by_rarity(found, len(counts)) for word, found in places.items()}
        self._words = sorted(self._places)

    def find(
        self, query: str, limit: int, tags: Sequence[str], may_be_found: Callable[[str, ToolEntry], bool]
    ) -> tuple[list[Named], bool]:
        """The best of what may be found, and whether there is more. Without words: the first by name."""
        wanted = frozenset(tags)
        found = []
        for number in self._best(query):
            name, tool = self.tools[number]
            if (not wanted or not wanted.isdisjoint(tool.tags)) and may_be_found(name, tool):
                found.append((name, tool))
                if len(found) > limit:
                    break
        return found[:limit], len(found) > limit

    def _best(self, query: str) -> Iterator[int]:
        """Numbers of tools, the best first; of equals the first by name."""
        words = list(dict.fromkeys(words_of(query[:QUERY_CHARACTERS])))[:QUERY_WORDS]
        if not words:
            yield from range(len(self.tools))
            return
        heap = [(-score, number) for number, score in self._scores(words).items()]
        heapq.heapify(heap)
        while heap:
            yield heapq.heappop(heap)[1]

    def _scores(self, words: Sequence[str]) -> dict[int, float]:
        """The rarest words first, so that those left out say least."""
        terms = [(self._places[term], factor) for word in words for term, factor in self._terms(word)]
        terms.sort(key=lambda term: len(term[0]))
        scores: defaultdict[int, float] = defaultdict(float)
        left = MOST_SEEN
        for places, factor in terms:
            for number, weight in places[:left]:
                scores[number] += weight * factor
            left -= len(places)
            if left <= 0:
                break
        return scores

    def _terms(self, word: str) -> Iterator[tuple[str, float]]:
        """The word itself, and those that begin with it."""
        if word in self._places:
            yield word, 1.0
        if len(word) < SHORTEST_BEGUN:
            return
        at = bisect_left(self._words, word)
        for term in self._words[at : at + MOST_ENDINGS]:
            if not term.startswith(word):
                return
            if term != word:
                yield term, BEGUN


def words_of(text: str) -> list[str]:
    """The words of a text, without case, accents and the s of a plural: `createIssues` has two."""
    plain = CAMEL.sub(r"\1 \2", text).casefold()
    if not plain.isascii():
        apart = unicodedata.normalize("NFKD", plain)
        plain = "".join(character for character in apart if not unicodedata.combining(character))
    return [_singular(word) for word in WORD.findall(plain)]


def summary_of(tool: ToolEntry) -> Told:
    """What it says of itself, as its upstream or whoever described it anew wrote it."""
    return _told.decode(b"{" + tool.wire[1:])


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _counted(name: str, tool: ToolEntry) -> dict[str, float]:
    """How often each word is said of a tool, weighed by where."""
    told = summary_of(tool)
    parts = (
        (name, OF_NAME),
        (" ".join(tool.tags), OF_TAGS),
        (told.title, OF_TITLE),
        (told.description[:DESCRIPTION_CHARACTERS], OF_DESCRIPTION),
    )
    count: defaultdict[str, float] = defaultdict(float)
    for text, weight in parts:
        for word in words_of(text):
            count[word] += weight
    return count


def _by_rarity(found: list[tuple[int, float]], tools: int) -> list[tuple[int, float]]:
    """The places of a word, weighed by how few tools have it."""
    rarity = math.log(1 + (tools - len(found) + 0.5) / (len(found) + 0.5))
    return [(number, weight * rarity) for number, weight in found]
