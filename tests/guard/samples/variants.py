"""The same faults dressed otherwise, and honest code that looks more like one. Marks as in caught.py."""

POOL = """
# file: gateway/http_pool.py
import httpx
client = httpx.AsyncClient()
pool = httpx.Client()

async def fetch(url):
    return await client.get(url)

def call(url):
    return pool.get(url)
"""

CAUGHT_VARIANTS = {
    "a block by another name": """
from django.db.transaction import atomic as unit
from django.shortcuts import render as page

def show(request):
    with unit(durable=True), open("x") as file:
        return page(request, "page.html")  # R1
""",
    "a block kept in a variable": """
import django.db.transaction as tx
from django import http

block = tx.atomic

def show(request):
    scope = block(using="other")
    with scope:
        answer = http.HttpResponse("a")  # R1
    return answer
""",
    "a stack of contexts": """
from contextlib import ExitStack
from django.db import transaction
from django.shortcuts import redirect

def show(request):
    with ExitStack() as stack:
        stack.enter_context(transaction.atomic())
        return redirect("a")  # R1
""",
    "a context manager of one's own": """
from app.tools import unit
from django.shortcuts import render

def show(request):
    with unit() as name:
        return render(request, name)  # R1
# file: app/tools.py
from contextlib import contextmanager
from django.db import transaction

@contextmanager
def unit():
    with transaction.atomic():
        yield "page.html"
""",
    "a class as context manager": """
from app.tools import Unit
from django.shortcuts import render

def show(request):
    with Unit():
        return render(request, "a.html")  # R1
# file: app/tools.py
from django.db import transaction

class Unit:
    def __enter__(self):
        self.block = transaction.atomic()
        self.block.__enter__()
        return self

    def __exit__(self, *exc):
        self.block.__exit__(*exc)
""",
    "a class as asynchronous context manager": """
from app.tools import Unit
from gateway.http_pool import fetch

async def show(request):
    async with Unit():
        await fetch("http://a.example")  # R3
# file: app/tools.py
from asgiref.sync import sync_to_async
from django.db import transaction

class Unit:
    def __init__(self):
        self.block = transaction.atomic()

    async def __aenter__(self):
        await sync_to_async(self.block.__enter__)()

    async def __aexit__(self, *exc):
        await sync_to_async(self.block.__exit__)(*exc)
"""
    + POOL,
    "a decorator of one's own": """
from app.tools import in_transaction
from django.shortcuts import render

@in_transaction
def show(request):
    return render(request, "a.html")  # R1
# file: app/tools.py
from functools import wraps
from django.db import transaction

def in_transaction(view):
    @wraps(view)
    def inner(*args, **kwargs):
        with transaction.atomic():
            return view(*args, **kwargs)
    return inner
""",
    "a decorator with arguments, under others": """
from app.tools import in_transaction
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

@never_cache
@require_POST
@in_transaction("default")
def show(request):
    return JsonResponse({})  # R1
# file: app/tools.py
from functools import wraps
from django.db import transaction

def in_transaction(alias):
    def decorate(view):
        @wraps(view)
        def inner(*args, **kwargs):
            return run(alias, view, *args, **kwargs)
        return inner
    return decorate

def run(alias, view, *args, **kwargs):
    with transaction.atomic(using=alias):
        return view(*args, **kwargs)
""",
    "a decorator around coroutines": """
from app.tools import in_transaction
from gateway.http_pool import fetch

@in_transaction
async def show(request):
    return await fetch("http://a.example")  # R3
# file: app/tools.py
from functools import wraps
from app.units import unit

def in_transaction(view):
    @wraps(view)
    async def inner(*args, **kwargs):
        async with unit():
            return await view(*args, **kwargs)
    return inner
# file: app/units.py
from contextlib import asynccontextmanager
from asgiref.sync import sync_to_async
from django.db import transaction

@asynccontextmanager
async def unit():
    block = transaction.atomic()
    await sync_to_async(block.__enter__)()
    try:
        yield
    finally:
        await sync_to_async(block.__exit__)(None, None, None)
"""
    + POOL,
    "wrapped in the URLconf": """
from django.shortcuts import render

def show(request):
    return render(request, "a.html")  # R1
# file: app/urls.py
from django.db import transaction
from django.urls import path
from app import views

urlpatterns = [path("a", transaction.atomic(views.show))]
""",
    "a class-based view wrapped in the URLconf": """
from django.shortcuts import render
from django.views.generic import View

class Show(View):
    def get(self, request):
        return render(request, "a.html")  # R1
# file: app/urls.py
from django.db.transaction import atomic
from django.urls import path
from .views import Show

urlpatterns = [path("a", atomic(Show.as_view()))]
""",
    "a method's decorator": """
from django.db import transaction
from django.utils.decorators import method_decorator
from django.views.generic import TemplateView

class Show(TemplateView):
    @method_decorator(transaction.atomic)
    def post(self, request):
        return self.render_to_response({})  # R1
""",
    "a list of decorators on dispatch": """
from django.contrib.auth.decorators import login_required
from django.db.transaction import atomic
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views import View

both = [login_required, atomic]

class Base(View):
    pass

@method_decorator(both, name="dispatch")
class Show(Base):
    def post(self, request):
        return redirect("a")  # R1
""",
    "a dispatch of one's own": """
from django.db import transaction
from django.views import View

class InTransaction:
    def dispatch(self, request, *args, **kwargs):
        with transaction.atomic():
            return super().dispatch(request, *args, **kwargs)  # R1

class Show(InTransaction, View):
    def get(self, request):
        return None
""",
    "what a subclass does in its base's block": """
from django.db import transaction
from django.shortcuts import redirect
from django.views import View

class Base(View):
    def post(self, request):
        with transaction.atomic():
            return self.done()  # R1

class Create(Base):
    def done(self):
        return redirect("a")
""",
    "a middleware around everything": """
from django.db import transaction

def everything(get_response):
    def middleware(request):
        with transaction.atomic():
            return get_response(request)  # R1
    return middleware

class Everything:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        with transaction.atomic():
            return self.get_response(request)  # R1
""",
    "a helper that runs what it is given in a block": """
from django.shortcuts import render
from app.tools import locked

def show(request):
    return locked(lambda: render(request, "a.html"))  # R1

def other(request):
    return locked(render, request, "a.html")  # R1
# file: app/tools.py
from django.db import transaction

def locked(work, *args):
    with transaction.atomic():
        return work(*args)
""",
    "through two helpers in two modules": """
from django.db import transaction
from app.one import first

def show(request):
    with transaction.atomic():
        first("http://a.example")  # R3
# file: app/one.py
from app import two

def first(url):
    return [two.second(part) for part in url.split(",")]
# file: app/two.py
import gateway.http_pool as upstream

def second(url):
    if url:
        return upstream.call(url)
    return None
"""
    + POOL,
    "through helpers that call each other": """
from django.db import transaction
from gateway.http_pool import call

def even(number):
    return number == 0 or odd(number - 1)

def odd(number):
    call("http://a.example")
    return number != 0 and even(number - 1)

def show(request):
    with transaction.atomic():
        even(4)  # R3
"""
    + POOL,
    "a client handed down": """
import httpx
from django.db import transaction

def fetch(client, url):
    return client.get(url)

def show(request, client: httpx.Client):
    with transaction.atomic():
        return fetch(client, "http://a.example")  # R3
""",
    "gathered coroutines": """
import asyncio
from app.units import unit
from gateway.http_pool import fetch

async def show(request):
    async with unit():
        return await asyncio.gather(fetch("a"), fetch("b"))  # R3
# file: app/units.py
from contextlib import asynccontextmanager
from asgiref.sync import sync_to_async
from django.db import transaction

@asynccontextmanager
async def unit():
    block = await sync_to_async(transaction.atomic)()
    await sync_to_async(block.__enter__)()
    yield
    await sync_to_async(block.__exit__)(None, None, None)
"""
    + POOL,
    "a coroutine run from a thread in a block": """
from asgiref.sync import async_to_sync
from django.db import transaction
from gateway.http_pool import fetch

def show(request):
    with transaction.atomic():
        return async_to_sync(fetch)("http://a.example")  # R3
"""
    + POOL,
    "a block in a method called through the instance": """
from django.db import transaction
from gateway.http_pool import call

class Service:
    def __init__(self, send=call):
        self.send = send

    def refresh(self):
        with transaction.atomic():
            self._ask()  # R3

    def _ask(self):
        return self.send("http://a.example")
"""
    + POOL,
    "a stream of a generator expression, of a list of them, of a chain": """
from itertools import chain
from django.http import StreamingHttpResponse
from app.models import Server

def a(request):
    return StreamingHttpResponse(one.name for one in Server.objects.all())  # R2

def b(request):
    return StreamingHttpResponse(chain([b"head"], (one.name for one in Server.objects.iterator())))  # R2
""",
    "a generator given rows to walk": """
from django.http import StreamingHttpResponse
from app.models import Server

def lines(rows):
    yield b"head"
    for row in rows:
        yield row.name

def show(request):
    rows = Server.objects.filter(enabled=True)
    return StreamingHttpResponse(lines(rows))  # R2
""",
    "a generator that asks through a helper": """
from django.http import StreamingHttpResponse
from app.models import Server

def names():
    return [one.name for one in Server.objects.all()]

async def chunks():
    for name in names():  # R2 R8
        yield name

def show(request):
    return StreamingHttpResponse(chunks())
""",
    "a context put together bit by bit": """
from django.shortcuts import render
from app.models import Server

def show(request):
    context = {}
    context["title"] = "Servers"
    context["servers"] = Server.objects.all()
    return render(request, "a.html", context)  # R4

def other(request):
    context = dict(title="Servers")
    context.update({"servers": Server.objects.all()[:20]})
    return render(request, "a.html", context | {"more": True})  # R4

def third(request):
    rows = []
    rows.append(Server.objects.first())
    return render(request, "a.html", context={"rows": rows})  # R4
""",
    "a context of a class-based view": """
from django.views.generic import TemplateView
from app.models import Server

class Show(TemplateView):
    template_name = "a.html"

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context["servers"] = Server.objects.all()
        return context  # R4
""",
    "lazy things in a dataclass, a page, a form": """
from dataclasses import dataclass
from typing import Any
from django import forms
from django.core.paginator import Paginator
from django.shortcuts import render
from app.models import Server

@dataclass
class Listing:
    rows: Any
    total: int

class Pick(forms.Form):
    server = forms.ModelChoiceField(queryset=Server.objects.all())

def a(request):
    return render(request, "a.html", {"listing": Listing(Server.objects.all(), 3)})  # R4

def b(request):
    return render(request, "a.html", {"page": Paginator(Server.objects.all(), 20).get_page(1)})  # R4

def c(request):
    return render(request, "a.html", {"form": Pick(request.POST)})  # R4

def d(request):
    return render(request, "a.html", {"user": request.user})  # R4
""",
    "the model's own managers and relations": """
from django.http import JsonResponse
from app.models import Server, Team

def a(request, pk):
    team = Team.objects.get(pk=pk)
    return JsonResponse({"servers": team.servers.all()})  # R4

def b(request, pk):
    server = Server.published.live().first()
    return JsonResponse({"team": server.team})  # R4
# file: app/models.py
from django.db import models

class Live(models.QuerySet):
    def live(self):
        return self.filter(enabled=True)

class Team(models.Model):
    name = models.CharField()

class Server(models.Model):
    team = models.ForeignKey(Team, models.CASCADE, related_name="servers")
    published = Live.as_manager()
""",
    "rows handed to a task and to a cache": """
from django.core.cache import caches
from app.models import Server
from app.tasks import refresh

def save(request, pk):
    server = Server.objects.get(pk=pk)
    refresh.delay(server)  # R4
    refresh.apply_async(args=[server.pk], kwargs={"row": server})  # R4
    caches["local"].set("a", {"server": server})  # R4
""",
    "a wrapper of render": """
from app.tools import page
from app.models import Server

def show(request):
    return page(request, "a.html", servers=Server.objects.all())  # R4
# file: app/tools.py
from django.shortcuts import render

def page(request, template, **context):
    return render(request, template, context)
""",
    "a class of one's own over a client": """
import httpx
import requests as http
from urllib import request as web

class Remote(httpx.Client):
    pass

def a(request):
    return Remote()  # R5

def b(request):
    return http.post("http://a.example")  # R5

def c(request):
    return web.urlopen("http://a.example")  # R5

def d(request, make=httpx.AsyncClient):
    return make()  # R5
""",
    "held over a branch and a loop": """
from app.models import Server
from gateway.http_pool import call

def a(request):
    if request.GET:
        Server.objects.count()
    return call("http://a.example")  # R7

def b(request):
    for url in request.GET.getlist("url"):
        call(url)  # R7
        Server.objects.create(url=url)

def c(request):
    try:
        servers = list(Server.objects.values("url"))
    finally:
        pass
    return [call(one["url"]) for one in servers]  # R7

def d(request):
    name = load()
    return call(name)  # R7

def load():
    return Server.objects.values_list("name", flat=True).first()
"""
    + POOL,
    "given back on one way only": """
from django.db import connection
from app.models import Server
from gateway.http_pool import call

def a(request):
    Server.objects.count()
    if request.GET:
        connection.close()
    return call("http://a.example")  # R7
"""
    + POOL,
    "what stops the event loop": """
import socket
import time as clock
from asgiref.sync import sync_to_async
from app.models import Server

def wait():
    clock.sleep(1)

async def a(request):
    wait()  # R8

async def b(request):
    return socket.gethostbyname("a.example")  # R8

async def c(request):
    return [one.name for one in Server.objects.all()]  # R8

async def d(request):
    server = await Server.objects.aget(pk=1)
    server.save()  # R8

async def e(request):
    rows = Server.objects.all()
    if rows:  # R8
        return rows[0]  # R8
""",
    "locks": """
from django.db import transaction
from app.models import Server

def a(request, pk):
    return Server.objects.select_for_update().get(pk=pk).name  # R9

def b(request, pk):
    with transaction.atomic():
        return locked(pk).name  # R9

def locked(pk):
    return Server.objects.select_for_update().get(pk=pk)

def c(request, pk):
    rows = Server.objects.filter(pk=pk).select_for_update(of=("self",))
    for row in rows:  # R9
        row.save()
""",
    "swallowed cancellations": """
import asyncio
import contextlib

async def a(send):
    try:
        await send()
    except asyncio.CancelledError:  # R10
        return None

async def b(send):
    try:
        await send()
    except:  # R10
        print("failed")

async def c(send):
    try:
        await send()
    except (ValueError, BaseException) as error:  # R10
        if isinstance(error, ValueError):
            raise

async def d(task):
    with contextlib.suppress(asyncio.CancelledError):  # R10
        await task
""",
    "settings": """
# file: project/settings.py
import environ
env = environ.Env()
DATABASES = {
    "default": env.db() | {
        "ATOMIC_REQUESTS": True,  # R6
        "CONN_MAX_AGE": env.int("CONN_MAX_AGE", default=60),  # R6
    }
}
DATABASES["other"] = dict(CONN_MAX_AGE=None)  # R6
DATABASES["default"]["ATOMIC_REQUESTS"] = True  # R6
# file: project/pools.py
from psycopg_pool import ConnectionPool
pool = ConnectionPool("postgresql:///x")  # R6
""",
    "a walk over a generator that keeps a block open": """
from django.db import transaction
from gateway.http_pool import call
from app.models import Server

def servers():
    with transaction.atomic():
        for server in Server.objects.all():
            yield server

def refresh():
    for server in servers():
        call(server.url)  # R3
"""
    + POOL,
    "a cursor kept open": """
from django.db import connection
from gateway.http_pool import call
from app.models import Server

def a():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        call("http://a.example")  # R7

def b():
    for server in Server.objects.iterator():
        call(server.url)  # R7
"""
    + POOL,
    "a base whose dispatch is decorated, and an as_view of one's own": """
from django.db import transaction
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views import View

@method_decorator(transaction.atomic, name="dispatch")
class Base(View):
    pass

class Show(Base):
    def get(self, request):
        return redirect("a")  # R1

class Wrapped(View):
    @classmethod
    def as_view(cls, **kwargs):
        return transaction.atomic(super().as_view(**kwargs))

class Other(Wrapped):
    def get(self, request):
        return redirect("a")  # R1
""",
    "a task awaited, a task group": """
import asyncio
from app.units import unit
from gateway.http_pool import fetch

async def a(request):
    async with unit():
        task = asyncio.create_task(fetch("a"))
        await task  # R3

async def b(request):
    async with unit(), asyncio.TaskGroup() as group:
        group.create_task(fetch("a"))  # R3
# file: app/units.py
from contextlib import asynccontextmanager
from asgiref.sync import sync_to_async
from django.db import transaction

@asynccontextmanager
async def unit():
    block = transaction.atomic()
    await sync_to_async(block.__enter__)()
    yield
    await sync_to_async(block.__exit__)(None, None, None)
"""
    + POOL,
    "a context that calls": """
from django.core.cache import cache
from django.shortcuts import render
from app.models import Server

def names():
    return [one.name for one in Server.objects.all()]

def a(request):
    return render(request, "a.html", {"servers": Server.objects.all})  # R4

def b(request):
    return render(request, "a.html", {"names": names})  # R4

def c(request):
    return cache.get_or_set("servers", lambda: Server.objects.all())  # R4

def d(request):
    servers = Server.objects.all()
    return render(request, "a.html", locals())  # R4
""",
    "in a match, in a walrus, in a choice": """
from django.db import transaction
from django.http import HttpResponse, HttpResponseForbidden
from gateway.http_pool import pool

def a(request):
    with transaction.atomic():
        match request.method:
            case "GET":
                return HttpResponse("a")  # R1
            case _:
                return HttpResponseForbidden() if request.GET else None  # R1

def b(request):
    with transaction.atomic():
        if (answer := pool.get("a")).is_success:  # R3
            return answer.text

def c(request):
    unit = lambda: transaction.atomic()
    with unit():
        while True:
            pool.get("a")  # R3
"""
    + POOL,
    "a pool behind a function, set by another": """
from django.db import transaction
from gateway import http_pool as hp

def a(request):
    with transaction.atomic():
        return hp.current().get("http://a.example")  # R3

class Remote:
    session = hp.pool

    @transaction.atomic
    def ask(self):
        return self.session.post("http://a.example")  # R3
# file: gateway/http_pool.py
import httpx
_client: httpx.Client | None = None
pool = httpx.Client()

def install():
    global _client
    _client = httpx.Client()

def current():
    if _client is None:
        raise RuntimeError
    return _client
""",
    "settings in a package, in a module by another name": """
# file: project/settings/base.py
import os
CONN_MAX_AGE = int(os.environ.get("CONN_MAX_AGE", 60))  # R6
# file: project/production.py
import dj_database_url
DATABASES = {"default": dj_database_url.config(conn_max_age=600)}  # R6
# file: project/pools.py
import psycopg_pool
def open_pool():
    return psycopg_pool.ConnectionPool("postgresql:///x")
later = psycopg_pool.ConnectionPool("postgresql:///x", open=False)
pool = open_pool()  # R6
""",
    "an error forgotten in a finally": """
async def a(send):
    try:
        await send()
    finally:
        return 1  # R10
""",
    "a query on another thread keeps its connection too": """
from asgiref.sync import sync_to_async
from app.models import Server
from gateway.http_pool import fetch

@sync_to_async
def load(pk):
    return Server.objects.values("url").get(pk=pk)

async def show(request, pk):
    server = await load(pk)
    return await fetch(server["url"])  # R7
"""
    + POOL,
}

