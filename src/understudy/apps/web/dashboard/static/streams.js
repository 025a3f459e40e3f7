// The table of streams: the worst first, each state in a word and a sign, not in colour alone.

export const STATES = {
  dead: ["✕", "stopped"], absent: ["?", "never seen"], slow: ["▼", "slow"], fast: ["▲", "fast"], ok: ["✓", "ok"], event: ["○", "on event"],
  away: ["?", "not back"], unknown: ["?", "unknown"],
};
const WORST = ["dead", "absent", "slow", "fast", "ok", "event"];
const KNOWN_MS = 1;

export const spoken = (key) => key.split("/").pop().replaceAll("_", " ");
export const since = (s) => (s === null ? "–" : s < 1 ? `${Math.round(1000 * s)} ms` : s < 100 ? `${s.toFixed(1)} s` : `${Math.round(s / 60)} min`);
const number = (hz) => (hz >= 100 ? hz.toFixed(0) : hz.toFixed(1));

export class Streams {
  constructor(table, optional) {
    this.body = table.tBodies[0];
    this.optional = optional;
    this.rows = new Map();
  }

  show(streams, known) {
    const sorted = [...streams].sort((a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state));
    sorted.forEach((stream, at) => {
      const row = this.row(stream.stream);
      if (this.body.children[at] !== row) this.body.insertBefore(row, this.body.children[at] || null);
      row.className = stream.state;
      this.fill(row, stream);
    });
    const here = new Set(streams.map((s) => s.stream));
    const away = [...this.rows.keys()].filter((key) => !here.has(key));  // a recorder that was started anew has not seen them yet
    for (const key of away) this.mark(key, "away");
    const never = known.filter((s) => !here.has(s.stream) && !this.rows.has(s.stream)).map((s) => spoken(s.stream));
    this.optional.hidden = never.length === 0;
    this.optional.firstElementChild.textContent = `${never.length} more streams of the schema are not on the bus`;
    this.optional.lastElementChild.textContent = never.join(", ");
    return away;
  }

  fill(row, s) {
    const [sign, word] = STATES[s.state];
    const rate = s.state === "event" ? "–" : ["absent", "dead"].includes(s.state) ? "0" : number(s.measured_hz);
    const put = (k, text, small = "") => {
      const cell = row.cells[k], all = text + small;
      if (cell.dataset.all === all) return;
      cell.dataset.all = all;
      cell.textContent = text;
      if (small) cell.append(Object.assign(document.createElement("small"), { textContent: small }));
    };
    put(0, spoken(s.stream), s.stream.startsWith("observations/") ? "" : `  ${s.stream.split("/")[0]}`);
    row.cells[0].title = `${s.stream}${s.producer ? ` from ${s.producer}` : ""}${s.last_refusal ? `; last refusal: ${s.last_refusal}` : ""}`;
    put(1, `${sign} ${word}`);
    put(2, rate, s.expected_hz && s.state !== "event" ? ` / ${Number(s.expected_hz.toPrecision(3))}` : "");
    put(3, since(s.age_s));
    put(4, s.received > 1 && s.state !== "event" ? `${s.jitter_ms.toFixed(s.jitter_ms < 10 ? 2 : 0)} ms` : "–");
    ["lost", "dropped", "refused", "gaps"].forEach((name, k) => {
      put(5 + k, String(s[name]));
      row.cells[5 + k].classList.toggle("count", s[name] > 0);
    });
    row.cells[8].title = s.gaps ? `the longest ${Math.round(s.longest_gap_ms)} ms` : "";
    const bound = s.sync_ms === null ? "not known" : `± ${s.sync_ms < KNOWN_MS ? s.sync_ms.toFixed(2) : s.sync_ms.toFixed(1)} ms`;
    put(9, s.clock === "host" ? "host clock" : s.clock ? bound : "–");
    put(10, s.mb_per_min ? s.mb_per_min.toFixed(1) : "–");
  }

  row(key) {
    if (!this.rows.has(key)) {
      const row = document.createElement("tr");
      row.dataset.stream = key;
      ["", "state", "n", "n", "n few", "n", "n dropped", "n few", "n", "n few", "n few"].forEach((name) => {
        row.append(Object.assign(document.createElement("td"), { className: name }));
      });
      this.rows.set(key, row);
    }
    return this.rows.get(key);
  }

  unknown() {
    for (const key of this.rows.keys()) this.mark(key, "unknown");
  }

  mark(key, state) {
    const row = this.row(key);
    row.className = state;
    for (const [k, text] of [[1, STATES[state].join(" ")], [2, "–"], [3, "–"]]) row.cells[k].textContent = row.cells[k].dataset.all = text;
  }
}
