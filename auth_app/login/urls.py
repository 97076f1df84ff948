"""Signing in and out."""

from django.urls import path

from auth_app.login import pages

urlpatterns = [
    path("login", pages.login, name="login"),
    path("logout", pages.logout, name="logout"),
]