FINE_VARIANTS = {
    "a decorator that opens nothing": """
from functools import wraps
from django.db import transaction
from django.shortcuts import render

def logged(view):
    @wraps(view)
    def inner(request):
        with transaction.atomic():
            note(request)
        return view(request)
    return inner

def note(request):
    pass

@logged
def show(request):
    return render(request, "a.html")
""",
    "a unit, then the answer, in a class-based view": """
from django.db import transaction
from django.shortcuts import redirect
from django.views import View
from app.models import Server

class Save(View):
    def post(self, request):
        pk = self.store(request.POST["name"])
        return redirect("server", pk)

    @transaction.atomic
    def store(self, name):
        return Server.objects.create(name=name).pk
""",
    "given back before the upstream, in every way there is": """
from django.db import close_old_connections, connection, connections
from app.models import Server
from gateway.http_pool import call

def a(request):
    Server.objects.count()
    connection.close()
    return call("http://a.example")

def b(request):
    Server.objects.count()
    close_old_connections()
    return call("http://a.example")

def c(request):
    name = load()
    return call(name)

def load():
    try:
        return Server.objects.values_list("name", flat=True).first()
    finally:
        connections.close_all()

def d(request):
    if request.GET:
        Server.objects.count()
        connection.close()
    return call("http://a.example")
"""
    + POOL,
    "the upstream first, the database after it": """
from django.db import transaction
from app.models import Server
from gateway.http_pool import call

def show(request):
    answer = call("http://a.example")
    with transaction.atomic():
        Server.objects.create(name=answer.text)
"""
    + POOL,
    "coroutines that use threads and the asynchronous ORM": """
import asyncio
from asgiref.sync import sync_to_async
from app.models import Server

def load():
    return list(Server.objects.values())

async def a(request):
    return await sync_to_async(load)()

async def b(request):
    return await asyncio.to_thread(load)

async def c(request):
    await asyncio.sleep(1)
    return [one async for one in Server.objects.values()], await Server.objects.acount()

@sync_to_async
def d():
    return Server.objects.count()

async def e(request):
    loop = asyncio.get_running_loop()
    return await d(), await loop.run_in_executor(None, load)
""",
    "plain data, however it was made": """
import json
from django.forms.models import model_to_dict
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from app.models import Server

def to_dict(server):
    return {"id": server.pk, "name": server.name, "team": server.team_id}

def a(request, pk):
    return JsonResponse(to_dict(get_object_or_404(Server, pk=pk)))

def b(request):
    return JsonResponse({"rows": [to_dict(one) for one in Server.objects.all()]})

def c(request, pk):
    return JsonResponse(model_to_dict(Server.objects.get(pk=pk)))

def d(request):
    names = set(Server.objects.values_list("name", flat=True))
    first = Server.objects.values("name").first()
    return render(request, "a.html", {"names": sorted(names), "first": first, "by": Server.objects.aggregate()})

def e(request):
    return HttpResponse(json.dumps(list(map(to_dict, Server.objects.all()))))

def f(request):
    data = {"server": Server.objects.first(), "count": 3}
    return JsonResponse({"count": data["count"]})
""",
    "a lock with a limit": """
from django.db import connection, transaction
from app.models import Server

def a(pk):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
        return Server.objects.select_for_update().get(pk=pk).name

def b(pk):
    with transaction.atomic():
        return Server.objects.select_for_update(skip_locked=True).filter(pk=pk).count()
""",
    "a lock in a helper whose callers have a block": """
from django.db import transaction
from app.models import Server

def locked(pk):
    return Server.objects.select_for_update(nowait=True).get(pk=pk)

def rename(pk, name):
    with transaction.atomic():
        server = locked(pk)
        server.name = name
        server.save()
""",
    "cancellations passed on": """
import asyncio
from contextlib import suppress

async def a(send):
    try:
        await send()
    except asyncio.CancelledError:
        print("left")
        raise

async def b(send):
    try:
        await send()
    except BaseException as error:
        if isinstance(error, ValueError):
            raise LookupError from error
        raise

async def c(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

async def d(send):
    try:
        await send()
    except Exception:
        return None
""",
    "tasks started in a block": """
import asyncio
from django.db import transaction
from gateway.http_pool import fetch
from app.models import Server

def save(request, loop):
    with transaction.atomic():
        Server.objects.create(name="a")
        loop.create_task(fetch("http://a.example"))
"""
    + POOL,
    "a class of one's own that is no block": """
from django.shortcuts import render

class Tx:
    def __enter__(self):
        return self
    def __exit__(self, *args):
        return None

def show(request):
    with Tx():
        return render(request, "a.html")
""",
    "the same name, another thing": """
from django.db import transaction

class Canvas:
    def render(self, request, name):
        return name

def redirect(name):
    return name

def show(request, canvas: Canvas):
    with transaction.atomic():
        canvas.render(request, "a")
        return redirect("a")
""",
    "a transaction by hand, ended in time": """
from django.db import transaction
from django.shortcuts import render
from app.models import Server

def save(request):
    transaction.set_autocommit(False)
    try:
        Server.objects.create(name="a")
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    return render(request, "page.html")
""",
}
