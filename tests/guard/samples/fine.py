"""What the guard must not flag: as close to a fault as honest code comes."""

FINE = {
    "01 rendered after the block": """
from django.db import transaction
from django.shortcuts import render
from app.models import Server

def show(request):
    with transaction.atomic():
        count = Server.objects.count()
    return render(request, "page.html", {"count": count})
""",
    "02 plain data made in the block, rendered outside": """
from dataclasses import dataclass
from django.db import transaction
from django.shortcuts import render
from app.models import Server

@dataclass(frozen=True)
class Shown:
    name: str
    url: str

def show(request):
    with transaction.atomic():
        servers = [Shown(one.name, one.url) for one in Server.objects.all()]
    return render(request, "page.html", {"servers": servers})
""",
    "03 registered for after the commit": """
from django.db import transaction
from gateway.http_pool import send
from app.models import Server

def save(request):
    with transaction.atomic():
        Server.objects.create(name="a")
        transaction.on_commit(send)
        transaction.on_commit(lambda: send())
# file: gateway/http_pool.py
import httpx
client = httpx.Client()

def send():
    client.get("http://a.example")
""",
    "04 values made a list": """
from django.shortcuts import render
from app.models import Server

def show(request):
    qs = Server.objects.order_by("name")
    return render(request, "page.html", {"servers": list(qs.values("id", "name"))})
""",
    "05 a page of plain data": """
from django.core.paginator import Paginator
from django.shortcuts import render
from app.models import Server

def show(request):
    paginator = Paginator(Server.objects.order_by("name"), 20)
    page = paginator.get_page(request.GET.get("page"))
    rows = [{"name": server.name} for server in page.object_list]
    context = {"rows": rows, "number": page.number, "pages": paginator.num_pages, "more": page.has_next()}
    return render(request, "page.html", context)
""",
    "06 the results of exists and count": """
from django.http import JsonResponse
from app.models import Server

def show(request):
    qs = Server.objects.filter(enabled=True)
    return JsonResponse({"any": qs.exists(), "count": qs.count()})
""",
    "07 the pool itself": """
# file: gateway/http_pool.py
import httpx

client = httpx.AsyncClient(limits=httpx.Limits(max_connections=100))

async def request(method, url):
    return await client.request(method, url)
""",
    "08 a client without a network": """
import httpx

def answer(request):
    return httpx.Response(200, json={})

async def check():
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        return await client.get("http://a.example")
""",
    "09 a nested function that nobody calls": """
from django.db import transaction
from django.http import JsonResponse
from app.models import Server

def show(request):
    with transaction.atomic():
        def answer():
            return JsonResponse({"a": 1})
        Server.objects.create(name="a")
    return answer()
""",
    "10 a command without an upstream": """
# file: app/management/commands/tidy.py
from django.core.management.base import BaseCommand
from django.db import transaction
from app.models import Server

class Command(BaseCommand):
    def handle(self, *args, **options):
        with transaction.atomic():
            for server in Server.objects.select_for_update(nowait=True):
                server.delete()
        self.stdout.write("done")
""",
    "11 a form without a queryset": """
from django import forms
from django.shortcuts import render

class ServerForm(forms.Form):
    name = forms.CharField(max_length=100)

def edit(request):
    form = ServerForm(request.POST or None)
    return render(request, "edit.html", {"form": form})
""",
    "12 of the user only the key": """
from django.db import transaction
from django.http import JsonResponse
from app.models import Server

def show(request):
    with transaction.atomic():
        count = Server.objects.filter(owner=request.user).count()
    return JsonResponse({"user": request.user.pk, "count": count})
""",
    "13 a stream of what an upstream says": """
from django.http import StreamingHttpResponse
from gateway.http_pool import client

async def relay(request):
    async def chunks():
        async with client.stream("GET", "http://a.example") as answer:
            async for chunk in answer.aiter_bytes():
                yield chunk
    return StreamingHttpResponse(chunks(), content_type="text/event-stream")
# file: gateway/http_pool.py
import httpx
client = httpx.AsyncClient()
""",
    "14 an error raised in a block": """
from django.db import transaction
from django.http import Http404
from app.models import Server

def rename(request, pk):
    with transaction.atomic():
        server = Server.objects.filter(pk=pk).first()
        if server is None:
            raise Http404("no such server")
        server.name = request.POST["name"]
        server.save()
""",
    "15 names in comments and texts": '''
from django.db import transaction

def explain(request):
    """Never httpx.get(...) and requests.post(...) in here: see render()."""
    with transaction.atomic():
        # httpx.AsyncClient() would be a fault, and so would redirect().
        return "httpx.get(url); render(request); time.sleep(1)"
''',
}
