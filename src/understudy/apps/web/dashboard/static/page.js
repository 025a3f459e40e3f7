// The page: what the recorder says goes to its places, the moment it is there. Nothing here decides anything about a recording.

import { Cameras } from "./cameras.js";
import { follow, get } from "./link.js";
import { Streams, since, spoken } from "./streams.js";
import { Take } from "./take.js";
import { Takes } from "./takes.js";
import { Events, Voice } from "./voice.js";

const $ = (id) => document.getElementById(id);
const NAMED = 4, NEWS = 6, LOW_MIN = 5, BUSY_BYTES = 1e6;
let facts, voice, events, streams, cameras, take, takes, seen = -1, lost = false;

const listed = (names) => (names.length <= NAMED ? names.join(", ") : `${names.slice(0, NAMED - 1).join(", ")} and ${names.length - NAMED + 1} more`);

function bar(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
  $(id).hidden = !text;
}

function showAlarm(all, away) {
  const dead = all.filter((s) => s.state === "dead"), never = all.filter((s) => s.state === "absent" && s.required);
  const age = dead.length ? Math.min(...dead.map((s) => s.age_s)) : 0;
  bar("alarm", dead.length ? `✕ ${listed(dead.map((s) => spoken(s.stream)))} stopped ${since(age)} ago` : "");
  const missing = [
    never.length && `? required and not seen yet: ${listed(never.map((s) => spoken(s.stream)))}`,
    away.length && `? not back since the recorder was started again: ${listed(away.map(spoken))}`,
  ];
  bar("caution", missing.filter(Boolean).join("; "));
  const odd = all.filter((s) => ["slow", "fast"].includes(s.state)).length;
  const [word, kind] = dead.length ? [`✕ ${dead.length} stopped`, "bad"] : never.length + away.length ? [`? ${never.length + away.length} not seen`, "odd"] : odd ? [`▼ ${odd} at a wrong rate`, "odd"] : ["✓ all streams", "good"];
  $("overall").textContent = word;
  $("overall").className = `chip ${kind}`;
  return dead.length;
}

function showMachine(health) {
  const minutes = health.disk_left_s === null ? null : health.disk_left_s / 60;
  const left = minutes === null ? "" : minutes > 600 ? ", for many hours" : `, for ${Math.floor(minutes)} min`;
  $("disk").textContent = `${(health.disk_free_bytes / 1e9).toFixed(1)} GB${left}`;
  $("disk").className = minutes !== null && minutes < LOW_MIN ? "bad" : "";
  $("cpu").textContent = `${(100 * health.cpu_share).toFixed(0)} % of a core, ${(health.memory_bytes / 1e6).toFixed(0)} MB`;
  $("queue").textContent = `${(health.queue_bytes / 1e6).toFixed(1)} MB, ${health.queue_depth} entries`;
  $("queue").className = health.queue_bytes > BUSY_BYTES ? "odd" : "";
  $("rate").textContent = `${health.streams.reduce((sum, s) => sum + (s.state === "dead" ? 0 : s.mb_per_min), 0).toFixed(0)} MB/min`;
}

function showNews(health, said) {
  const refused = health.refusals.map((r) => `refused: ${r.stream || r.producer || "a message"}: ${r.reason}`);
  const lines = [...new Set([health.message, ...said.toReversed(), ...refused.toReversed()])].filter(Boolean).slice(0, NEWS);
  $("news-section").hidden = lines.length === 0;
  const text = lines.join("\n");
  if ($("news").dataset.text === text) return;
  $("news").dataset.text = text;
  $("news").replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
}

async function showTakes(changes) {
  if (changes === seen) return;
  const before = seen;
  seen = changes;
  try {
    $("counts").textContent = takes.show(await get("takes.json"));
    take.setLast(takes.last);
  } catch {
    seen = before;
  }
}

function show(told) {
  const { health } = told;
  if (lost) voice.say("the recorder is back");
  lost = false;
  document.body.dataset.link = "ok";
  const dead = showAlarm(health.streams, streams.show(health.streams, facts.streams));
  events.see(health.streams);
  take.show(health.take, told.finalizing);
  cameras.show(health.streams);
  showMachine(health);
  showNews(health, told.said);
  showTakes(told.takes);
  const recording = health.take.activity === "recording" ? "● " : "";
  document.title = `${recording}${dead ? `✕ ${dead} stopped · ` : ""}${facts.dataset} · Understudy record`;
}

function gone(why) {
  if (document.body.dataset.link === "gone" && $("alarm").textContent === `✕ ${why}`) return;
  if (!lost && document.body.dataset.link === "ok") voice.say("the recorder does not answer");
  lost = lost || document.body.dataset.link === "ok";
  document.body.dataset.link = "gone";
  bar("alarm", `✕ ${why}`);
  bar("caution", "");
  $("overall").textContent = "✕ no connection";
  $("overall").className = "chip bad";
  streams.unknown();
  cameras.unknown();
  take.unknown();
  document.title = "✕ no connection · Understudy record";
}

async function begin() {
  facts = await get("facts.json");
  $("dataset").textContent = `${facts.dataset} · ${facts.robot}`;
  voice = new Voice($("voice"));
  events = new Events(voice);
  streams = new Streams($("streams"), $("optional"));
  cameras = new Cameras($("cameras"));
  take = new Take(facts, voice);
  takes = new Takes($("takes"));
  follow(show, gone);
}

begin().catch((error) => bar("alarm", `✕ ${error.message}`));
