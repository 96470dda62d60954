"""The desk's JavaScript, module by module, in a real Chromium."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genesis_lib.live.messages import encode
from genesis_lib.widgets.base import bundle

pytestmark = pytest.mark.browser

HEADER = {"kind": "frame", "session": "s", "trades": [], "alerts": [], "trade_count": 1000, "tick_size": 0.1}


@pytest.fixture(scope="module")
def js(chromium):
    """Call an expression with the modules' names in scope."""
    page = chromium.new_page()
    names = "{ decodeMessage, Store, Timeline, PriceScale, roundStep, sideLevels, sizeDecimals, decimalsOf, fixed, "
    names += "signed, percent, micros, clockTime, span, moneyDecimals, tradeWords, strategyState, "
    names += "Moves, fromStart, writeAlerts }"
    source = bundle("desk.js").replace("export default { render }", f"export const modules = {names}")
    load = """async source => {
        const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
        globalThis.modules = (await import(url)).modules;
        globalThis.viewOf = bytes => { const shifted = new Uint8Array(bytes.length + 3); shifted.set(bytes, 3);
            return new DataView(shifted.buffer, 3); };
    }"""
    page.evaluate(load, source)
    yield lambda expression, argument=None: page.evaluate(f"(given) => {{ {expression} }}", argument)
    page.close()


def points(first, rows, step=50.0):
    table = np.full((rows, 6), 0.25)
    table[:, 0] = 1.7e12 + step * np.arange(first, first + rows)
    table[:, 1] = 100.0 + np.arange(first, first + rows)
    table[:, 5] = 1.0
    return table


def frame(first=0, rows=1, **more):
    ladder = np.full((12, 4), math.nan)
    ladder[:2] = [[99.9, 1.5, 100.1, 2.0], [99.7, 0.5, 100.4, 3.0]]
    return list(encode({**HEADER, **more}, {"ladder": ladder, "points": points(first, rows)}))


def test_a_message_is_read_as_python_wrote_it(js):
    shown = js(
        """const { header, arrays } = modules.decodeMessage(viewOf(given));
        const [ladder, points] = [Array.from(arrays.ladder), Array.from(arrays.points)];
        return [header.kind, ladder.slice(0, 5), ladder.length, points];""",
        frame(7, 2),
    )
    assert shown[:3] == ["frame", [99.9, 1.5, 100.1, 2.0, 99.7], 48]
    assert shown[3] == points(7, 2).ravel().tolist()


def test_a_message_that_is_cut_short_is_refused(js):
    attempt = "try { modules.decodeMessage(viewOf(given)); return 'read'; } catch (error) { return error.name; }"
    for length in (2, 60, len(frame()) - 4):
        assert js(attempt, frame()[:length]) in ("RangeError", "SyntaxError")


def test_the_store_keeps_the_last_500_points_whatever_the_pieces(js):
    pieces = [frame(0, 3, kind="snapshot"), *(frame(first, 199) for first in range(3, 800, 199)), frame(900, 0)]
    shown = js(
        """const store = new modules.Store();
        given.forEach((piece, n) => store.apply(viewOf(piece), n + 1, 0));
        return [store.rows, store.points[1], store.points.at(-5), store.number, store.messages];""",
        pieces,
    )
    last = 3 + 199 * math.ceil(797 / 199)
    assert shown == [500, 100.0 + last - 500, 100.0 + last - 1, len(pieces), len(pieces)]


def test_the_store_forgets_trades_on_reset_and_all_on_another_session(js):
    trades = [{"id": n} for n in range(60)]
    shown = js(
        """const store = new modules.Store(); const seen = [];
        given.forEach((piece, n) => { store.apply(viewOf(piece), n, 0);
            seen.push([store.trades.length, store.trades[0]?.id ?? null, store.rows]); });
        return seen;""",
        [
            frame(0, 5, trades=trades),
            frame(5, 1, kind="snapshot", trade_count=0),
            frame(6, 1, trades=trades[:2], trade_count=2),
            frame(7, 2, session="t"),
        ],
    )
    assert shown == [[50, 10, 5], [0, None, 1], [2, 0, 2], [0, None, 2]]


def test_time_is_linear_and_a_silence_is_one_narrow_break(js):
    table = points(0, 20)
    table[10:, 0] += 90_000.0
    x, breaks, between, before = js(
        """const line = new modules.Timeline(Float64Array.from(given), 10, 510);
        return [Array.from(line.x), line.breaks, line.at(given[0] + 25), line.at(given[0] - 1)];""",
        table.ravel().tolist(),
    )
    steps = np.diff(x)
    assert x[-1] == 510 and np.allclose(np.delete(steps, 9), steps[0])
    assert [round(b["ms"]) for b in breaks] == [90_050] and math.isclose(
        steps[9], breaks[0]["right"] - breaks[0]["left"]
    )
    assert math.isclose(between, (x[0] + x[1]) / 2) and before is None


