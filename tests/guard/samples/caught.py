"""What the guard must catch. A comment `# R1` marks a line that breaks that rule; no other line breaks any.

`# file: name` begins another file; without one it is app/views.py.
"""

CAUGHT = {
    "01 a page is rendered in a block": """
from django.db import transaction
from django.shortcuts import render

def show(request):
    with transaction.atomic():
        return render(request, "page.html", {"a": 1})  # R1
""",
    "02 a decorated view answers JSON": """
from django.db import transaction
from django.http import JsonResponse

@transaction.atomic
def show(request):
    return JsonResponse({"a": 1})  # R1
""",
    "03 a redirect in an else in a block": """
from django.db import transaction
from django.shortcuts import redirect
from app.models import Server

def save(request, pk):
    with transaction.atomic():
        server = Server.objects.filter(pk=pk).first()
        if server is None:
            raise LookupError
        else:
            return redirect("servers")  # R1
""",
    "04 a stream is begun in a block": """
from django.db import transaction
from django.http import StreamingHttpResponse

def chunks():
    yield b"a"

def download(request):
    with transaction.atomic():
        return StreamingHttpResponse(chunks())  # R2
""",
    "05 a stream's generator walks a queryset": """
from django.http import StreamingHttpResponse
from app.models import Server

def chunks():
    for server in Server.objects.all():  # R2
        yield server.name.encode()

def download(request):
    return StreamingHttpResponse(chunks())
""",
    "06 an upstream is awaited in an asynchronous block": """
from contextlib import asynccontextmanager
from asgiref.sync import sync_to_async
from django.db import transaction
from gateway import http_pool

@asynccontextmanager
async def unit():
    block = transaction.atomic()
    await sync_to_async(block.__enter__)()
    try:
        yield
    finally:
        await sync_to_async(block.__exit__)(None, None, None)

async def forward(request, client):
    async with unit():
        return await http_pool.client.send(request)  # R3
# file: gateway/http_pool.py
import httpx
client = httpx.AsyncClient()
""",
    "07 a helper calls the pool, its caller holds a block": """
from django.db import transaction
from gateway.http_pool import pool

def fetch(url):
    return pool.request("GET", url)

def show(request):
    with transaction.atomic():
        text = fetch("http://a.example")  # R3
    return text
# file: gateway/http_pool.py
import httpx
pool = httpx.Client()
""",
    "08 the same through a method of an attribute": """
from django.db import transaction
from django.views import View
from gateway.http_pool import Client

class Show(View):
    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.client = Client()

    def get(self, request):
        with transaction.atomic():
            self.client.call("http://a.example")  # R3
# file: gateway/http_pool.py
import httpx

class Client:
    def __init__(self):
        self.http = httpx.Client()

    def call(self, url):
        return self.http.get(url)
""",
    "09 the same through an alias": """
from django.db import transaction
from gateway.http_pool import request as r

def show(request):
    with transaction.atomic():
        r("http://a.example")  # R3
# file: gateway/http_pool.py
import httpx
pool = httpx.Client()

def request(url):
    return pool.get(url)
""",
    "10 a queryset in a template's context": """
from django.shortcuts import render
from app.models import Server

def show(request):
    return render(request, "page.html", {"servers": Server.objects.filter(enabled=True)})  # R4
""",
    "11 a helper builds the context with a queryset": """
from django.shortcuts import render
from app.context import servers_context

def show(request):
    context = servers_context(request.user)
    return render(request, "page.html", context)  # R4
# file: app/context.py
from app.models import Server

def servers_context(user):
    return {"title": "Servers", "servers": visible(user)}

def visible(user):
    return Server.objects.filter(owner=user).order_by("name")
""",
    "12 a model instance in JSON": """
from django.http import JsonResponse
from app.models import Server

def show(request, pk):
    server = Server.objects.get(pk=pk)
    return JsonResponse({"x": server})  # R4
""",
    "13 a list of model instances in JSON": """
from django.http import JsonResponse
from app.models import Server

def show(request):
    return JsonResponse(list(Server.objects.all()), safe=False)  # R4
""",
    "14 values() is lazy too": """
from django.shortcuts import render
from app.models import Server

def show(request):
    rows = Server.objects.values("id", "name")
    return render(request, "page.html", {"rows": rows})  # R4
""",
    "15 a client is made in a view": """
import httpx

async def show(request):
    client = httpx.AsyncClient()  # R5
    return client
""",
    "16 a client is made under another name": """
from httpx import AsyncClient as C

async def show(request):
    async with C() as client:  # R5
        return client
""",
    "17 the short form makes a client per call": """
import httpx

def show(request):
    return httpx.get("http://a.example").text  # R5
""",
    "18 urlopen": """
import urllib.request

def show(request):
    return urllib.request.urlopen("http://a.example").read()  # R5
""",
    "19 a session in a class attribute": """
import requests

class Remote:
    session = requests.Session()  # R5
""",
    "20 a class-based view whose dispatch is decorated": """
from django.db import transaction
from django.http import JsonResponse
from django.utils.decorators import method_decorator
from django.views import View

@method_decorator(transaction.atomic, name="dispatch")
class Show(View):
    def get(self, request):
        return JsonResponse({})  # R1

    def post(self, request):
        return self.answer()  # R1

    def answer(self):
        return JsonResponse({"ok": True})
""",
    "21 an early answer in an except in a block": """
from django.db import IntegrityError, transaction
from django.shortcuts import render
from app.models import Server

def save(request):
    with transaction.atomic():
        try:
            Server.objects.create(name="a")
        except IntegrityError:
            return render(request, "taken.html")  # R1
    return render(request, "saved.html")
""",
    "22 a query, then an upstream, with the connection still held": """
from gateway.http_pool import upstream
from app.models import Server

async def show(request, pk):
    server = await Server.objects.aget(pk=pk)
    return await upstream(server.url)  # R7
# file: gateway/http_pool.py
import httpx
client = httpx.AsyncClient()

async def upstream(url):
    return await client.get(url)
""",
    "23 a sleep and a query in a coroutine": """
import time
from app.models import Server

async def show(request):
    time.sleep(1)  # R8
    return Server.objects.count()  # R8
""",
    "24 a transaction by hand": """
from django.db import transaction
from django.shortcuts import render
from app.models import Server

def save(request):
    transaction.set_autocommit(False)
    Server.objects.create(name="a")
    page = render(request, "page.html")  # R1
    transaction.commit()
    transaction.set_autocommit(True)
    return page
""",
    "25 a cached queryset, hidden sinks, a client after the commit": """
from functools import partial
import httpx
from django.core.cache import cache
from django.db import transaction
from django.shortcuts import redirect, render
from app.models import Server

def keep(request):
    qs = Server.objects.all()
    cache.set("servers", qs, 60)  # R4

def show(request):
    page = partial(render, request, "page.html")
    away = lambda: redirect("servers")
    with transaction.atomic():
        if request.GET:
            return page()  # R1
        return away()  # R1

def save(request):
    with transaction.atomic():
        transaction.on_commit(lambda: httpx.post("http://a.example"))  # R5
""",
}
