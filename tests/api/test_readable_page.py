"""``/api/v1/docs``: the document as a page of our own, complete, without script or anything from elsewhere."""

import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from tests.api.people import API

pytestmark = pytest.mark.django_db


class Page(HTMLParser):
    """Gathers ids, links and what is loaded."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if tag == "a" and "href" in values else []
        self.loaded += [
            values[name] for name in ("src", "href") if tag in ("script", "img", "link") and name in values
        ]


@pytest.fixture
def text():
    return Client().get(f"{API}/docs").content.decode()


def test_every_call_and_every_schema_has_its_place_and_every_link_leads_to_one(text):
    document = Client().get(f"{API}/openapi.json").json()
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    names = [operation["operationId"] for verbs in document["paths"].values() for operation in verbs.values()]
    shown = [f"schema-{name}" for name, schema in document["components"]["schemas"].items() if "properties" in schema]
    assert set(names + shown) <= set(page.ids)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_nothing_is_loaded_from_elsewhere(text):
    assert all(address.startswith("/") for address in Page(text).loaded)
    assert not re.search(r"url\(\s*['\"]?https?:|@import", text)


def test_fields_are_shown_with_type_words_and_meaning(text):
    assert "awaiting_dns" in text
    assert "string (date-time) or null" in text
    assert "array of" in text
    assert "The cursor of the next page; null on the last one." in text
