// The page: asks for the newest snapshot again and again, one request at a time, and shows it. Old ones are never queued.

import { Scene } from "./scene.js";

const $ = (id) => document.getElementById(id);
const WORDS = {
  preparing: "preparing", waiting: "waiting", calibrating: "calibrating", live: "live", held: "held", failed: "stopped", gone: "no connection",
};
const NAMES = { left_arm: "left hand", right_arm: "right hand", left_leg: "left foot", right_leg: "right foot" };
const PERIOD_MS = 1000 / 30;
const MOVEMENT_S = 6;
const FADE_MS = 150;
const root = document.documentElement;
let facts, scene, snapshot = null, theme, faced = false, calibratingSince = 0, recording = false;
const redUntil = new Map();

function readTheme() {
  const style = getComputedStyle(root);
  const rgb = (name) => [1, 3, 5].map((k) => parseInt(style.getPropertyValue(name).trim().slice(k, k + 2), 16) / 255);
  theme = {
    sky: rgb("--sky"), floor: rgb("--floor"), line: rgb("--grid"), shade: rgb("--shade"),
    left: rgb("--body-left"), right: rgb("--body-right"), middle: rgb("--middle"), lift: Number(style.getPropertyValue("--lift")),
  };
}

function setTheme(name) {
  root.dataset.theme = name;
  readTheme();
}

async function ask(what, more = {}) {
  const answer = await fetch("do", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ do: what, ...more }),
  });
  if (!answer.ok) $("said").textContent = (await answer.json()).error || answer.statusText;
}

