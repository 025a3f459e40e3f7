// The newest picture of each camera, fetched one after the other, so that the line for what matters stays free.

import { STATES, since, spoken } from "./streams.js";

const EVERY_MS = 400;
const PAUSE_MS = 100;

export class Cameras {
  constructor(place) {
    this.place = place;
    this.figures = new Map();
    this.on = false;
    this.run();
  }

  show(streams) {
    const cameras = streams.filter((s) => s.kind === "image");
    this.place.hidden = cameras.length === 0;
    this.on = true;
    for (const s of cameras) {
      const figure = this.figure(s.stream);
      figure.className = s.state;
      const [sign, word] = STATES[s.state];
      const told = s.state === "dead" ? `${sign} ${word} ${since(s.age_s)} ago` : s.state === "ok" ? `${s.measured_hz.toFixed(1)} Hz` : `${sign} ${word}`;
      figure.lastChild.lastChild.textContent = told;
    }
  }

  unknown() {
    this.on = false;
    for (const figure of this.figures.values()) figure.lastChild.lastChild.textContent = STATES.unknown.join(" ");
  }

  figure(key) {
    if (!this.figures.has(key)) {
      const figure = document.createElement("figure"), caption = document.createElement("figcaption");
      figure.append(Object.assign(new Image(), { alt: `newest picture of ${spoken(key)}` }), caption);
      caption.append(Object.assign(document.createElement("span"), { textContent: spoken(key) }), document.createElement("span"));
      this.figures.set(key, figure);
      this.place.append(figure);
    }
    return this.figures.get(key);
  }

  async run() {
    for (let turn = 0; ; turn++) {
      const started = performance.now();
      for (const [key, figure] of this.figures) {
        if (this.on && !document.hidden && figure.className !== "absent") await this.fetch(key, figure.firstChild, turn);
      }
      await new Promise((next) => setTimeout(next, Math.max(PAUSE_MS, EVERY_MS - (performance.now() - started))));
    }
  }

  fetch(key, image, turn) {
    return new Promise((done) => {
      const next = new Image();
      next.onload = () => {
        image.src = next.src;
        done();
      };
      next.onerror = done;
      setTimeout(done, 2000);
      next.src = `picture?camera=${encodeURIComponent(key)}&turn=${turn}`;
    });
  }
}
