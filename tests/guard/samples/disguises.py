"""More of the same: short faults in every disguise that came to mind, with honest code between them."""

from tests.guard.samples.variants import POOL

DISGUISES = {
    "a template's own render": """
from django.db import transaction
from django.template import loader
def show(request):
    template = loader.get_template("a.html")
    with transaction.atomic():
        text = template.render({}, request)  # R1
    return text
""",
    "a response class in an attribute": """
from django.db import transaction
from django.template.response import TemplateResponse as TR
class Mixin:
    response_class = TR
    def answer(self, **kw):
        return self.response_class(self.request, "a.html", kw)
class V(Mixin):
    def get(self, request):
        with transaction.atomic():
            return self.answer(a=1)  # R1
""",
    "an answer of one's own class": """
from django.db import transaction
from django.http import HttpResponse
class Csv(HttpResponse):
    pass
class More(Csv): pass
def a(request):
    with transaction.atomic():
        return More("x")  # R1
""",
    "a nested function that is called": """
from django.db import transaction
from django.http import JsonResponse
def a(request):
    def answer():
        return JsonResponse({})
    with transaction.atomic():
        return answer()  # R1
""",
    "handlers in a dict": """
from django.db import transaction
from django.http import JsonResponse
def get(request): return JsonResponse({})
def post(request): return JsonResponse({})
HANDLERS = {"GET": get, "POST": post}
def a(request):
    with transaction.atomic():
        return HANDLERS[request.method](request)  # R1
""",
    "a method by its name": """
from django.db import transaction
from django.http import JsonResponse
class V:
    def get(self, request): return JsonResponse({})
    def run(self, request):
        with transaction.atomic():
            return getattr(self, "get")(request)  # R1
""",
    "an asynchronous block around a service's client": """
import httpx
from contextlib import asynccontextmanager
from asgiref.sync import sync_to_async
from django.db import transaction
class AsyncAtomic:
    def __init__(self, using=None):
        self._atomic = transaction.atomic(using=using)
    async def __aenter__(self):
        await sync_to_async(self._atomic.__enter__, thread_sensitive=True)()
        return self
    async def __aexit__(self, *exc):
        await sync_to_async(self._atomic.__exit__, thread_sensitive=True)(*exc)
class Svc:
    def __init__(self, client: httpx.AsyncClient):
        self.client = client
    async def call(self, req):
        return await self.client.send(req)
async def view(request, svc: Svc):
    async with AsyncAtomic():
        return await svc.call(request)  # R3
""",
    "a block on another thread": """
from asgiref.sync import sync_to_async, async_to_sync
from django.db import transaction
from gateway.http_pool import fetch
def helper():
    with transaction.atomic():
        return async_to_sync(fetch)("u")  # R3
async def view(request):
    return await sync_to_async(helper)()
"""
    + POOL,
    "a decorator called with a database's name": """
from django.db.transaction import atomic
from django.shortcuts import redirect
@atomic(using="x")
def a(request):
    return redirect("x")  # R1
""",
    "a decorated coroutine": """
from django.db.transaction import atomic
from gateway.http_pool import fetch
@atomic
async def a(request):
    return await fetch("x")  # R3
"""
    + POOL,
    "lazy things, deep and early": """
from django.http import JsonResponse
from django.template.response import TemplateResponse
from app.models import Server
def a(request):
    return TemplateResponse(request, "a", context={"x": {"y": [Server.objects.all()]}})  # R4
def b(request):
    return JsonResponse(data={"rows": [s for s in Server.objects.all()]})  # R4
def c(request):
    ctx = {"rows": None}
    if request.GET:
        ctx["rows"] = Server.objects.all()
    return TemplateResponse(request, "a", ctx)  # R4
def d(request):
    rows = (Server.objects
        .filter(a=1)
        .values_list("id", flat=True))
    return JsonResponse({"rows": rows})  # R4
def e(request):
    return JsonResponse({"rows": tuple(Server.objects.select_related("x"))})  # R4
def f(request):
    return JsonResponse({"m": Server.objects})  # R4
def g(request):
    servers = Server.objects.all()
    return JsonResponse({"a": {"by": dict(enumerate(servers))}})  # R4
def h(request):
    x, created = Server.objects.get_or_create(name="a")
    return JsonResponse({"x": x, "c": created})  # R4
def i(request):
    x, created = Server.objects.get_or_create(name="a")
    return JsonResponse({"c": created})
""",
    "clients of all libraries": """
import aiohttp, socket, urllib3
import http.client
from requests import Session as S, get
class A:
    x = S()  # R5
def a(): return get("u")  # R5
async def b():
    async with aiohttp.ClientSession() as s:  # R5
        return s
def c(): return socket.socket()  # R5
def d(): return urllib3.PoolManager()  # R5
def e(): return http.client.HTTPSConnection("h")  # R5
make = lambda: S()  # R5
""",
    "held between methods": """
from app.models import Server
from gateway.http_pool import fetch
from django.views import View
class V(View):
    async def get(self, request, pk):
        self.server = await self.load(pk)
        return await self.ask()  # R7
    async def load(self, pk):
        return await Server.objects.values("id").aget(pk=pk)
    async def ask(self):
        return await fetch("u")
"""
    + POOL,
    "given back through a loop over all": """
from django.db import connections
from app.models import Server
from gateway.http_pool import call
def release_db():
    for c in connections.all():
        c.close()
def a(request):
    Server.objects.count()
    release_db()
    return call("u")
def b(request):
    Server.objects.count()
    connections["default"].close()
    return call("u")
"""
    + POOL,
    "held since a shortcut, since a cursor": """
from django.db import connection
from django.shortcuts import get_object_or_404
from app.models import Server
from gateway.http_pool import call
def a(request):
    with connection.cursor() as c:
        c.execute("SELECT 1")
    return call("u")  # R7
def b(request, pk):
    s = get_object_or_404(Server, pk=pk)
    return call(s.url)  # R7
"""
    + POOL,
    "streams of methods, files, coroutines": """
from django.db import transaction
from django.http import StreamingHttpResponse, FileResponse
from app.models import Server
class Rows:
    def stream(self):
        for s in self.rows():  # R2
            yield s.name
    def rows(self):
        yield from Server.objects.iterator()
def a(request):
    return StreamingHttpResponse(Rows().stream())
def b(request):
    with transaction.atomic():
        return FileResponse(open("x"))  # R2
async def agen():
    async for s in Server.objects.all():  # R2
        yield s.name
def c(request):
    gen = agen()
    response = StreamingHttpResponse(streaming_content=gen)
    return response
def d(request):
    def inner():
        yield "a"
        yield Server.objects.count()  # R2
    return StreamingHttpResponse(inner())
""",
    "what stops the loop through others": """
import time, requests
from functools import partial
from app.models import Server
from django.db import transaction, connection
async def a(request):
    for i in range(3):
        time.sleep(1)  # R8
async def b(request):
    with transaction.atomic():  # R8
        pass
async def c(request):
    Server(name="a").save()  # R8
async def d(request):
    with connection.cursor() as c:  # R8
        c.execute("x")  # R8
async def e(request):
    f = lambda: Server.objects.count()
    return f()  # R8
class V:
    async def get(self, request):
        return self.load()  # R8
    def load(self):
        return list(Server.objects.values())
""",
    "locks through methods and coroutines": """
from django.db import transaction
from app.models import Server
@transaction.atomic
def a(request, pk):
    s = Server.objects.select_for_update(nowait=True).get(pk=pk)
    s.save()
async def b(request, pk):
    return await Server.objects.select_for_update().aget(pk=pk)  # R9
class M:
    def lock(self):
        return Server.objects.select_for_update().first()
    def go(self):
        return self.lock()  # R9
""",
    "by hand, with a helper": """
from django.db import transaction, connection
from django.http import JsonResponse
from gateway.http_pool import call
def a(request):
    transaction.set_autocommit(False, using="x")
    try:
        call("u")  # R3
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
    return JsonResponse({})
def begin(): connection.set_autocommit(False)
def b(request):
    begin()
    return JsonResponse({})  # R1
"""
    + POOL,
    "a block entered by hand": """
from django.db import transaction
from django.http import JsonResponse
def a(request):
    block = transaction.atomic()
    block.__enter__()
    r = JsonResponse({})  # R1
    block.__exit__(None, None, None)
    return JsonResponse({})
""",
    "swallowed in loops and nested functions": """
import asyncio
async def a():
    while True:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:  # R10
            break
async def b():
    try:
        await x()
    except BaseException:
        try:
            await y()
        finally:
            raise
async def c():
    async def inner():
        try:
            await z()
        except BaseException:  # R10
            pass
    await inner()
""",
    "plain and raised in time": """
import asyncio
from django.db import transaction
from django.http import Http404, JsonResponse
from django.core.exceptions import PermissionDenied
from app.models import Server
from django.core.cache import cache
def a(request):
    with transaction.atomic():
        if not request.user.is_authenticated:
            raise PermissionDenied("x")
        data = {"ids": list(Server.objects.values_list("id", flat=True))}
        cache.set("x", data)
    return JsonResponse(data)
def b(request):
    with transaction.atomic():
        s = Server.objects.get(pk=1)
        s.count += 1
        s.save(update_fields=["count"])
        result = {"id": s.pk, "name": s.name, "n": s.count}
    return JsonResponse(result)
def c(request):
    user = request.user
    return JsonResponse({"id": user.pk, "email": user.email, "name": str(user)})
def d(request):
    total = sum(s.n for s in Server.objects.all())
    names = ", ".join(s.name for s in Server.objects.all())
    best = max(Server.objects.all(), key=lambda s: s.n).name
    by = {s.pk: s.name for s in Server.objects.all()}
    return JsonResponse({"t": total, "n": names, "b": best, "by": by})
def e(request):
    s = Server.objects.first()
    return JsonResponse({"name": s.name if s else None, "exists": s is not None, "x": bool(s)})
class Outer:
    def go(self):
        with transaction.atomic():
            self.note(lambda: JsonResponse({}))
    def note(self, f):
        self.later = f
""",
}
