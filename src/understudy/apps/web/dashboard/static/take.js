// The running take, the fields of the next one, and what an operator can do.

import { post } from "./link.js";

const SURE_MS = 10000;
const $ = (id) => document.getElementById(id);
const plain = (name) => name.replace(/_id$/, "").replaceAll("_", " ");
export const clock = (s) => `${Math.floor(s / 60)}:${(Math.floor(10 * (s % 60)) / 10).toFixed(1).padStart(4, "0")}`;

export class Take {
  constructor(facts, voice) {
    this.fields = facts.fields;
    this.unlabelled = facts.unlabelled;
    this.kept = `understudy ${facts.dataset} ${facts.fields.map((field) => field.value).join(" ")}`;  // another start has other labels
    this.voice = voice;
    this.activity = "unknown";
    this.sure = { what: "", until: 0 };
    this.last = "";
    this.making = false;
    this.makeFields();
    $("toggle").addEventListener("click", () => this.toggle());
    $("mark").addEventListener("click", () => this.mark());
    $("discard").addEventListener("click", () => this.discard());
    document.addEventListener("keydown", (e) => this.press(e));
    for (const button of document.querySelectorAll("aside button")) button.addEventListener("pointerup", () => setTimeout(() => button.blur()));
  }

  makeFields() {
    const before = JSON.parse(sessionStorage.getItem(this.kept) || "{}");
    for (const field of this.fields) {
      const label = document.createElement("label");
      label.textContent = plain(field.name) + (field.required ? "" : " (may stay empty)");
      label.title = field.description;
      const choices = field.type === "boolean" ? ["true", "false"] : field.allowed;
      field.input = document.createElement(choices.length ? "select" : "input");
      if (choices.length) field.input.append(...["", ...choices].map((text) => Object.assign(new Option(text || "–", text))));
      else Object.assign(field.input, { maxLength: 1000, inputMode: ["number", "integer"].includes(field.type) ? "decimal" : "text", placeholder: field.description });
      field.input.name = field.name;
      field.input.value = before[field.name] ?? field.value;
      field.input.addEventListener("input", () => this.keep());
      field.label = label;
      label.append(field.input);
      $("fields").append(label);
    }
    $("fields").addEventListener("submit", (e) => e.preventDefault());
  }

  values() {
    return Object.fromEntries(this.fields.map((field) => [field.name, field.input.value.trim()]));
  }

  keep() {
    sessionStorage.setItem(this.kept, JSON.stringify(this.values()));
    this.unsure();
  }

  missing() {
    return this.fields.filter((field) => field.required && !field.input.value.trim());
  }

  show(take, finalizing) {
    this.activity = take.activity;
    this.making = finalizing.length > 0;
    document.body.dataset.activity = take.activity;
    $("activity").querySelector("b").textContent = { idle: "Idle", recording: "Recording", ending: "Ending" }[take.activity];
    $("activity").querySelector("time").textContent = take.activity === "idle" ? "" : clock(Math.max(take.duration_s - take.preroll_s, 0));
    const making = finalizing.length ? `making ${finalizing.length > 1 ? `${finalizing.length} episodes` : "an episode"}…` : "";
    const marks = take.marks ? `, ${take.marks} mark${take.marks > 1 ? "s" : ""}` : "";
    const running = `with ${take.preroll_s.toFixed(1)} s from before the start, ${(take.journal_bytes / 1e6).toFixed(0)} MB${marks}`;
    $("about").textContent = [take.activity === "idle" ? "" : `${take.id}: ${running}`, making].filter(Boolean).join("; ");
    if (performance.now() > this.sure.until) this.unsure();
    const asked = this.sure.what;
    $("toggle").querySelector("span").textContent = take.activity === "recording" ? "Stop" : asked === "start" ? "Start all the same" : "Start";
    $("toggle").classList.toggle("sure", asked === "start");
    $("discard").classList.toggle("sure", asked === "discard");
    $("toggle").disabled = false;
    $("mark").disabled = take.activity !== "recording";
    this.canDiscard();
    $("fields-title").textContent = take.activity === "idle" ? "Fields" : "Fields of the next take";
  }

  setLast(name) {
    this.last = name;
    this.canDiscard();
  }

  canDiscard() {
    $("discard").disabled = this.activity === "unknown" || (this.activity === "idle" && !this.last && !this.making);
  }

  unknown() {
    this.activity = "unknown";
    document.body.dataset.activity = "unknown";
    $("activity").querySelector("b").textContent = "Unknown";
    $("activity").querySelector("time").textContent = $("about").textContent = "";
    for (const id of ["toggle", "mark", "discard"]) $(id).disabled = true;
  }

  say(text, kind = "") {
    $("said").textContent = text;
    $("said").className = kind;
  }

  unsure() {
    if (this.sure.what) this.say("");
    this.sure = { what: "", until: 0 };
    for (const field of this.fields) field.label.classList.toggle("missing", field.label.classList.contains("missing") && !field.input.value.trim());
  }

  isSure(what, text) {
    if (this.sure.what === what && performance.now() < this.sure.until) return true;
    this.sure = { what, until: performance.now() + SURE_MS };
    this.say(text, "odd");
    return false;
  }

  async ask(body, told) {
    this.unsure();
    for (const field of this.fields) field.label.classList.remove("missing");
    try {
      this.say(told(await post(body)));
    } catch (error) {
      this.say(error.name === "TimeoutError" ? "no answer yet; look at the state above" : error.message, "bad");
    }
  }

  toggle() {
    if ($("toggle").disabled) return;
    this.activity === "recording" ? this.ask({ do: "stop" }, (got) => `${got.take}: ended`) : this.start();
  }

  start() {
    const missing = this.missing(), names = missing.map((field) => plain(field.name)).join(", ");
    for (const field of this.fields) field.label.classList.toggle("missing", missing.includes(field));
    const needed = missing.filter((field) => !field.skippable);
    if (needed.length) {
      needed[0].input.focus();
      this.say(`The schema needs ${needed.map((field) => plain(field.name)).join(", ")}: choose before you start.`, "bad");
      this.voice.say(`${needed.map((field) => plain(field.name)).join(", ")} missing`);
      return;
    }
    if (missing.length && !this.isSure("start", `Missing: ${names}. Start again to record all the same; it is written as “${this.unlabelled}”.`)) {
      this.voice.say(`${names} missing`);
      return;
    }
    this.ask({ do: "start", metadata: this.values() }, (got) => (got.message ? `Recording. ${got.message}` : ""));
  }

  mark() {
    if (!$("mark").disabled) this.ask({ do: "mark", label: $("label").value }, (got) => `mark ${got.marks}`);
  }

  discard() {
    if ($("discard").disabled) return;
    const running = this.activity !== "idle";
    if (!running && !this.isSure("discard", `Discard again to discard ${this.last || "the last take"}; it is kept in failures/.`)) return;
    this.ask({ do: "discard" }, (got) => `${got.take}: discarded, kept in failures/`);
  }

  press(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.repeat || e.target.closest("input, select, textarea")) return;
    if (e.code === "Space" && e.target.closest("button, summary")) return;
    const does = { " ": () => this.toggle(), m: () => this.mark(), d: () => this.discard() }[e.key.toLowerCase()];
    if (!does) return;
    e.preventDefault();
    does();
  }
}
