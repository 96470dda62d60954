// The desk's elements. Their text is written by panels.js, their canvases by ladder.js and chart.js.

const PAGE = `
<header class="gd-bar">
  <div class="gd-name"><b data-id="symbol">Genesis</b><small data-id="venue">market microstructure</small></div>
  <span class="gd-badge" data-id="badge" data-provenance="none">NO SOURCE</span>
  <span class="gd-link" data-id="link" data-link="connecting" role="status"><i aria-hidden="true"></i><b data-id="linkWords">Connecting</b></span>
  <dl class="gd-facts">
    <div class="gd-wide"><dt>Event time, UTC</dt><dd><span class="gd-date" data-id="date"></span><span data-id="time">–</span></dd></div>
    <div><dt>Latency p50</dt><dd data-id="p50">–</dd></div>
    <div><dt>p99</dt><dd data-id="p99">–</dd></div>
    <div class="gd-extra"><dt>Events</dt><dd data-id="events">–</dd></div>
    <div><dt>Gaps</dt><dd data-id="gaps">–</dd></div>
    <div class="gd-strategy"><dt>Strategy</dt><dd data-id="strategy">–</dd></div>
    <div class="gd-model"><dt data-id="exposure">Model</dt><dd data-id="model">–</dd></div>
  </dl>
  <div class="gd-buttons" role="group" aria-label="Strategy">
    <button type="button" data-command="start" aria-label="Start the strategy" disabled><span aria-hidden="true">▶</span> START</button>
    <button type="button" data-command="stop" aria-label="Stop new entries" disabled><span aria-hidden="true">■</span> STOP</button>
    <button type="button" data-command="reset" aria-label="Reset the account" disabled><span aria-hidden="true">↺</span> RESET</button>
  </div>
</header>
<section class="gd-replay" data-id="replay" aria-label="Replay" hidden>
  <div class="gd-moves">
    <button type="button" data-replay="back" value="10" title="Back 10 seconds" aria-label="Back 10 seconds"><svg viewBox="0 0 14 14" aria-hidden="true"><path d="M7 2.2V0L3.2 3.2 7 6.4V4.1a3.9 3.9 0 1 1-3.9 3.9H1.2A5.8 5.8 0 1 0 7 2.2z"/></svg>10 s</button>
    <button type="button" data-replay="toggle" data-id="toggle" data-shows="pause" title="Pause" aria-label="Pause"><svg class="gd-play" viewBox="0 0 14 14" aria-hidden="true"><path d="M2.5 1v12l10-6z"/></svg><svg class="gd-pause" viewBox="0 0 14 14" aria-hidden="true"><path d="M2.5 1h3.2v12H2.5zM8.3 1h3.2v12H8.3z"/></svg></button>
    <button type="button" data-replay="step" value="1" title="One row on, and pause" aria-label="One row on"><svg viewBox="0 0 14 14" aria-hidden="true"><path d="M1.5 1v12l7.5-6zM10 1h2.5v12H10z"/></svg></button>
  </div>
  <time data-id="replayNow"></time>
  <div class="gd-seek"><input type="range" min="0" max="1" step="1" value="0" data-id="line" aria-label="Time of the recording" disabled><output data-id="tip" hidden></output></div>
  <span class="gd-length" data-id="replayEnd"></span>
  <span class="gd-words" data-id="replayWords"></span>
  <span class="gd-jumps" data-id="jumps" title="Not a straight run: the account was emptied at each jump, and the figures are of the time since the last"></span>
  <div class="gd-speeds" role="group" aria-label="Speed" data-id="speeds"></div>
</section>
<div class="gd-banner" data-id="banner" role="alert" hidden></div>
<main class="gd-main">
  <section class="gd-left" aria-label="Account and book">
    <div class="gd-panel gd-account">
      <div class="gd-totals">
        <div><span>Unrealised</span><b data-id="unrealized">–</b></div>
        <div><span>Realised</span><b data-id="realized">–</b></div>
        <div title="Realised and unrealised, less fees"><span>After fees</span><b data-id="equity">–</b></div>
      </div>
      <dl>
        <div><dt>Fees</dt><dd data-id="fees">–</dd></div>
        <div title="Realised and unrealised, before fees"><dt>Total</dt><dd data-id="total">–</dd></div>
        <div><dt>Position</dt><dd data-id="position">–</dd></div>
        <div><dt>Entry</dt><dd data-id="entry">–</dd></div>
        <div><dt>Mid</dt><dd data-id="mid">–</dd></div>
        <div><dt>Spread</dt><dd data-id="spread">–</dd></div>
      </dl>
    </div>
    <div class="gd-panel gd-book">
      <div class="gd-balance" title="Share of the shown depth on each side">
        <span class="up" data-id="bidShare">–</span><div class="gd-track"><i data-id="bidBar"></i></div><span class="down" data-id="askShare">–</span>
      </div>
      <div class="gd-canvas"><canvas data-id="ladder" role="img" aria-label="Order book, 12 levels a side"></canvas></div>
    </div>
  </section>
  <section class="gd-panel gd-centre" aria-label="Price and predictions">
    <h2>Mid price <small data-id="span">last 500 rows</small>
      <span class="gd-key"><span class="up">▲ buy</span><span class="down">▼ sell</span><span>hollow: exit</span><span class="gd-hatch">not valid</span></span></h2>
    <div class="gd-canvas"><canvas data-id="chart" role="img" aria-label="Mid price with trades, and class probabilities, over event time"></canvas></div>
  </section>
  <section class="gd-right" aria-label="Signal and trades">
    <div class="gd-panel gd-signal">
      <h2>Signal</h2>
      <div class="gd-call" data-id="call" data-class="NONE"><b data-id="signal">–</b><div><span data-id="confidence"></span><small data-id="sure"></small></div></div>
      <div class="gd-odds" data-id="odds">
        <span class="up">▲ Up</span><div class="gd-track up"><i data-id="oddsUp"></i></div><span data-id="pUp">–</span>
        <span class="flat">■ Neutral</span><div class="gd-track flat"><i data-id="oddsNeutral"></i></div><span data-id="pNeutral">–</span>
        <span class="down">▼ Down</span><div class="gd-track down"><i data-id="oddsDown"></i></div><span data-id="pDown">–</span>
      </div>
    </div>
    <div class="gd-panel gd-trades">
      <h2>Trades <small data-id="tradeCount">0</small></h2>
      <div class="gd-scroll" tabindex="0" aria-label="Last trades, newest first">
        <table><thead><tr><th>Time</th><th>Side</th><th>Price</th><th>Size</th><th>PnL</th></tr></thead><tbody data-id="trades"></tbody></table>
        <p class="gd-empty" data-id="noTrades">No trades yet: nothing is connected.</p>
      </div>
    </div>
    <div class="gd-panel gd-alerts"><h2>Alerts</h2><ol data-id="alerts" tabindex="0" aria-label="Alerts, newest first"></ol></div>
  </section>
</main>
<div class="gd-away" data-id="away" hidden>
  <div><h1 data-id="awayTitle"></h1><p data-id="awayWords"></p><code data-id="awayCommand">genesis run</code><p data-id="awayThen"></p></div>
</div>
<div class="gd-toast" data-id="toast" role="status" aria-live="polite" data-kind=""></div>
<dialog class="gd-ask" data-id="ask" aria-labelledby="gd-ask-title">
  <h2 id="gd-ask-title">Reset the account?</h2>
  <p>Position, PnL and the trade list go back to zero. The market data and the journal of what was done stay.</p>
  <div><button type="button" data-answer="no">Keep it</button><button type="button" data-answer="yes" class="gd-sure">Reset</button></div>
</dialog>`;

/** Build the page inside an element; returns its parts by `data-id`. */
export function buildPage(el) {
  el.classList.add("genesis-desk");
  el.innerHTML = PAGE;
  const parts = { root: el };
  for (const part of el.querySelectorAll("[data-id]")) parts[part.dataset.id] = part;
  parts.buttons = [...el.querySelectorAll("[data-command]")];
  return parts;
}
