"""Every paper that a feature cites is told in full, and none for nothing."""

import re

import pytest

from genesis_lib.features import FEATURES
from genesis_lib.features.references import REFERENCES

SOURCES = sorted({item.source for item in FEATURES.values()})


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_cited_is_listed(source):
    for key in sorted(REFERENCES, key=len, reverse=True):
        source = source.replace(key, "")
    assert not re.search(r"\b(1[89]|20)\d\d\b", source)


def test_what_is_listed_is_cited_and_told_in_full():
    for key, text in REFERENCES.items():
        assert any(key in source for source in SOURCES), key
        assert re.search(r"\d", text) and len(text) > 30, key
    assert list(REFERENCES) == sorted(REFERENCES)
