"""The dashboard from outside, in the order of a user's day: one server, one session, one browser for all of it."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from genesis_lib.alerts.history import table
from genesis_lib.journal import read_journal

pytestmark = pytest.mark.browser


def test_a_page_without_a_session_says_what_to_do_and_connects_by_itself(tab, session, wait):
    wait(lambda: tab.desk() == "none", "the desk says that there is no session")
    assert tab.page.get_by_text("No session is running").is_visible()
    assert tab.page.locator("[data-id=awayCommand]").is_visible()
    assert tab.page.get_by_role("button", name="Stop new entries").is_disabled()
    session.start()
    tab.live()
    assert tab.text("badge") == "SIMULATED"
    assert not tab.page.get_by_text("No session is running").is_visible()


def test_frames_are_painted_at_20_a_second_and_more(tab):
    rates = []
    for _ in range(6):
        rates.append(
            tab.page.evaluate(
                """() => new Promise(done => {
                    const desk = document.querySelector('.genesis-desk');
                    const [first, from] = [Number(desk.dataset.frames), performance.now()];
                    setTimeout(() => done((desk.dataset.frames - first) * 1000 / (performance.now() - from)), 2000);
                })"""
            )
        )
        if rates[-1] >= 20:
            break
    print(f"frames painted a second: {', '.join(f'{rate:.1f}' for rate in rates)}")
    assert max(rates) >= 20


def test_the_canvases_hold_a_picture(tab, wait):
    wait(lambda: len(tab.trades()) >= 4, "some trades")
    for name in ("ladder", "chart"):
        colours = tab.page.evaluate(
            """id => { const canvas = document.querySelector(`[data-id=${id}]`);
                const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                return new Set(new Uint32Array(data.buffer)).size; }""",
            name,
        )
        assert colours > 30, name


def test_the_buttons_command_the_session(tab, session, wait):
    assert session.status()["active"]
    tab.press("Stop new entries")
    wait(lambda: not session.status()["active"], "the strategy has stopped")
    wait(lambda: "Stopped" in tab.text("strategy"), "the page says so")
    assert tab.page.get_by_role("button", name="Stop new entries").is_disabled()
    assert "no new entries" in tab.text("toast")
    tab.press("Start the strategy")
    wait(lambda: session.status()["active"], "the strategy has started")
    wait(lambda: "Trading" in tab.text("strategy"), "the page says so")


def test_an_alert_is_acknowledged_with_its_button(tab, session, wait):
    line = ".gd-alerts li:has(button[data-alert])"
    wait(lambda: tab.page.locator(line).count() > 0, "an alert that nobody has seen")
    number = tab.page.evaluate("line => document.querySelector(`${line} button`).dataset.alert", line)
    tab.press(f"Acknowledge alert {number}")
    wait(lambda: tab.page.locator(f".gd-alerts button[data-alert='{number}']").count() == 0, "its button has gone")
    told = {row["id"]: row for row in table(read_journal(session.folder))}
    assert told[int(number)]["acknowledged"] and told[int(number)]["acknowledged_by"] == "the desk"
    assert tab.page.locator(".gd-alerts li[data-seen][title='Seen by the desk']").count() > 0


def test_reset_asks_first(tab, session, wait):
    wait(lambda: session.status()["trade_count"] > 0, "a trade")
    tab.press("Reset the account")
    tab.press("Keep it")
    assert session.status()["trade_count"] > 0
    session.status("pause")  # else it trades again before we look
    tab.press("Reset the account")
    tab.press("Reset", exact=True)
    wait(lambda: session.status()["trade_count"] == 0, "the account is empty")
    wait(lambda: tab.trades() == [], "the table is empty")
    assert "No trades yet" in tab.text("noTrades")
    session.status("start")
    session.status("resume")
    wait(lambda: tab.trades(), "trades after the reset")


def test_a_reload_keeps_the_trades(tab, session, wait):
    wait(lambda: len(tab.trades()) >= 6, "some trades")
    session.status("pause")
    count = session.status()["trade_count"]
    wait(lambda: tab.trades() and tab.text("tradeCount") in (f"{count}", f"last 50 of {count}"), "the last trade shown")
    before = tab.trades()
    assert before == sorted(before, reverse=True)
    tab.page.reload()
    wait(lambda: tab.live().trades() == before, "the same trades after the reload")
    assert session.status()["events"] > 0


def test_a_second_tab_shows_the_same(tab, open_tab, session, wait):
    session.status("resume")
    other = open_tab().live()
    session.status("pause")
    parts = (
        "time",
        "mid",
        "spread",
        "realized",
        "unrealized",
        "fees",
        "position",
        "signal",
        "pUp",
        "tradeCount",
        "bidShare",
    )
    look = "() => document.querySelector('[data-id=ladder]').toDataURL()"

    def shown(one):
        return [one.text(part) for part in parts], one.trades(), one.page.evaluate(look)

    wait(lambda: shown(tab) == shown(other), "both tabs show the same")
    session.status("resume")
    first = [int(one.desk("seq")) for one in (tab, other)]
    wait(lambda: min(int(one.desk("seq")) for one in (tab, other)) > max(first), "both go on")
    other.close()
    events = session.status()["events"]
    wait(lambda: session.status()["events"] > events, "the session goes on without the closed tab")


def test_the_slider_goes_anywhere_in_the_data(tab, session, wait):
    page = tab.page

    def replay():
        return session.status()["replay"]

    def ladder():
        return page.evaluate("() => document.querySelector('[data-id=ladder]').toDataURL()")

    wait(lambda: (replay()["known"] or 0) - (replay()["start"] or 0) > 300_000, "some minutes of it can be entered")
    line = page.get_by_label("Time of the recording")
    wait(line.is_enabled, "the bar is there")
    page.get_by_role("button", name="Pause").click()
    wait(lambda: replay()["state"] == "paused", "it is paused")
    before, time = ladder(), tab.text("time")
    box = line.bounding_box()
    middle = box["y"] + box["height"] / 2
    thumb = page.evaluate("e => e.value / e.max", line.element_handle())
    page.mouse.move(box["x"] + 7 + thumb * (box["width"] - 14), middle)
    page.mouse.down()
    seen = set()
    for step in range(1, 11):
        page.mouse.move(box["x"] + box["width"] * (0.1 + 0.07 * step), middle)
        wait(lambda: tab.text("time") not in {time, *seen}, "the desk follows the hand")
        seen.add(tab.text("time"))
    page.mouse.up()
    wait(lambda: replay()["state"] != "seeking" and tab.text("time") == tab.text("replayNow"), "it arrived")
    share = (replay()["time"] - replay()["start"]) / (float(page.evaluate("e => e.max", line.element_handle())))
    # The market is endless, and more of it is known now than when the hand let go.
    assert 0.4 < share < 0.9 and replay()["seeks"] >= 5
    tip = page.locator("[data-id=tip]")
    assert tip.is_visible() and tip.bounding_box()["y"] > box["y"] + 20, "the header's figures stay in sight"
    page.mouse.move(5, 700)
    wait(tip.is_hidden, "no time without a pointer")
    wait(lambda: ladder() != before, "another book")
    wait(lambda: int(tab.text("events").replace(",", "")) == replay()["events"], "events are those before the place")
    assert tab.text("jumps") == f"{replay()['seeks']} jumps" and tab.trades() == []
    rows = session.status()["rows"]
    page.get_by_role("button", name="One row on").click()
    wait(lambda: session.status()["rows"] == rows + 1, "one row")
    there = replay()["time"]
    page.get_by_role("button", name="Back 10 seconds").click()
    wait(lambda: 9000 < there - replay()["time"] < 12_000, "ten seconds back")
    page.get_by_role("button", name="10 times as recorded").click()
    wait(lambda: replay()["speed"] == 10, "faster")
    page.get_by_role("button", name="Play", exact=True).click()
    wait(lambda: replay()["state"] == "playing" and replay()["time"] > there, "it plays on")
    page.get_by_role("button", name="1 times as recorded", exact=True).click()
    wait(lambda: tab.trades(), "it trades there")


def test_reloads_and_closed_tabs_leave_no_kernel(tab, open_tab, server, wait):
    wait(lambda: len(server.kernels()) == 1, "one kernel for the one tab")
    for _ in range(3):
        tab.page.reload()
        tab.live()
    other = open_tab().live()
    assert len(server.kernels()) <= 3
    other.close()
    wait(lambda: len(server.kernels()) == 1, "the kernels of reloaded and closed pages have ended")


@pytest.mark.slow
def test_the_kernel_of_a_crashed_page_is_culled(tab, open_tab, server, session, wait):
    if session.process is None:
        session.start()
    other = open_tab().live()
    other.page.close()  # without its last word
    wait(lambda: len(server.kernels()) == 1, "the kernel was culled", seconds=150)
    assert tab.live()


def test_a_killed_session_is_named_and_found_again(tab, session, wait):
    session.status("resume")  # wherever the tests before it left it
    wait(lambda: tab.trades(), "a trade", seconds=120)
    session.kill()
    wait(lambda: tab.desk() == "lost", "the desk says that the session is gone")
    assert "last figures" in tab.text("banner")
    assert tab.trades()
    session.start()
    tab.live()
    wait(lambda: tab.text("banner") == "", "the banner is gone")


def test_nothing_else_is_served(server):
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    opener = urllib.request.build_opener(Stay)

    def status(path, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}/{path}", headers=headers)
        with contextlib.suppress(urllib.error.HTTPError), opener.open(request, timeout=30) as answer:
            return answer.status
        with pytest.raises(urllib.error.HTTPError) as error:
            opener.open(request, timeout=30)
        return error.value.code

    allowed = {"Authorization": f"token {server.token}"}
    kernels = len(server.kernels())
    assert status("") == 302  # to the form that asks for the token
    assert status("?token=wrong") == 302
    assert status("api/kernels/00000000-0000-0000-0000-000000000000") in (403, 404)
    for path in ("05_live_trading.ipynb", "01_data_preparation.ipynb", "images/desk-recorded.png", "..%2fsetup.py"):
        assert status(f"voila/files/{path}", **allowed) == 403, path
    assert status("voila/render/05_live_trading.ipynb", **allowed) == 302
    assert status("voila/files/voila/render/05_live_trading.ipynb", **allowed) == 403
    assert status("", **allowed, Host="elsewhere.example") == 403
    assert len(server.kernels()) == kernels


def test_no_request_left_the_machine_and_nothing_complained(seen):
    hosts = {
        urlsplit(url).hostname for url in seen["requests"] if urlsplit(url).scheme in ("http", "https", "ws", "wss")
    }
    assert hosts == {"127.0.0.1"}
    assert seen["errors"] == []


def test_the_server_takes_its_kernels_along(tab, server, wait):
    assert tab.desk("frames")
    kernels = server.stop()
    assert kernels
    wait(lambda: not any(kernel.is_running() for kernel in kernels), "no kernel outlives the server")
    wait(lambda: tab.desk() == "reconnecting", "the page says that its server is gone")
