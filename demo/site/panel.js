// @ts-check
/**
 * The demo's panel: what Kelvin makes of this visit, live. Not part of the tag, and no page needs it: whatever fails
 * here shows as "offline". The temperature and score are the tag's (`on('score')`); the awards come from /panel.json.
 */
(() => {
  const OPEN_KEY = "demo-panel";
  /** How long the tag may take to be answered before the panel calls it offline. */
  const PATIENCE_MS = 5000;
  const kelvin = window.kelvin;

  const panel = document.createElement("details");
  panel.className = "kp";
  panel.id = "kelvin-panel";
  panel.dataset.state = "waiting";
  panel.innerHTML = `
    <summary>
      <span class="kp-dot" aria-hidden="true"></span>
      <span class="kp-name" data-kp="name">Kelvin</span>
      <span class="kp-temperature" data-kp="temperature">waiting</span>
      <b class="kp-score" data-kp="score"></b>
      <span class="kp-last" data-kp="last"></span>
    </summary>
    <div class="kp-body">
      <svg class="kp-gauge" viewBox="0 0 260 30" role="img" aria-label="Score from 0 to 100, warm from 35, hot from 65">
        <path class="kp-cold" d="M3 8h84"/><path class="kp-warm" d="M94 8h74"/><path class="kp-hot" d="M175 8h82"/>
        <text x="90" y="27">35</text><text x="171" y="27">65</text>
        <circle class="kp-needle" data-kp="needle" cx="3" cy="8" r="6.5"/>
      </svg>
      <p class="kp-until" data-kp="until">Waiting for the first answer.</p>
      <div data-kp="lists"></div>
      <p class="kp-foot"><button type="button" data-kp="reset">Reset visitor</button><a href="/dashboard">Dashboard</a></p>
    </div>`;
  const part = (name) => panel.querySelector(`[data-kp="${name}"]`);

  /** @type {{ temperature: string, score: number, validUntil: string | null } | null} The tag's last word. */
  let score = null;
  let asking = false;
  let again = false;

  try {
    const kept = sessionStorage.getItem(OPEN_KEY);
    panel.open = kept ? kept === "open" : matchMedia("(min-width: 100rem)").matches;
    panel.addEventListener("toggle", () => sessionStorage.setItem(OPEN_KEY, panel.open ? "open" : "closed"));
  } catch {
    // Without storage the panel opens as on the first page.
  }
  document.body.append(panel);

  part("reset").addEventListener("click", () => {
    window.kelvin("reset");
    location.reload();
  });

  if (typeof kelvin === "function") {
    kelvin("on", "score", (next) => {
      score = next;
      showScore();
      refresh();
    });
  }
  watchRequests();
  setTimeout(() => panel.dataset.state === "waiting" && connected(false), PATIENCE_MS);
  setInterval(showUntil, 30_000);

  /** The tag speaks of answers only, the first time of the remembered one: whether Kelvin answers, its requests tell. */
  function watchRequests() {
    const observer = new PerformanceObserver((list) => {
      for (const { name, initiatorType, responseStatus } of list.getEntries()) {
        const failed = responseStatus === 0 || responseStatus > 499;
        if (initiatorType === "fetch" && name.includes("/v1/")) connected(!failed);
      }
    });
    observer.observe({ type: "resource", buffered: true });
  }

  /** @param {boolean} yes */
  function connected(yes) {
    panel.dataset.state = yes ? "live" : "offline";
    part("name").textContent = yes ? "Kelvin" : "Kelvin offline";
    if (!score) part("temperature").textContent = yes ? "no score" : "";
    showUntil();
    if (yes && !score) refresh();
  }

  function showScore() {
    panel.dataset.temperature = score.temperature;
    part("temperature").textContent = score.temperature;
    part("score").textContent = String(score.score);
    const at = Math.max(0, Math.min(100, score.score));
    part("needle").style.transform = `translateX(${at * 2.54}px)`;
    showUntil();
  }

  function showUntil() {
    part("until").textContent = until();
  }

  function until() {
    if (panel.dataset.state === "offline") {
      return `Offline: Kelvin does not answer. ${score ? "The page goes by its last word." : "The page looks as for a cold visitor."}`;
    }
    if (!score) return "Waiting for the first answer.";
    if (!score.validUntil) return "If you do nothing, this stays as it is.";
    return `If you do nothing, this changes ${fromNow(score.validUntil)}.`;
  }

  /** @param {string} instant */
  function fromNow(instant) {
    const minutes = Math.round((Date.parse(instant) - Date.now()) / 60_000);
    if (minutes < 1) return "in a moment";
    const [amount, unit] =
      minutes < 60 ? [minutes, "minute"] : minutes < 48 * 60 ? [minutes / 60, "hour"] : [minutes / 1440, "day"];
    return new Intl.RelativeTimeFormat("en", { numeric: "always" }).format(Math.round(amount), unit);
  }

  /** Asks for the awards; one question at a time, the last one always asked. */
  async function refresh() {
    again = asking;
    if (asking) return;
    asking = true;
    try {
      const response = await fetch("/panel.json", { headers: { accept: "application/json" } });
      const state = await response.json();
      if (!state.online) connected(false);
      else if (state.lead) showLists(state);
    } catch {
      connected(false);
    }
    asking = false;
    if (again) refresh();
  }

  function showLists({ awards, states, lead }) {
    const [latest] = awards;
    part("last").textContent = latest ? `${signed(latest.points)} ${latest.rule}` : "";
    const lists = [list("Last awards", awards), list("Counts while true", states)].filter(Boolean);
    if (lead.stage) {
      const stage = document.createElement("p");
      stage.className = "kp-stage";
      stage.textContent = `Stage ${lead.stage}`;
      lists.push(stage);
    }
    part("lists").replaceChildren(...lists);
  }

  function list(title, lines) {
    if (lines.length === 0) return null;
    const section = document.createElement("section");
    const heading = document.createElement("h2");
    heading.textContent = title;
    const items = document.createElement("ul");
    items.append(
      ...lines.map(({ rule, points, because }) => {
        const item = document.createElement("li");
        item.append(
          element("b", signed(points), points < 0 ? "kp-minus" : ""),
          element("span", rule, "kp-rule"),
          element("small", because, ""),
        );
        return item;
      }),
    );
    section.append(heading, items);
    return section;
  }

  function signed(points) {
    const rounded = Math.round(points * 10) / 10;
    return rounded < 0 ? `−${-rounded}` : `+${rounded}`;
  }

  function element(tag, text, name) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  }
})();