function toggleTake() {
  if ($("record").disabled) return;
  const label = Object.fromEntries(["task", "instruction", "demonstrator"].map((id) => [id, $(id).value]));
  recording ? ask("stop") : ask("record", label);
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function clock(s) {
  return `${Math.floor(s / 60)}:${(s % 60).toFixed(1).padStart(4, "0")}`;
}

function showTake(take) {
  recording = take.recording;
  document.body.classList.toggle("recording", recording);
  $("record").disabled = !take.possible || (!recording && !["live", "held"].includes(snapshot.state));
  $("record").querySelector("span").textContent = recording ? "Stop" : "Record";
  $("record").querySelector("time").textContent = recording ? clock(take.duration_s) : "";
  for (const id of ["task", "instruction", "demonstrator"]) $(id).disabled = recording || !take.possible;
  $("said").textContent = take.possible ? take.message || (take.saving ? "saving…" : "") : "Start with --into DIR to record.";
  $("said").classList.toggle("bad", take.unsaved > 0);
  $("again").hidden = take.unsaved === 0;
  document.title = `${recording ? "● " : ""}${facts.robot} · Understudy live`;
}

function showReach({ residual_m, infeasible, held = [], lost = [] }) {
  facts.ends.forEach((limb, k) => {
    const row = $("reach").children[k], cm = residual_m && snapshot.bodies ? 100 * residual_m[k] : 0;
    const away = lost.includes(limb) ? "lost" : held.includes(limb) ? "unseen" : "";
    row.className = away ? "away" : infeasible && infeasible[k] ? "over" : "";
    row.querySelector("i").style.width = `${Math.min(10 * cm, 100)}%`;
    row.querySelector("b").textContent = away || (snapshot.bodies ? cm.toFixed(1) : "–");
  });
}

function showFigures(figures) {
  const put = (id, value, digits = 0) => ($(id).textContent = value === null || value === undefined ? "–" : value.toFixed(digits));
  put("source_hz", figures.source_hz, figures.source_hz < 100 ? 1 : 0);
  put("latency_p50_ms", figures.latency_p50_ms, 1);
  put("step_p99_ms", figures.step_p99_ms, 2);
  put("age", figures.age_s === null ? null : 1000 * figures.age_s);
  for (const id of ["lost", "late", "duplicates", "skipped", "damaged", "restarts"]) put(id, figures[id]);
  $("damaged").parentElement.classList.toggle("bad", figures.damaged > 0);
  $("damage").textContent = figures.last_damage;
}

function showState(state, message, progress) {
  document.body.dataset.state = state;
  $("state").textContent = WORDS[state];
  const banner = $("banner");
  banner.hidden = !["held", "failed", "gone"].includes(state);
  if (state === "held") {
    const [what, then] = message.split("; ");
    banner.innerHTML = "";
    banner.append(capital(what), Object.assign(document.createElement("small"), { textContent: then }));
  } else banner.textContent = message;
  const ahead = ["preparing", "waiting", "calibrating"].includes(state);
  $("task-ahead").hidden = !ahead;
  if (ahead) {
    const [what, why = ""] = message.split(/: (?=[^:]*$)/);
    $("say").textContent = capital(what);
    $("why").textContent = capital(why);
    $("progress").style.width = `${100 * progress}%`;
  }
  calibratingSince = state === "calibrating" ? calibratingSince || performance.now() : 0;
  $("movement").hidden = !calibratingSince || performance.now() - calibratingSince < 1000 * MOVEMENT_S;
}

function show(got) {
  snapshot = got;
  showState(got.state, got.message, got.progress);
  showTake(got.take);
  showFigures(got.figures);
  showReach(got);
  if (got.human && !faced) {
    scene.face(got.human);
    faced = true;
  }
}

function draw() {
  if (snapshot) {
    const now = performance.now();
    (snapshot.infeasible || []).forEach((over, k) => over && redUntil.set(facts.ends[k], now + FADE_MS));
    const red = new Set([...redUntil].filter(([, until]) => until > now).map(([limb]) => limb));
    scene.draw({ human: snapshot.human, bodies: snapshot.bodies, red, ghost: new Set([...(snapshot.lost || [])]) }, theme);
  } else scene.draw({ red: new Set(), ghost: new Set() }, theme);
}

async function follow() {
  for (;;) {
    const started = performance.now();
    try {
      const answer = await fetch("state", { signal: AbortSignal.timeout(2000) });
      if (!answer.ok) throw new Error(await answer.text());
      show(await answer.json());
    } catch {
      showState("gone", "The page has lost Understudy. Is `understudy live` still running?", 0);
      await new Promise((next) => setTimeout(next, 500));
    }
    await new Promise((next) => setTimeout(next, Math.max(0, PERIOD_MS - (performance.now() - started))));
  }
}

function listen() {
  const canvas = $("scene");
  canvas.addEventListener("pointerdown", (e) => canvas.setPointerCapture(e.pointerId));
  canvas.addEventListener("pointermove", (e) => {
    if (!e.buttons) return;
    scene.camera.azimuth -= 0.008 * e.movementX;
    scene.camera.elevation = Math.min(1.5, Math.max(-0.05, scene.camera.elevation + 0.006 * e.movementY));
  });
  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    scene.camera.distance = Math.min(15, Math.max(1.2, scene.camera.distance * Math.exp(0.001 * e.deltaY)));
  }, { passive: false });
  const face = () => snapshot && snapshot.human && scene.face(snapshot.human);
  canvas.addEventListener("dblclick", face);
  $("record").addEventListener("click", toggleTake);
  $("again").addEventListener("click", () => ask("save again"));
  $("recalibrate").addEventListener("click", () => ask("recalibrate"));
  $("movement").addEventListener("click", () => ask("calibrate on movement"));
  $("theme").addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
  document.addEventListener("keydown", (e) => {
    if (e.target instanceof HTMLInputElement || e.ctrlKey || e.metaKey || e.altKey || e.repeat) return;
    if (e.code === "Space") {
      e.preventDefault();
      toggleTake();
    } else if (e.key === "c") ask("recalibrate");
    else if (e.key === "f") face();
  });
}

async function begin() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
  scene = new Scene($("scene"));
  facts = await (await fetch("robot.json")).json();
  scene.setRobot(facts, await (await fetch("robot.bin")).arrayBuffer());
  $("source").textContent = facts.source;
  $("robot").textContent = facts.title;
  for (const [id, text] of Object.entries(facts.label)) $(id).value = text;
  for (const limb of facts.ends) {
    const row = document.createElement("li");
    row.innerHTML = "<span></span><div class=bar><i></i></div><b>–</b>";
    row.firstChild.textContent = NAMES[limb];
    $("reach").append(row);
  }
  listen();
  const frame = () => {
    draw();
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  follow();
}

begin().catch((error) => {
  document.body.dataset.state = "failed";
  $("banner").hidden = false;
  $("banner").textContent = error.message;
});
