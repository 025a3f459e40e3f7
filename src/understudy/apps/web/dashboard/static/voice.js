// What stops and what comes back is said aloud, once each. Without a voice the page does everything else.

import { spoken } from "./streams.js";

const GATHER_MS = 120;
const BACK_MS = 1000;
const NAMED = 2;
const KEPT = "understudy voice";

export class Voice {
  constructor(button) {
    this.button = button;
    this.synthesis = window.speechSynthesis || null;
    this.muted = localStorage.getItem(KEPT) === "off";
    button.disabled = !this.synthesis;
    button.addEventListener("click", () => this.toggle());
    for (const act of ["click", "keyup"]) document.addEventListener(act, () => this.label());
    this.label();
  }

  toggle() {
    this.muted = !this.muted;
    localStorage.setItem(KEPT, this.muted ? "off" : "on");
    if (this.muted) this.synthesis.cancel();
    else this.say("voice on");
    this.label();
  }

  label() {
    const asleep = navigator.userActivation && !navigator.userActivation.hasBeenActive;
    this.button.textContent = !this.synthesis ? "No voice here" : this.muted ? "Voice off" : asleep ? "Click once for the voice" : "Voice on";
    this.button.setAttribute("aria-pressed", String(!this.muted));
  }

  say(text) {
    if (this.muted || !this.synthesis) return;
    const saying = new SpeechSynthesisUtterance(text);
    saying.lang = "en";
    this.synthesis.speak(saying);
  }
}

// Streams that stop within a moment are said in one breath; one that returned counts as back when it has stayed for a second.
export class Events {
  constructor(voice) {
    this.voice = voice;
    this.stopped = null;
    this.returning = new Map();
    this.waiting = { stopped: [], back: [] };
  }

  see(streams, now = performance.now()) {
    const dead = new Set(streams.filter((s) => s.state === "dead").map((s) => s.stream));
    if (this.stopped === null) this.stopped = new Set(dead);
    for (const key of dead) {
      this.returning.delete(key);
      if (!this.stopped.has(key)) {
        this.stopped.add(key);
        this.wait("stopped", key);
      }
    }
    const alive = new Set(streams.filter((s) => s.state !== "dead" && s.state !== "absent").map((s) => s.stream));
    for (const key of [...this.stopped].filter((key) => alive.has(key))) {
      if (!this.returning.has(key)) this.returning.set(key, now);
      if (now - this.returning.get(key) < BACK_MS) continue;
      this.returning.delete(key);
      this.stopped.delete(key);
      this.wait("back", key);
    }
  }

  wait(what, key) {
    this.waiting[what].push(key);
    if (this.waiting[what].length === 1) setTimeout(() => this.tell(what), GATHER_MS);
  }

  tell(what) {
    const keys = this.waiting[what].splice(0);
    const names = keys.map(spoken);
    const who = names.length <= NAMED + 1 ? names.join(", ") : `${names.slice(0, NAMED).join(", ")} and ${names.length - NAMED} more`;
    this.voice.say(what === "stopped" ? `${who} stopped` : `${who} ${names.length > 1 ? "are" : /s$/.test(who) ? "are" : "is"} back`);
  }
}
