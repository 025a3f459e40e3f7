// The band of segments: what is done when, in words. Boundaries are dragged, texts are typed.

const make = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
const LABELS = ["locomotion", "manipulation", "idle"];
const LEAST_NS = 50e6;

export class SegmentLane {
  constructor(edited) {
    this.edited = edited;
    this.lane = make("div", "lane segments");
    this.note = make("span", "soft");
    this.editor = make("div", "row editor");
    this.chosen = -1;
  }

  load(episode, reviewer, duration) {
    this.reviewer = reviewer;
    this.total = episode.span_ns;
    this.source = episode.source;
    this.duration = duration;
    this.parts = episode.segments.map((s) => ({ ...s }));
    this.saved = JSON.stringify(this.parts);
    this.close();
    this.draw();
  }

  draw() {
    const total = 1e9 * this.duration, share = (ns) => `${Math.min(100, (100 * ns) / total)}%`;
    this.lane.replaceChildren();
    this.parts.forEach((part, k) => {
      const box = make("button", `segment ${LABELS.includes(part.label) ? part.label : "other"}`);
      box.append(make("b", "", part.label), make("span", "", part.subtask ? ` ${part.subtask}` : ""));
      box.title = `${part.label}${part.subtask ? `: ${part.subtask}` : ""}, ${(part.start_ns / 1e9).toFixed(2)} to ${(part.end_ns / 1e9).toFixed(2)} s${part.by ? `, by ${part.by}` : ""}. Double-click to edit`;
      box.classList.toggle("chosen", k === this.chosen);
      box.style.left = share(part.start_ns);
      box.style.width = share(Math.min(part.end_ns, total) - part.start_ns);
      box.addEventListener("dblclick", () => this.open(k));
      this.lane.append(box);
    });
    for (let k = 0; k < this.parts.length; k++) for (const end of ["start_ns", "end_ns"]) this.edge(k, end, total);
    this.note.textContent = this.parts.length ? "e edit · s split" : "none: e makes one";
  }

  /** A boundary to drag; where two segments touch both follow it. */
  edge(k, end, total) {
    const at = this.parts[k][end], next = this.parts[k + 1], shared = end === "end_ns" && next && next.start_ns === at;
    if (end === "start_ns" && k > 0 && this.parts[k - 1].end_ns === at) return;
    const handle = make("div", "edge");
    handle.style.left = `${Math.min(100, (100 * at) / total)}%`;
    handle.title = "drag the boundary";
    handle.addEventListener("pointerdown", (e) => {
      e.preventDefault();
      handle.setPointerCapture(e.pointerId);
      const move = (m) => {
        const box = this.lane.getBoundingClientRect();
        const wanted = Math.round(((m.clientX - box.left) / box.width) * total);
        const low = end === "start_ns" ? (k ? this.parts[k - 1].end_ns : 0) : this.parts[k].start_ns + LEAST_NS;
        const high = end === "start_ns" ? this.parts[k].end_ns - LEAST_NS : shared ? next.end_ns - LEAST_NS : next ? next.start_ns : this.total;
        const moved = Math.min(high, Math.max(low, wanted));
        this.parts[k][end] = moved;
        if (shared) next.start_ns = moved;
        handle.style.left = `${(100 * moved) / total}%`;
      };
      handle.addEventListener("pointermove", move);
      handle.addEventListener("pointerup", () => {
        for (const one of [k, ...(shared ? [k + 1] : [])]) this.parts[one].by = this.reviewer;
        this.commit();
      }, { once: true });
    });
    this.lane.append(handle);
  }

  indexAt(t) {
    const at = Math.round(t * 1e9);
    return this.parts.findIndex((part) => part.start_ns <= at && at < part.end_ns + (part.end_ns === this.total ? 1 : 0));
  }

  /** Edit the segment at a time; where there is none at all, one over the whole episode. */
  edit(t) {
    if (!this.parts.length && this.total > 0) {
      this.parts = [{ start_ns: 0, end_ns: this.total, label: LABELS[0], source: this.source, subtask: "", by: this.reviewer }];
      this.commit();
    }
    const k = this.indexAt(t);
    if (k >= 0) this.open(k);
  }

  split(t) {
    const k = this.indexAt(t), at = Math.round(t * 1e9), part = this.parts[k];
    if (!part || at - part.start_ns < LEAST_NS || part.end_ns - at < LEAST_NS) return false;
    this.parts.splice(k, 1, { ...part, end_ns: at, by: this.reviewer }, { ...part, start_ns: at, by: this.reviewer });
    this.commit();
    return true;
  }

  open(k) {
    this.chosen = k;
    const part = this.parts[k], gutter = make("div", "gutter"), fields = make("div", "fields"), close = make("button", "plain", "Done");
    gutter.append(make("b", "", "Segment"));
    const label = document.createElement("select"), text = document.createElement("input"), drop = make("button", "plain", "Join with the one before");
    for (const name of [...new Set([...LABELS, part.label])]) label.append(new Option(name, name));
    label.value = part.label;
    Object.assign(text, { value: part.subtask, maxLength: 500, placeholder: "what is done here, in words" });
    const change = () => {
      if (label.value === part.label && text.value.trim() === part.subtask) return;
      Object.assign(part, { label: label.value, subtask: text.value.trim().replace(/\s+/g, " "), by: this.reviewer });
      this.commit();
    };
    label.addEventListener("change", change);
    text.addEventListener("change", change);
    text.addEventListener("keydown", (e) => {
      if (e.key !== "Enter") return;
      change();
      this.close();
      text.blur();
    });
    drop.hidden = k === 0;
    drop.addEventListener("click", () => {
      this.parts[k - 1] = { ...this.parts[k - 1], end_ns: part.end_ns, by: this.reviewer };
      this.parts.splice(k, 1);
      this.close();
      this.commit();
    });
    close.addEventListener("click", () => {
      change();
      this.close();
    });
    fields.append(label, text, drop, close);
    this.editor.replaceChildren(gutter, fields, make("div", "legend"));
    this.editor.hidden = false;
    this.draw();
    text.focus();
  }

  close() {
    this.chosen = -1;
    this.editor.hidden = true;
    this.editor.replaceChildren();
    if (this.parts) this.draw();
  }

  commit() {
    const now = JSON.stringify(this.parts), before = JSON.parse(this.saved);
    this.draw();
    if (now === this.saved) return;
    this.saved = now;
    this.edited(JSON.parse(now), before);
  }
}
