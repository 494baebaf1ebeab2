"""The pages and forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import Count
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from unghost.ats.integrations.django.models import Activity, Application, Customer
from unghost.ats.integrations.django_webhook import webhook_view

from ..resume import PDF, TEXT, NoResume, Resume, as_text, fetch
from . import acts
from .models import Candidate, Stage

LOOK = Path(__file__).parent.parent / "ats.css"
LARGEST_RESUME = 6 << 20
#: What a button does, and how it is told: (act, one, many).
ACTS = {
    "reject": (acts.reject, "1 candidate was rejected", "{} candidates were rejected"),
    "unreject": (acts.unreject, "1 rejection was taken back", "{} rejections were taken back"),
    "withdraw": (acts.withdraw, "1 candidate was marked as withdrawn", "{} candidates were marked as withdrawn"),
}

webhook = webhook_view(acts.receive)


def shared(request: Any) -> dict[str, Any]:
    """What every page shows."""
    return {"customer": settings.CURLEW.customer_name}


@never_cache
@require_safe
def candidates(request: Any) -> HttpResponse:
    """The list, of all or of one stage."""
    stage = request.GET.get("stage", "")
    rows = Candidate.objects.defer("resume")
    numbers = dict(rows.order_by().values_list("stage").annotate(Count("pk")))
    if stage in Stage.values:
        rows = rows.filter(stage=stage)
    tabs = [("", "All", sum(numbers.values()))]
    tabs += [(each, name, numbers.get(each, 0)) for each, name in Stage.choices]
    return render(request, "curlew/candidates.html", {"candidates": rows[:500], "stage": stage, "tabs": tabs})


@require_POST
def act(request: Any, name: str) -> HttpResponse:
    """A button was pressed, for one candidate or for all that are ticked."""
    if name not in ACTS:
        raise Http404
    run, one, many = ACTS[name]
    ids = [int(each) for each in request.POST.getlist("id") if each.isascii() and each.isdigit() and len(each) < 10]
    done, left_out = run(ids)
    if not ids:
        messages.error(request, "Nobody was ticked. Tick the candidates first.")
    elif not done:
        messages.error(request, "Nothing was changed: they stand elsewhere by now.")
    else:
        said = one if done == 1 else many.format(done)
        unknown = f" {left_out} of them did not come from the job board: nothing is reported." if left_out else ""
        messages.success(request, f"{said}.{unknown}")
    if request.POST.get("back") == "candidate" and ids:
        return redirect("candidate", ids[0])
    return redirect("candidates")


@never_cache
@require_safe
def candidate(request: Any, key: int) -> HttpResponse:
    """A record. Opening it is recorded."""
    found = get_object_or_404(Candidate.objects.defer("resume"), pk=key)
    if _is_opened(request):
        acts.open_record(found)
    return _candidate(request, found)


@never_cache
@require_safe
def resume(request: Any, key: int) -> HttpResponse:
    """The résumé in the page. Showing it is recorded."""
    found = get_object_or_404(Candidate, pk=key)
    try:
        file = _resume(found)
    except NoResume as error:
        return _candidate(request, found, str(error))
    if file.media_type not in (TEXT, PDF):
        return _candidate(request, found, f"{file.name} cannot be shown in a page. Download it.")
    if _is_opened(request):
        acts.show_resume(found)
    text = as_text(file.content) if file.media_type == TEXT else None
    return render(request, "curlew/resume.html", {"candidate": found, "file": file, "text": text})


@never_cache
@require_GET
def frame(request: Any, key: int) -> Any:
    """What the viewer's frame holds. Only the page around it leads here, and that one was recorded."""
    try:
        file = _resume(get_object_or_404(Candidate, pk=key))
    except NoResume as error:
        raise Http404(str(error)) from None
    if file.media_type != PDF:
        raise Http404("This résumé is not shown in a frame.")
    response = _file(file, attached=False)
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response


@never_cache
@require_safe
def download(request: Any, key: int) -> Any:
    """The résumé as a file. Taking it is recorded."""
    found = get_object_or_404(Candidate, pk=key)
    try:
        file = _resume(found)
    except NoResume as error:
        return _candidate(request, found, str(error))
    if _is_opened(request):
        acts.download_resume(found)
    return _file(file, attached=True)


class New(forms.Form):
    """A candidate who did not apply on the board."""

    name = forms.CharField(max_length=200, error_messages={"required": "Give the candidate's name."})
    email = forms.CharField(max_length=200, required=False)
    job = forms.CharField(max_length=200, required=False)
    resume = forms.FileField(required=False, max_length=200)


def new(request: Any) -> HttpResponse:
    """Add a candidate by hand."""
    form = New(request.POST or None, request.FILES or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "curlew/new.html", {"form": form}, status=422 if request.method == "POST" else 200)
    file = form.cleaned_data.pop("resume")
    added = Candidate.objects.create(**form.cleaned_data, source="Added by hand")
    if file and file.size <= LARGEST_RESUME:
        acts.keep_resume(added, Resume(file.name, file.content_type, file.read()))
    said = "The candidate was added. Nothing about them is reported: they did not come from the job board."
    messages.success(request, said)
    return redirect("candidate", added.pk)


@never_cache
@require_safe
def about(request: Any) -> HttpResponse:
    """The settings: the board's own consent widget, and the customers."""
    root = request.build_absolute_uri("/").rstrip("/")
    here = {"settings": settings.CURLEW, "customers": Customer.objects.order_by("pk"), "root": root}
    return render(request, "curlew/settings.html", here)


def missing(request: Any, exception: Exception) -> HttpResponse:
    """Nothing is there."""
    return render(request, "curlew/problem.html", {"name": "Not found", "said": "There is no such page."}, status=404)


def forged(request: Any, reason: str = "") -> HttpResponse:
    """A form that no page of this site made."""
    said = "This form was not made by this page, or the page is too old. Go back, reload it, try again."
    return render(request, "curlew/problem.html", {"name": "Forbidden", "said": said}, status=403)


def look(request: Any) -> FileResponse:
    """The style sheet."""
    return FileResponse(LOOK.open("rb"), content_type="text/css")


def _candidate(request: Any, found: Candidate, wrong: str = "") -> HttpResponse:
    application = Application.objects.filter(ats_id=str(found.pk)).first()
    reports = Activity.objects.filter(application__ats_id=str(found.pk)).order_by("-id")
    told = {"candidate": found, "application": application, "reports": reports, "wrong": wrong}
    return render(request, "curlew/candidate.html", told)


def _resume(found: Candidate) -> Resume:
    """The résumé, fetched from the board the first time. Raises `NoResume`."""
    if found.resume is None:
        if not found.resume_url:
            raise NoResume("There is no résumé.")
        acts.keep_resume(found, fetch(found.resume_url, settings.CURLEW.board_url))
    return Resume(found.resume_name, found.resume_type, bytes(found.resume))


def _file(file: Resume, *, attached: bool) -> FileResponse:
    from io import BytesIO

    return FileResponse(BytesIO(file.content), content_type=file.media_type, as_attachment=attached, filename=file.name)


def _is_opened(request: Any) -> bool:
    """Somebody looks; not a program that asks beforehand what is there."""
    return bool(request.method == "GET" and "prefetch" not in request.headers.get("Sec-Purpose", ""))
