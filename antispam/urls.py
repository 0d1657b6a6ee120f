"""Addresses of what we think of mail from outside."""

from django.urls import path

from antispam.views import message, what_if

urlpatterns = [
    path("messages/<str:identifier>", message.message, name="message"),
    path("messages/<str:identifier>/what-if", what_if.ask, name="what-if"),
]
