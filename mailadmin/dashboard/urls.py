"""Addresses of the first page, search and services."""

from django.urls import path

from mailadmin.dashboard import views

urlpatterns = [
    path("", views.home, name="home"),
    path("search", views.search, name="search"),
    path("services", views.services, name="services"),
    path("services/act", views.service_act, name="service-act"),
]
