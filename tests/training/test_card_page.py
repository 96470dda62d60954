import json
import re
from html.parser import HTMLParser

import pytest

from genesis_lib.training import register_best
from genesis_lib.training.card_page import page


@pytest.fixture(scope="module")
def made(small_cv, tmp_path_factory):
    rows, result = small_cv
    folder = register_best(result, rows, "planted", root=tmp_path_factory.mktemp("models")).path
    return json.loads((folder / "card.json").read_text()), (folder / "card.html").read_text()


class Balance(HTMLParser):
    """Whether every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(made):
    _, html = made
    checker = Balance()
    checker.feed(html)
    assert checker.open == []
    assert "<script" not in html and not re.search(r"(?:src|href)=|url\(|@import", html)
    assert "prefers-color-scheme: dark" in html and 'name="viewport"' in html
    assert "$" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


def test_the_json_is_its_only_source(made):
    card, html = made
    assert page(card) == html


def test_it_shows_what_the_card_holds(made):
    card, html = made
    block = card["results"][0]
    for own in block["scores"].values():
        assert f"{own['log_loss']['value']:.4f}" in html and f"[{own['mcc']['low']:.4f}" in html
    for words in ("SIMULATED", "What it should not be used for", "Learning curves", "Reliability diagram", "By session",
                  "What a plain rule earns", card["version"], card["lineage"]["data_hash"], "Only 1 seed"):  # fmt: skip
        assert words in html, words
    assert html.count('role="img"') == 4 + 1 + 1, "four measures, reliability, learning curves"


def test_a_lost_comparison_is_marked_as_one(made):
    card, _ = made
    block = card["results"][0] | {
        "verdict": ["net **loses to** tree, all beyond the 95 % interval (mcc -0.1 [-0.2, -0.05])."]
    }
    html = page(card | {"results": [block]})
    assert '<li class="loses">net <b>loses to</b> tree, all beyond the 95 % interval<small>mcc -0.1' in html


def test_names_cannot_break_out(made):
    card, _ = made
    html = page(card | {"name": "<script>alert(1)</script>"})
    assert "<script" not in html and "&lt;script&gt;" in html


def test_ahead_in_some_and_behind_in_others_is_neither_mark(made):
    card, _ = made
    line = "net beats tree in MCC and **loses to** it in log-loss; accuracy: within the 95 % interval (mcc +0.1)."
    html = page(card | {"results": [card["results"][0] | {"verdict": [line]}]})
    assert '<li class="mixed">' in html and '<li class="loses">' not in html and "li.mixed::marker" in html


def test_names_of_instruments_keep_their_case_and_titles_do_not(made):
    card, html = made
    assert "<h2>Cross-validation</h2>" in html
    html = page(card | {"results": [card["results"][0] | {"title": "binance-coinm:BTCUSD_PERP"}]})
    assert "<h2>binance-coinm:BTCUSD_PERP</h2>" in html


def test_hashes_are_short_with_their_whole_in_a_title_and_truths_are_words(made):
    card, html = made
    whole = card["lineage"]["data_hash"]
    assert f'<span title="{whole}">{whole[:12]}…</span>' in html and html.count(whole) == 1
    assert "<td>True</td>" not in html and "<td>False</td>" not in html
    heads = [{"label": "a", "primary": True}, {"label": "b", "primary": False}]
    html = page(card | {"results": [card["results"][0] | {"heads": heads}]})
    assert "<td>yes</td>" in html and "<td>no</td>" in html
