// Everything over time below the picture: ruler, findings, marks, segments, contacts and plots, with one cursor through all of them.

import { Plots, ticks } from "./plots.js";
import { SegmentLane } from "./segments.js";

const make = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
const MEASURE_MS = 250;
const TELL_MS = 90;
const WORST = { reject: 0, warn: 1, info: 2 };
export const clock = (s) => `${Math.floor(s / 60)}:${(Math.floor(100 * (s % 60)) / 100).toFixed(2).padStart(5, "0")}`;

export class Tracks {
  constructor(place, { seek, edited, pick }) {
    this.place = place;
    this.pick = pick;
    this.top = make("div", "top");
    this.lanes = make("div", "lanes");
    this.cursor = make("div", "cursor");
    const plots = make("div", "plots");
    this.plots = new Plots(plots);
    this.segments = new SegmentLane(edited);
    const axis = make("div", "axis");
    axis.append(this.top, this.lanes, plots, this.cursor);
    place.append(axis);
    this.measured = { at: -Infinity, left: 0, width: 0 };
    this.told = -Infinity;
    this.begun = null;
    this.drag(seek);
  }

  drag(seek) {
    const at = (e) => {
      const box = this.top.querySelector(".lane").getBoundingClientRect();
      return Math.min(1, Math.max(0, (e.clientX - box.left) / box.width)) * this.duration;
    };
    let dragging = false;
    this.place.addEventListener("pointerdown", (e) => {
      if (e.button || !e.target.closest(".lane") || e.target.closest(".edge, input, select, button")) return;
      dragging = true;
      this.place.setPointerCapture(e.pointerId);
      seek(at(e));
    });
    this.place.addEventListener("pointermove", (e) => dragging && seek(at(e)));
    for (const end of ["pointerup", "pointercancel"]) this.place.addEventListener(end, () => (dragging = false));
  }

  load(episode, said, reviewer) {
    this.duration = Math.max(episode.duration_s, 1e-3);
    this.begun = null;
    const ruler = this.row("", make("div", "lane ruler"));
    for (const t of ticks(0, this.duration, 10)) this.put(ruler.lane, t, t, "tick", `${Number(t.toFixed(3))} s`);
    this.marks = this.row("Marks", make("div", "lane"));
    this.segments.load(episode, reviewer, this.duration);
    const segments = this.row("Segments", this.segments.lane);
    segments.line.lastChild.append(this.segments.note);
    this.top.replaceChildren(ruler.line, ...this.findings(episode.findings), segments.line, this.segments.editor, this.marks.line);
    this.lanes.replaceChildren(...episode.lanes.map((lane) => this.contact(lane)));
    this.plots.load(episode.panels, this.duration);
    this.showMarks(said);
  }

  row(title, lane, right = "") {
    const line = make("div", "row"), gutter = make("div", "gutter");
    gutter.append(make("b", "", title));
    line.append(gutter, lane, make("div", "legend", right));
    return { line, lane };
  }

  put(lane, from, to, className, text = "") {
    const box = make("div", className, text);
    [from, to] = [from, to].map((t) => Math.min(this.duration, Math.max(0, t)));
    box.style.left = `${(100 * from) / this.duration}%`;
    if (to > from) box.style.width = `${(100 * (to - from)) / this.duration}%`;
    lane.append(box);
    return box;
  }

  /** One lane per gate that found something at a time. */
  findings(findings) {
    const timed = findings.filter((f) => f.start_s !== null);
    const gates = [...new Set(timed.map((f) => f.gate))];
    return gates.map((gate) => {
      const mine = timed.filter((f) => f.gate === gate).sort((a, b) => WORST[b.severity] - WORST[a.severity]);
      const { line, lane } = this.row(gate.replaceAll("_", " "), make("div", "lane track"), mine[mine.length - 1].severity);
      line.classList.add(`worst-${mine[mine.length - 1].severity}`);
      for (const f of mine) {
        const box = this.put(lane, f.start_s, f.end_s ?? f.start_s, `box ${f.severity}`);
        box.title = f.message;
        box.addEventListener("click", () => this.pick(f));
      }
      return line;
    });
  }

  contact({ name, side, faint, spans }) {
    const { line, lane } = this.row(name, make("div", "lane track thin"), "on the ground");
    for (const [from, to] of spans) this.put(lane, from, to, `box ${side}${faint ? " faint" : ""}`).title = `${name} on the ground, ${from.toFixed(2)} to ${to.toFixed(2)} s`;
    return line;
  }

  showMarks(said) {
    this.marks.lane.replaceChildren();
    for (const mark of (said && said.marks) || []) {
      const box = this.put(this.marks.lane, mark.start_ns * 1e-9, mark.end_ns * 1e-9, "box mark", mark.text);
      box.title = `${mark.by}: ${(mark.start_ns * 1e-9).toFixed(2)} to ${(mark.end_ns * 1e-9).toFixed(2)} s ${mark.text}`;
    }
    this.half = this.begun === null ? null : this.put(this.marks.lane, this.begun, this.begun, "box mark half");
    this.marks.line.hidden = !this.marks.lane.childElementCount;
  }

  begin(t, said) {
    this.begun = t;
    this.showMarks(said);
  }

  /** Where the lanes are, looked at now and then: asking costs the browser a layout. */
  measure(now) {
    const lane = this.top.querySelector(".lane");
    if (lane && now - this.measured.at > MEASURE_MS) this.measured = { at: now, left: lane.offsetLeft, width: lane.clientWidth };
    return this.measured;
  }

  show(t, now) {
    const { left, width } = this.measure(now);
    this.cursor.style.transform = `translateX(${left + (t / this.duration) * width}px)`;
    if (this.half) {
      this.half.style.left = `${(100 * Math.min(this.begun, t)) / this.duration}%`;
      this.half.style.width = `${(100 * Math.abs(t - this.begun)) / this.duration}%`;
    }
    if (now - this.told < TELL_MS) return;
    this.told = now;
    this.plots.show(t);
  }
}
