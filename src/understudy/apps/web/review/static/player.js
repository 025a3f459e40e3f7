// Time inside an episode: playing, scrubbing, stepping.

/** A browser that draws slowly leaves poses out and keeps the speed; what takes longer than this was no drawing. */
const MOST_S = 1;
export const SPEEDS = [0.5, 1, 2, 4];

export class Player {
  constructor(changed) {
    this.changed = changed;
    this.speed = 2;
    this.load([0]);
  }

  /** `steps`: times that a single step goes to, seconds. */
  load(steps) {
    this.steps = steps;
    this.duration = steps[steps.length - 1];
    this.time = 0;
    this.playing = false;
    this.ended = false;
    this.last = null;
  }

  tick(now) {
    const elapsed = this.last === null ? 0 : Math.min((now - this.last) / 1000, MOST_S);
    this.last = now;
    if (!this.playing) return;
    this.time = Math.min(this.duration, this.time + elapsed * this.speed);
    if (this.time >= this.duration) {
      this.playing = false;
      this.ended = true;
      this.changed();
    }
  }

  toggle() {
    if (!this.playing && this.time >= this.duration) this.time = 0;
    this.playing = !this.playing && this.duration > 0;
    this.ended = false;
    this.changed();
  }

  play() {
    if (!this.playing) this.toggle();
  }

  seek(t) {
    this.time = Math.min(this.duration, Math.max(0, t));
    this.ended = false;
    this.changed();
  }

  step(count) {
    this.playing = false;
    let k = this.steps.findIndex((t) => t > this.time + 1e-6);
    k = (k < 0 ? this.steps.length : k) - 1;
    this.seek(this.steps[Math.min(this.steps.length - 1, Math.max(0, k + count))]);
  }

  faster(by) {
    const k = SPEEDS.indexOf(this.speed) + by;
    this.setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, k))]);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.changed();
  }
}
