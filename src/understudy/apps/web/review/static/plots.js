// Curves over time: one row per panel, title and unit on the left, the values under the cursor on the right.

const HEIGHT = 84;
const PAD = 8;
/** A plot spans at least this much of its unit: noise is not blown up to the size of a motion. */
const LEAST = { m: 0.1, rad: 0.2, N: 20, cm: 1 };
const STEPS = [1, 2, 2.5, 5, 10];
const make = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

export function ticks(low, high, wanted) {
  const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = STEPS.map((s) => s * power).find((s) => s >= raw * 0.999);
  const out = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + 1e-9 * step; v += step) out.push(Math.abs(v) < step * 1e-6 ? 0 : v);
  return out;
}

export const figure = (v) => (Math.abs(v) >= 100 ? v.toFixed(0) : Math.abs(v) >= 10 ? v.toFixed(1) : v.toFixed(2)).replace("-", "\u2212");

export class Plots {
  constructor(place) {
    this.place = place;
    this.panels = [];
    new ResizeObserver(() => this.draw()).observe(place);
  }

  load(panels, duration) {
    this.duration = duration;
    this.panels = panels.map((panel) => new Panel(panel));
    this.place.replaceChildren(...this.panels.map((panel) => panel.row));
    this.draw();
  }

  draw() {
    const style = getComputedStyle(document.documentElement);
    for (const panel of this.panels) panel.draw(this.duration, style);
  }

  show(t) {
    for (const panel of this.panels) panel.show(t);
  }
}

class Panel {
  constructor({ title, unit, curves }) {
    this.curves = curves.map((curve, k) => ({ ...curve, dashed: curve.side !== "" && curves.slice(0, k).some((c) => c.side === curve.side) }));
    const values = curves.flatMap((c) => c.v.filter((v) => v !== null));
    let low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    if (!values.length) [low, high] = [0, 1];
    const spare = Math.max(0.06 * (high - low), ((LEAST[unit] || 0.1) - (high - low)) / 2);
    [this.low, this.high] = [low - spare, high + spare];
    this.row = make("div", "row panel");
    const head = make("div", "gutter");
    head.append(make("b", "", title), make("span", "soft", unit));
    this.canvas = document.createElement("canvas");
    const middle = make("div", "lane plot");
    middle.append(this.canvas);
    this.legend = make("ul", "legend");
    this.numbers = this.curves.map((curve, k) => {
      const item = document.createElement("li"), number = make("b", "");
      item.style.setProperty("--curve", `var(${colour(curve, k)})`);
      item.append(make("i", curve.dashed ? "dashed" : ""), make("span", "", curve.name), number);
      this.legend.append(item);
      return number;
    });
    this.row.append(head, middle, this.legend);
  }

  draw(duration, style) {
    const width = this.canvas.parentElement.clientWidth;
    if (!width) return;
    const scale = devicePixelRatio, pen = this.canvas.getContext("2d");
    Object.assign(this.canvas, { width: width * scale, height: HEIGHT * scale });
    pen.scale(scale, scale);
    const x = (t) => (t / (duration || 1)) * width, y = (v) => HEIGHT - PAD - ((v - this.low) / (this.high - this.low)) * (HEIGHT - 2 * PAD);
    pen.font = "11px system-ui, sans-serif";
    pen.lineWidth = 1;
    const marks = ticks(this.low, this.high, 4).filter((v) => y(v) > 14);
    for (const v of marks) {
      pen.strokeStyle = style.getPropertyValue("--line");
      pen.beginPath();
      pen.moveTo(0, Math.round(y(v)) + 0.5);
      pen.lineTo(width, Math.round(y(v)) + 0.5);
      pen.stroke();
    }
    pen.lineWidth = 1.4;
    pen.lineJoin = "round";
    this.curves.forEach((curve, k) => {
      pen.strokeStyle = style.getPropertyValue(colour(curve, k));
      pen.beginPath();
      let down = false;
      curve.t.forEach((t, i) => {
        if (t === null) down = false;
        else {
          pen[down ? "lineTo" : "moveTo"](x(t), y(curve.v[i]));
          down = true;
        }
      });
      pen.setLineDash(curve.dashed ? [5, 3] : []);
      pen.stroke();
    });
    pen.setLineDash([]);
    for (const v of marks) this.label(pen, style, String(Number(v.toPrecision(4))).replace("-", "\u2212"), Math.round(y(v)) - 2);
  }

  /** A number that stays legible on whatever curve runs under it. */
  label(pen, style, text, at) {
    pen.lineWidth = 3;
    pen.strokeStyle = style.getPropertyValue("--card");
    pen.strokeText(text, 3, at);
    pen.fillStyle = style.getPropertyValue("--soft");
    pen.fillText(text, 3, at);
  }

  show(t) {
    this.curves.forEach((curve, k) => {
      const value = valueAt(curve, t);
      this.numbers[k].textContent = value === null ? "–" : figure(value);
    });
  }
}

const colour = (curve, k) => (curve.side === "left" ? "--left" : curve.side === "right" ? "--right" : `--curve-${k % 7}`);

function valueAt({ t: times, v }, t) {
  let low = 0, high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((times[middle] ?? times[middle - 1]) <= t) low = middle;
    else high = middle - 1;
  }
  return v.length ? v[low] : null;
}
