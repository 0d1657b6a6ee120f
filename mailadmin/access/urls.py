"""Addresses of sign-in, administrators, tokens and one's own settings."""

from django.urls import path

from mailadmin.access import administration, views

urlpatterns = [
    path("sign-in", views.sign_in, name="sign-in"),
    path("sign-out", views.sign_out, name="sign-out"),
    path("language", views.language, name="language"),
    path("setup/<str:token>", views.setup, name="setup"),
    path("me", views.me, name="me"),
    path("me/device", views.device, name="device"),
    path("me/password", views.password, name="password"),
    path("administrators", administration.administrators, name="administrators"),
    path("administrators/add", administration.add_administrator, name="administrator-add"),
    path("administrators/<str:email>/delete", administration.delete_administrator, name="administrator-delete"),
    path("tokens", administration.tokens, name="tokens"),
    path("tokens/add", administration.add_token, name="token-add"),
    path("tokens/<int:identifier>/delete", administration.delete_token, name="token-delete"),
]
