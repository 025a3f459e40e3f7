// The episode's camera images: fetched some at a time ahead of the play head, drawn when their moment comes.

const AHEAD = 30;
const KEPT = 8;

export class Cameras {
  constructor(place) {
    this.place = place;
    this.views = [];
  }

  load(source, episode) {
    this.views = episode.cameras.map((camera) => new View(source, episode.id, camera));
    this.place.replaceChildren(...this.views.map((view) => view.figure));
    this.place.dataset.count = String(Math.min(this.views.length, 4));
  }

  show(t) {
    for (const view of this.views) view.show(t);
  }
}

class View {
  constructor(source, id, camera) {
    Object.assign(this, { source, id, camera });
    this.blocks = new Map();
    this.shown = -1;
    this.wanted = -1;
    this.busy = false;
    this.figure = document.createElement("figure");
    this.canvas = document.createElement("canvas");
    this.caption = document.createElement("figcaption");
    this.caption.textContent = camera.name;
    this.figure.append(this.canvas, this.caption);
  }

  show(t) {
    const times = this.camera.t;
    let low = 0, high = times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= t + 1e-6) low = middle;
      else high = middle - 1;
    }
    this.wanted = low;
    this.block(Math.floor(low / AHEAD));
    if ((low % AHEAD) > AHEAD / 3 && low + AHEAD < times.length + AHEAD) this.block(Math.floor(low / AHEAD) + 1);
    if (!this.busy && this.wanted !== this.shown) this.draw();
  }

  block(k) {
    if (k * AHEAD >= this.camera.t.length) return null;
    if (!this.blocks.has(k)) {
      const count = Math.min(AHEAD, this.camera.t.length - k * AHEAD);
      this.blocks.set(k, this.source.pictures(this.id, this.camera.key, k * AHEAD, count).catch((error) => this.fail(error)));
      if (this.blocks.size > KEPT) this.blocks.delete(this.blocks.keys().next().value);
    }
    return this.blocks.get(k);
  }

  fail(error) {
    this.caption.textContent = `${this.camera.name}: ${error.message}`;
    this.caption.className = "bad";
    return [];
  }

  async draw() {
    this.busy = true;
    const step = this.wanted;
    try {
      const pictures = await this.block(Math.floor(step / AHEAD));
      const make = pictures && pictures[step % AHEAD];
      if (make) {
        const image = await make();
        const width = image.naturalWidth || image.width, height = image.naturalHeight || image.height;
        if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
        this.canvas.getContext("2d").drawImage(image, 0, 0);
        if (image.close) image.close();
      }
    } catch {
      this.fail(new Error(`image ${step + 1} cannot be decoded`));
    }
    this.shown = step;
    this.busy = false;
  }
}