def test_the_price_axis_widens_at_once_and_narrows_slowly(js):
    first, wide, after = js(
        """const scale = new modules.PriceScale(), at = () => [scale.low, scale.high];
        scale.update(100, 100, 0.1); const first = at();
        scale.update(90, 110, 0.1); const wide = at();
        scale.update(100, 100, 0.1); return [first, wide, at()];"""
    )
    assert math.isclose(first[1] - first[0], 0.8)
    assert wide[0] < 90 and wide[1] > 110
    assert wide[0] < after[0] < 92 and wide[1] > after[1] > 108


def test_steps_of_an_axis_are_round_and_never_finer_than_a_tick(js):
    assert js(
        "return [modules.roundStep(10, 5, 0.1), modules.roundStep(37, 5, 0.1), modules.roundStep(0.3, 5, 0.1)]"
    ) == [
        2,
        10,
        0.1,
    ]


def test_empty_levels_are_left_out(js):
    ladder = [99.9, 1.5, 100.1, 2.0, 99.7, 0.5, None, None]
    read = (
        "return modules.sideLevels(given.map(v => v ?? NaN), 0).concat(modules.sideLevels(given.map(v => v ?? NaN), 2))"
    )
    assert js(read, ladder) == [
        {"price": 99.9, "size": 1.5, "total": 1.5},
        {"price": 99.7, "size": 0.5, "total": 2.0},
        {"price": 100.1, "size": 2.0, "total": 2.0},
    ]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("fixed(28145.1, 1)", "28,145.1"),
        ("fixed(-3, 0)", "\u22123"),
        ("fixed(null, 2)", "\u2013"),
        ("signed(0.004, 2)", "0.00"),
        ("signed(-0.5, 2)", "\u22120.50"),
        ("signed(1250, 2)", "+1,250.00"),
        ("percent(0.404)", "40.4\u202f%"),
        ("micros(88.4)", "88\u202fµs"),
        ("micros(1500)", "1.5\u202fms"),
        ("clockTime(1680652700430, 1)", "23:58:20.4"),
        ("span(90000)", "90\u202fs"),
        ("tradeWords({ side: 'SELL', type: 'EXIT' }).words", "Sell exit"),
        ("strategyState({ state: 'RUNNING', active: false })", "Stopped"),
        ("strategyState({ state: 'KILLED', active: false })", "Killed"),
        ("decimalsOf(0.1)", 1),
        ("decimalsOf(0.00001)", 5),
        ("decimalsOf(25)", 0),
        ("moneyDecimals(12, 3)", 2),
        ("moneyDecimals(0.00012)", 6),
        ("moneyDecimals(250000)", 0),
        ("sizeDecimals(27.4, 0.001)", 3),
        ("sizeDecimals(27000, 1)", 0),
    ],
)
def test_numbers_are_written_as_a_desk_writes_them(js, call, text):
    assert js(f"return modules.{call}") == text


def test_a_drag_sends_the_newest_place_alone_and_one_at_a_time(js):
    sent = js(
        """const sent = [], clock = { now: 1000 };
        const moves = new modules.Moves((ms) => sent.push(ms), () => clock.now);
        moves.ask(1); moves.ask(2); moves.ask(3);
        const under = [...sent, moves.busy];
        moves.answered();
        moves.answered();
        const after = [...sent, moves.busy];
        moves.ask(9); moves.ask(10); clock.now += 5000;  // no answer came
        moves.ask(11);
        return [under, after, sent];"""
    )
    assert sent == [[1, True], [1, 3, False], [1, 3, 9, 11]]


def test_places_are_said_as_the_session_takes_them(js):
    assert js("return [0, 12345.6, 479496, -3].map(modules.fromStart);") == ["+0.000", "+12.346", "+479.496", "+0.000"]


def test_an_alert_is_seen_by_its_button(js):
    alert = {
        "timestamp": 1.7e18,
        "kind": "feed_gap",
        "severity": "critical",
        "message": "A gap.",
        "id": 3,
        "cause": "new",
    }
    seen = {**alert, "id": 4, "acknowledged": "anna", "cause": "reminder"}
    fault = {"timestamp": 1.7e18, "kind": "fault", "severity": "warning", "message": "x"}
    lines = js(
        """const parts = { alerts: document.createElement("ol") };
        const read = () => [...parts.alerts.children].map(line => [line.textContent, line.dataset.severity,
            line.dataset.seen ?? "", line.title, line.querySelector("button")?.dataset.alert ?? ""]);
        modules.writeAlerts(parts, given);
        const before = read();
        modules.writeAlerts(parts, given.map(alert => ({ ...alert, acknowledged: true })));
        return [before, read().map(line => line[2])];""",
        [alert, seen, fault],
    )
    fault_line, seen_line, line = lines[0]
    assert line[0].endswith("feed gap: A gap.Seen") and line[1:] == ["critical", "", "", "3"]
    assert seen_line[0].endswith("Not acknowledged: feed gap: A gap.") and seen_line[2:] == ["yes", "Seen by anna", ""]
    assert fault_line[4] == "", "what is in no journal cannot be acknowledged"
    assert lines[1] == ["yes", "yes", "yes"], "it is written anew when somebody has seen it"
