"""The tear sheet in a browser that is offline."""

from __future__ import annotations

import pytest

from genesis_lib import backtest
from genesis_lib.config import load
from genesis_lib.feeds import open_source
from genesis_lib.journal import Journal
from genesis_lib.reports import write_report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(chromium, uniform, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with Journal.open(folder / "s", "s", durable=False) as journal:
        source = open_source("simulator", seed=3, minutes=0.3)
        config = load(env={}, strategy={"preset": "seed"})
        summary = backtest.run(source, config=config, artifact=uniform, journal=journal, detect=False)
    written = write_report(folder / "s", folder)
    page = chromium.new_page(viewport={"width": 1280, "height": 900}, offline=True)
    page.asked, page.faults, page.summary = [], [], summary
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda line: page.faults.append(line.text) if line.type == "error" else None)
    page.goto(f"file://{written['path']}")
    page.wait_for_function("document.querySelectorAll('.main-svg').length > 0")
    yield page
    page.close()


def test_it_draws_every_figure_without_a_network_or_a_fault(page):
    assert page.locator(".js-plotly-plot").count() == 4
    assert page.asked == [page.url] and page.faults == []
    assert page.locator(".badge").inner_text() == "SIMULATED"


def test_it_lists_the_last_trades_and_fits_the_window(page):
    assert page.locator("tbody tr").count() == min(50, page.summary["trades"])
    assert page.locator("tbody tr").first.locator("td").first.inner_text() == str(page.summary["trades"])
    for width in (1280, 480):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
