"""The addresses."""

from __future__ import annotations

from django.urls import path

from . import views

handler404 = views.missing
urlpatterns = [
    path("", views.candidates, name="candidates"),
    path("candidates/new", views.new, name="new"),
    path("candidates/<int:key>", views.candidate, name="candidate"),
    path("candidates/<int:key>/resume", views.resume, name="resume"),
    path("candidates/<int:key>/resume/frame", views.frame, name="frame"),
    path("candidates/<int:key>/resume/download", views.download, name="download"),
    path("acts/<slug:name>", views.act, name="act"),
    path("settings", views.about, name="settings"),
    path("ats.css", views.look, name="look"),
    path("webhooks/<str:destination>/<str:organization>", views.webhook, name="webhook"),
]
