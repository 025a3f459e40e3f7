// The same page without a server: data come from script files beside it, what is said stays in the browser until it is downloaded.

import { Drawer } from "./outbox.js";

export class Folder {
  static = true;

  constructor(given) {
    this.given = given;
    this.waiting = new Map();
    given.give = (number, facts) => this.waiting.get(number)(facts);
  }

  async facts() {
    const facts = this.given.facts;
    this.drawer = new Drawer(`understudy review ${facts.key} said`);
    return facts;
  }

  async robot() {
    const bytes = Uint8Array.from(atob(this.given.robot), (c) => c.charCodeAt(0));
    this.given.robot = "";
    return bytes.buffer;
  }

  number(id) {
    return this.given.facts.numbers[id];
  }

  episode(id) {
    const number = this.number(id);
    return new Promise((done, fail) => {
      if (number === undefined) return fail(new Error(`${id} is not in this folder`));
      this.waiting.set(number, done);
      const script = document.createElement("script");
      script.src = `data/${number}.js`;
      script.onerror = () => fail(new Error(`data/${number}.js cannot be read: is the folder whole?`));
      script.onload = () => script.remove();
      document.head.append(script);
    });
  }

  async pictures(id, camera, first, count) {
    const name = camera.split("/")[1], folder = `images/${this.number(id)}/${name}`;
    return Array.from({ length: count }, (_, k) => async () => {
      const image = new Image();
      image.src = `${folder}/${String(first + k).padStart(6, "0")}.jpg`;
      await image.decode();
      return image;
    });
  }

  async say(entry) {
    this.drawer.put(entry);
    return { saved: true, applied: true, message: "" };
  }

  get entries() {
    return this.drawer.all().map(({ thing }) => thing);
  }

  text() {
    return this.entries.map((entry) => JSON.stringify(entry) + "\n").join("");
  }

  async state(reviewer) {
    const undone = new Set(this.entries.filter((e) => e.kind === "undo").map((e) => e.undoes));
    const mine = this.entries.filter((e) => e.reviewer === reviewer && e.kind !== "undo" && !undone.has(e.id)), said = {};
    const of = (id) => (said[id] = said[id] || { marks: [] });
    for (const e of mine) {
      if (e.kind === "decision") Object.assign(of(e.episode), { mine: { verdict: e.verdict, reason: e.reason, text: e.text }, others: [], ruling: e.verdict });
      else if (e.kind === "rating") of(e.episode).stars = e.stars;
      else if (e.kind === "mark") of(e.episode).marks.push({ ...e, by: reviewer });
      else if (e.kind === "segments") of(e.episode).segments = e.segments;
    }
    const row = (r) => {
      const decided = said[r.episode] && said[r.episode].mine;
      return { ...r, todo: r.todo && !decided, status: decided ? "done" : r.status, verdict: decided ? decided.verdict : r.verdict };
    };
    const lists = Object.fromEntries(Object.entries(this.given.facts.lists).map(([name, rows]) => [name, rows.map(row)]));
    const last = mine[mine.length - 1], drawn = lists.drawn || [];
    return {
      lists, said, trouble: "", damaged: [], unapplied: {},
      undo: last ? { id: last.id, episode: last.episode, kind: last.kind } : null,
      progress: { drawn: drawn.length, done: drawn.filter((r) => !r.todo).length },
    };
  }
}
