"""Why reports are refused, in the reader's language."""

import re

import pytest
from django.utils.translation import override

from domains.views.report_words import SENTENCES, in_words
from tests.domains.dmarc.test_corpus import EXPECTED, PACKED, seen

REFUSALS = sorted(
    {values["error"] for found in EXPECTED.values() for values in found if "error" in values}
    | {values["error"] for name, octets, _ in PACKED.values() for values in seen(octets, name) if "error" in values}
)


@pytest.mark.parametrize("reason", REFUSALS)
def test_each_refusal_has_its_french(reason):
    with override("fr"):
        assert in_words(reason) != reason
    with override("en"):
        assert in_words(reason) == reason


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Record 7 has no source address that can be read.", "L’adresse source de l’enregistrement 7 est illisible."),
        (
            "The file is empty. The file unpacks to more than 20 MB.",
            "Le fichier est vide. Une fois décompressé, le fichier dépasse 20 Mo.",
        ),
        (
            "The file 'a. b' is neither XML nor gzip nor zip.",
            "Le fichier 'a. b' n’est ni du XML, ni du gzip, ni du zip.",
        ),
        ("The file is empty. Something else.", "Le fichier est vide. Something else."),
        (
            "far.example has sent its 500 reports on example.org today. The file is kept, and not counted.",
            "far.example a envoyé aujourd’hui ses 500 rapports sur example.org. Le fichier est gardé, "
            "sans être compté.",
        ),
        ("Something else.", "Something else."),
        ("", ""),
    ],
)
def test_values_and_several_sentences(reason, said):
    with override("fr"):
        assert in_words(reason) == said


@pytest.mark.parametrize("sentence", SENTENCES)
def test_each_sentence_is_known_by_its_shape(sentence):
    reason = re.sub(r"%\(\w+\)[sd]", "7", sentence)
    with override("fr"):
        assert in_words(f"{reason} {reason}") != f"{reason} {reason}"
    with override("en"):
        assert in_words(f"{reason} {reason}") == f"{reason} {reason}"


def test_a_long_reason_costs_little():
    text = "The file " * 200
    assert in_words(text) == text
    assert len(SENTENCES) > 50
