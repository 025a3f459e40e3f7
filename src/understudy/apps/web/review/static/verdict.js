// The right side: the verdict with its keys, a person's rating, and what the gates and scores said.

const $ = (id) => document.getElementById(id);
const make = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
const WORDS = { accepted: "accepted", rejected: "rejected", unchecked: "not checked" };
const ORDER = { reject: 0, warn: 1, info: 2 };

export class Verdict {
  constructor(reasons, does) {
    this.reasons = reasons;
    this.does = does;
    this.asking = false;
    reasons.forEach((reason, k) => {
      const button = make("button", "plain");
      button.append(make("kbd", "", String(k + 1)), make("span", "", reason));
      button.addEventListener("click", () => this.choose(k));
      $("reasons").insertBefore(button, $("other"));
    });
    for (let k = 1; k <= 5; k++) {
      const button = make("button", "star");
      button.append(make("span", "", "★"), make("small", "", String(k)));
      button.title = `${k} of 5`;
      button.addEventListener("click", () => does.rate(k));
      $("stars").append(button);
    }
    $("accept").addEventListener("click", () => does.decide("accepted", "", ""));
    $("reject").addEventListener("click", () => this.ask(!this.asking));
    $("undo").addEventListener("click", () => does.undo());
    $("other").addEventListener("submit", (e) => {
      e.preventDefault();
      this.other();
    });
    for (const button of document.querySelectorAll("#verdict button")) button.addEventListener("pointerup", () => setTimeout(() => button.blur()));
  }

  ask(on) {
    this.asking = on;
    $("reasons").hidden = !on;
    $("reject").setAttribute("aria-expanded", String(on));
    $("other").hidden = true;
  }

  choose(k) {
    const reason = this.reasons[k];
    if (reason !== "other") return this.does.decide("rejected", reason, "");
    $("other").hidden = false;
    $("other-text").focus();
  }

  other() {
    const text = $("other-text").value.trim().replace(/\s+/g, " ");
    if (!text) return $("other-text").focus();
    $("other-text").value = "";
    $("other-text").blur();
    this.does.decide("rejected", "other", text);
  }

  load(episode) {
    this.ask(false);
    $("other-text").value = "";
    const timed = (f) => (f.start_s === null ? 1e9 : f.start_s);
    const findings = [...episode.findings].sort((a, b) => ORDER[a.severity] - ORDER[b.severity] || timed(a) - timed(b));
    $("findings").replaceChildren(...findings.map((f) => this.finding(f)));
    if (!findings.length) $("findings").append(make("li", "soft", "nothing found"));
    $("gates").className = `pill ${episode.verdict}`;
    $("gates").textContent = WORDS[episode.verdict];
    const rows = [...episode.scores.map((s) => [s.name.replaceAll("_", " "), s.value]), ...(episode.rating === null ? [] : [["rating, the weakest", episode.rating]])];
    $("scores").replaceChildren(...rows.map(([name, value]) => this.score(name, value)));
    if (!rows.length) $("scores").append(make("p", "soft", "none: run understudy check"));
    $("skipped").hidden = !episode.skipped.length;
    $("skipped").querySelector("summary").textContent = `${episode.skipped.length} not looked at`;
    $("skipped").querySelector("ul").replaceChildren(...episode.skipped.map((s) => make("li", "soft", `${s.name.replaceAll("_", " ")}: ${s.reason}`)));
  }

  finding(f) {
    const item = make("li", f.severity), head = make("button", "found");
    const [from, to] = [f.start_s, f.end_s ?? f.start_s].map((t) => Math.max(0, t ?? 0).toFixed(2));
    const when = f.start_s === null ? "" : from === to ? ` at ${from} s` : ` ${from} to ${to} s`;
    head.append(make("b", "", f.gate.replaceAll("_", " ")), make("span", "soft", when));
    head.disabled = f.start_s === null;
    head.addEventListener("click", () => {
      head.blur();
      this.does.seek(f.start_s);
    });
    item.append(head, make("p", "", f.message));
    return item;
  }

  score(name, value) {
    const row = make("div", "score"), bar = make("div", "bar"), fill = document.createElement("i");
    fill.style.width = `${100 * value}%`;
    bar.append(fill);
    row.append(make("span", "", name), bar, make("b", "", value.toFixed(2)));
    return row;
  }

  /** What this reviewer said, and the others once they may be seen. */
  show(said, undo) {
    const mine = said && said.mine;
    $("accept").setAttribute("aria-pressed", String(Boolean(mine && mine.verdict === "accepted")));
    $("reject").setAttribute("aria-pressed", String(Boolean(mine && mine.verdict === "rejected")));
    $("mine").textContent = mine ? `You ${mine.verdict} it${mine.reason ? `: ${mine.text || mine.reason}` : ""}.` : "";
    const others = (said && said.others) || [];
    $("others").replaceChildren(...others.map((o) => make("li", "", `${o.reviewer} ${o.verdict} it${o.reason ? `: ${o.text || o.reason}` : ""}`)));
    $("holds").textContent = others.length ? `${said.ruling} holds` : "";
    [...$("stars").children].forEach((star, k) => star.classList.toggle("on", Boolean(said && said.stars > k)));
    $("undo").disabled = !undo;
  }
}
