"""Signing in and out. django-allauth knows its pages by names of its own."""

from django.urls import path

from auth_app.login import pages

urlpatterns = [
    path("login", pages.login, name="login"),
    path("login", pages.login, name="account_login"),
    path("logout", pages.logout, name="logout"),
]
