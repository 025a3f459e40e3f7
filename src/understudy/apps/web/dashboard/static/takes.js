// What came of the takes: the gates' verdict with its reasons, and what came of every stream.

import { spoken } from "./streams.js";

const WORDS = {
  accepted: "✓ passed", rejected: "✕ refused", discarded: "⊘ discarded", failed: "✕ no episode", unchecked: "– not checked",
};
const COLUMNS = ["stream", "samples", "Hz", "jitter ms", "gaps", "lost", "dropped", "refused", "MB"];

const make = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

export class Takes {
  constructor(place) {
    this.place = place;
    this.last = "";
    this.open = new Set();
  }

  show({ takes, counts, recovered }) {
    this.last = takes.length ? takes[0].take : "";
    this.place.parentElement.hidden = takes.length === 0;
    this.place.replaceChildren(...takes.map((take) => this.entry(take)));
    const bad = counts.rejected + counts.failed;
    const parts = [`${counts.accepted + counts.unchecked} good`, bad && `${bad} refused`, counts.discarded && `${counts.discarded} discarded`];
    if (recovered) parts.push(`${recovered} recovered`);
    return takes.length ? parts.filter(Boolean).join(", ") : "none yet";
  }

  entry(take) {
    const item = document.createElement("li"), details = document.createElement("details"), head = document.createElement("summary");
    const length = Math.max(0, ...take.digest.map((row) => (row.measured_hz ? row.samples / row.measured_hz : 0)));
    head.append(make("span", `outcome ${take.outcome}`, WORDS[take.outcome]), make("span", "id", take.take));
    if (length) head.append(make("span", "soft", `${length.toFixed(1)} s`));
    if (take.recovered) head.append(make("span", "outcome discarded", "↺ recovered after its recorder had died"));
    details.append(head, this.digest(take.digest));
    details.open = this.open.has(take.take);
    details.addEventListener("toggle", () => (details.open ? this.open.add(take.take) : this.open.delete(take.take)));
    item.append(details);
    if (take.error) item.append(make("span", "why reject", take.error));
    for (const finding of take.findings.filter((f) => f.severity !== "info")) {
      item.append(make("span", `why ${finding.severity}`, `${finding.gate}: ${finding.message}`));
    }
    for (const sentence of take.warnings) item.append(make("span", "why warn", sentence));
    return item;
  }

  digest(rows) {
    const table = document.createElement("table"), head = table.createTHead().insertRow(), body = table.createTBody();
    for (const [k, name] of COLUMNS.entries()) head.append(make("th", k ? "n" : "", name));
    for (const row of rows) {
      const cells = [
        spoken(row.stream), row.samples, row.measured_hz.toFixed(1), row.jitter_ms.toFixed(2), row.gaps, row.lost,
        row.dropped_by_producer + row.dropped_by_recorder, row.refused, (row.bytes / 1e6).toFixed(1),
      ];
      const line = body.insertRow();
      for (const [k, text] of cells.entries()) line.append(make("td", `${k ? "n" : ""}${k > 3 && k < 8 && text > 0 ? " count" : ""}`, String(text)));
    }
    return table;
  }
}
