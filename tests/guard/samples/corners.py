"""Single corners of the language, each as short as it can be: faults marked as ever, honest code beside them."""

from tests.guard.samples.variants import POOL

HEAD = """
import asyncio
from django.core.cache import cache
from django.db import transaction
from django.http import JsonResponse
from django.shortcuts import redirect, render
from app.models import Server
from gateway.http_pool import call
"""
CORNERS = {
    "functions that walk what they are given": """
def g():
    yield call("u")
def a():
    with transaction.atomic():
        sum(g())  # R3
def b():
    with transaction.atomic():
        return any(g())  # R3
def c():
    with transaction.atomic():
        return ",".join(g())  # R3
def d():
    with transaction.atomic():
        return dict(enumerate(g()))  # R3
def e():
    with transaction.atomic():
        return max([1], key=lambda u: call(u))  # R3
def f():
    with transaction.atomic():
        return list(filter(lambda u: call(u), [1]))  # R3
def h():
    with transaction.atomic():
        return max([1], key=len), ",".join(["a"]), list(filter(None, [1])), sum(n for n in (1, 2))
""",
    "a generator expression runs when it is walked": """
def a():
    with transaction.atomic():
        texts = (call(u) for u in [1])
        texts = list(texts)  # R3
    return texts
def b():
    texts = (call(u) for u in [1])
    with transaction.atomic():
        return ",".join(texts)  # R3
def c():
    with transaction.atomic():
        texts = (call(u) for u in [1])
    return texts
def d(known):
    with transaction.atomic():
        known.something(call(u) for u in [1])  # R3
def e():
    with transaction.atomic():
        Server.objects.bulk_create(call(u) for u in [1])  # R3
def f():
    rows = [call]
    with transaction.atomic():
        return helper(row("u") for row in rows)  # R3
def helper(texts):
    return set(texts)
def h():
    work = call
    lazy = (work(u) for u in [1])
    work = str
    with transaction.atomic():
        return tuple(lazy), tuple(work(u) for u in [1])  # R3
async def i():
    return [n async for n in (s.n async for s in Server.objects.all())]
async def j():
    return sum(s.n for s in Server.objects.all())  # R8
""",
    "a comprehension has names of its own": """
def a(request):
    s = "plain"
    names = [s.name for s in Server.objects.all()]
    return render(request, "a.html", {"s": s, "names": names})
def b(request):
    s = Server.objects.all()
    n = [s for s in (1, 2)]
    return render(request, "a.html", {"s": s, "n": n})  # R4
def c(request):
    s = "plain"
    by = {s.pk: s.name for s in Server.objects.all()}
    def shown():
        return s
    return render(request, "a.html", {"s": shown(), "by": by})
async def d():
    return [s.name async for s in Server.objects.all() if call(s.url)]  # R7 R8
""",
    "what a cache is given to call": """
def plain():
    return list(Server.objects.values("id"))
def rows():
    return Server.objects.all()
def a():
    return cache.get_or_set("k", plain)
def b():
    return cache.get_or_set("k", rows)  # R4
def c():
    return cache.get_or_set("k", lambda: Server.objects.first())  # R4
def d():
    with transaction.atomic():
        return cache.get_or_set("k", lambda: call("u"))  # R3
""",
    "what was taken out again": """
def a(request):
    context = {"rows": Server.objects.all(), "n": 1}
    rows = context.pop("rows")
    context["names"] = [row.name for row in rows]
    return render(request, "a.html", context)
def b(request):
    context = {"rows": Server.objects.all()}
    del context["rows"]
    return render(request, "a.html", context)
def c(request):
    context = {"rows": Server.objects.all()}
    context.pop("others", None)
    return render(request, "a.html", context)  # R4
""",
    "users asked for by a coroutine": """
from django.contrib.auth import aauthenticate, aget_user, authenticate
from django.shortcuts import aget_object_or_404, get_object_or_404
from gateway.http_pool import fetch
async def a(request):
    await aget_user(request)
    return await fetch("u")  # R7
async def b(request):
    user = await request.auser()
    await fetch("u")  # R7
    return JsonResponse({"user": user})  # R4
async def c(request):
    return authenticate(request)  # R8
async def d(request):
    user = await aauthenticate(request)
    return JsonResponse({"user": user})  # R4
async def e(request):
    server = await aget_object_or_404(Server, pk=1)
    return await fetch(server.url)  # R7
async def f(request):
    return get_object_or_404(Server, pk=1).name  # R8
""",
    "the else of a loop and of a try": """
def a():
    for x in [1]:
        pass
    else:
        with transaction.atomic():
            call("u")  # R3
def b():
    while a():
        pass
    else:
        with transaction.atomic():
            call("u")  # R3
def c():
    try:
        x = 1
    except ValueError:
        x = 2
    else:
        with transaction.atomic():
            call("u")  # R3
""",
    "what the end of a block does": """
class Asks:
    def __enter__(self):
        return self
    def __exit__(self, *args):
        call("u")
def a():
    with transaction.atomic():
        with Asks():  # R3
            pass
def b():
    with Asks():  # R7
        with transaction.atomic():
            pass
""",
    "another thread": """
def both():
    with transaction.atomic():
        call("u")  # R3
async def a():
    await asyncio.to_thread(both)
async def b():
    with transaction.atomic():  # R8
        await asyncio.to_thread(call, "u")  # R3
async def c():
    return await asyncio.to_thread(Server.objects.count)
""",
    "a blocking client in a coroutine": """
import subprocess
import boto3
async def a():
    call("u")  # R8
async def b():
    await asyncio.to_thread(call, "u")
async def c():
    subprocess.run(["true"])  # R8
def d():
    with transaction.atomic():
        boto3.client("s3").put_object(Key="a")  # R3
""",
    "a block of one's own class": """
from django.db.transaction import Atomic
class Tx(Atomic):
    pass
def a(request):
    with Tx(using=None, savepoint=True, durable=False):
        return redirect("a")  # R1
""",
    "a decorator for one method of a class": """
from django.utils.decorators import method_decorator
from django.views import View
@method_decorator(transaction.atomic, name="get")
class Show(View):
    def get(self, request):
        return redirect("a")  # R1
    def post(self, request):
        return redirect("a")
""",
    "every case raises": """
async def a():
    try:
        await asyncio.sleep(1)
    except BaseException as error:
        match error:
            case ValueError():
                raise
            case _:
                raise
async def b():
    try:
        await asyncio.sleep(1)
    except BaseException as error:  # R10
        match error:
            case ValueError():
                raise
""",
    "what a subclass does in a parent's place": """
class Base:
    def go(self):
        with transaction.atomic():
            self.step()  # R3
    def step(self):
        pass
class Calls(Base):
    def step(self):
        call("u")
class Quiet:
    def go(self):
        with transaction.atomic():
            self.step()
    def step(self):
        pass
def a():
    Calls().go()
""",
    "asked whether it is empty": """
async def a(x):
    rows = Server.objects.all()
    return x and rows
async def b(x):
    return Server.objects.all() and x  # R8
async def c():
    return not Server.objects.all()  # R8
async def d(x):
    return x in Server.objects.all()  # R8
async def e(x):
    return 1 if Server.objects.all() else 2  # R8
async def f(x):
    return x is Server.objects.all()
""",
}
CORNERS = {name: HEAD + sample.removeprefix("\n") + POOL for name, sample in CORNERS.items()}
