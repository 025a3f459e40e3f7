// The review page: who is here, which episode is open, and what is said about it.

import { Folder } from "./folder.js";
import { fillSheet, listen } from "./keys.js";
import { Outbox } from "./outbox.js";
import { Player, SPEEDS } from "./player.js";
import { Queue } from "./queue.js";
import { Server } from "./server.js";
import { Stage } from "./stage.js";
import { Tracks, clock } from "./tracks.js";
import { Verdict } from "./verdict.js";

const $ = (id) => document.getElementById(id);
const LOOK_MS = 2500;
const SETTLES_MS = 1500;
const NAME = "understudy reviewer";
const root = document.documentElement;
const source = window.understudyFolder ? new Folder(window.understudyFolder) : new Server();

class Page {
  constructor(facts, bytes) {
    this.facts = facts;
    this.reviewer = localStorage.getItem(NAME) || "";
    this.state = { lists: {}, said: {}, undo: null, progress: {}, unapplied: {}, damaged: [], trouble: "" };
    this.current = { episode: "", list: "" };
    this.episode = null;
    this.ahead = new Map();
    this.fresh = new Map();
    this.mine = [];
    this.history = [];
    this.version = 0;
    this.lost = "";
    this.stage = new Stage(facts.robot, bytes);
    this.player = new Player(() => this.showTransport());
    this.queue = new Queue($("queue"), (id, list) => this.open(id, list));
    this.verdict = new Verdict(facts.reasons, {
      decide: (...what) => this.decide(...what), rate: (stars) => this.rate(stars), undo: () => this.undo(), seek: (t) => this.show(t),
    });
    this.tracks = new Tracks($("tracks"), {
      seek: (t) => this.player.seek(t), edited: (now, before) => this.say({ kind: "segments", segments: now, before }), pick: (f) => this.show(f.start_s),
    });
    this.outbox = new Outbox(source, facts.key, (sent) => this.sent(sent));
    for (const entry of this.outbox.entries) if (entry.reviewer === this.reviewer) this.foresee(entry);
    this.wire();
  }

  /** A line that waits to be saved, after a reload: its episode counts as decided. */
  foresee(entry) {
    if (entry.kind === "decision") this.fresh.set(entry.episode, entry.verdict);
    else if (entry.kind === "undo") this.fresh.delete(entry.episode);
  }

  show(t) {
    this.player.playing = false;
    this.player.seek(t);
  }

  // What is said -----------------------------------------------------------------------------------------------------------------

  /** Put a line into the outbox; its id is known from here on. */
  say(what, episode = this.current.episode) {
    const id = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
    const entry = { id, at: new Date().toISOString(), reviewer: this.reviewer, episode, ...what };
    this.version++;
    this.ahead.delete(episode);
    if (entry.kind !== "undo") this.mine.push({ id, episode, kind: entry.kind });
    this.outbox.add(entry);
    return id;
  }

  decide(verdict, reason, text) {
    if (!this.episode || !this.named()) return;
    const { episode } = this.current, seconds = Math.round(10 * this.spent()) / 10;
    this.say({ kind: "decision", verdict, reason, text, seconds });
    this.fresh.set(episode, verdict);
    this.remember(episode, { mine: { verdict, reason, text }, others: [], ruling: verdict });
    this.flash(verdict === "accepted" ? "✓ accepted" : `✕ rejected: ${text || reason}`, verdict);
    this.next();
  }

  rate(stars) {
    if (!this.episode || !this.named()) return;
    this.say({ kind: "rating", stars });
    this.remember(this.current.episode, { stars });
    this.flash(`${"★".repeat(stars)}${"☆".repeat(5 - stars)}`, "");
  }

  mark() {
    if (!this.episode || !this.named()) return;
    const now = this.player.time;
    if (this.tracks.begun === null) {
      this.tracks.begin(now, this.said());
      this.flash("mark begun: m ends it", "");
      return;
    }
    const [from, to] = [this.tracks.begun, now].sort((a, b) => a - b), most = this.episode.span_ns;
    const mark = { start_ns: Math.min(most, Math.round(from * 1e9)), end_ns: Math.min(most, Math.round(to * 1e9)) };
    this.say({ kind: "mark", ...mark, text: "" });
    this.tracks.begun = null;
    this.remember(this.current.episode, { marks: [...((this.said() || {}).marks || []), { ...mark, text: "", by: this.reviewer }] });
    this.flash(`marked ${from.toFixed(2)} to ${to.toFixed(2)} s`, "");
  }

  undo() {
    if (this.tracks.begun !== null) return this.escape();
    const last = this.mine.pop() || this.state.undo;
    if (!last) return this.flash("nothing to take back", "");
    this.say({ kind: "undo", undoes: last.id }, last.episode);
    this.state.undo = null;
    this.fresh.delete(last.episode);
    if (last.kind === "decision") this.remember(last.episode, { mine: null, others: [], ruling: null }, true);
    this.flash(`taken back: ${last.kind}`, "");
    this.reopen = last.kind === "segments" && last.episode === this.current.episode;
    if (last.episode !== this.current.episode) this.open(last.episode, this.listOf(last.episode), { playing: false });
  }

  /** Show at once what was said, before the server has it. */
  remember(episode, what) {
    this.state.said[episode] = { ...(this.state.said[episode] || {}), ...what };
    this.showState();
  }

  said() {
    return this.state.said[this.current.episode];
  }

  async sent(sent) {
    this.showSaved();
    if (!sent || this.outbox.waiting) return;
    await this.look();
    if (!this.reopen || this.outbox.waiting) return; // what is taken back meanwhile is reopened once it is saved itself
    this.reopen = false;
    this.open(this.current.episode, this.current.list, { playing: false, at: this.player.time });
  }

  // Which episode is open --------------------------------------------------------------------------------------------------------

  listOf(id) {
    return (this.queue.rows.find((row) => row.episode === id) || { list: "" }).list;
  }

  fetch(id) {
    if (!this.ahead.has(id)) {
      if (this.ahead.size > 3) this.ahead.delete(this.ahead.keys().next().value);
      const got = source.episode(id);
      got.catch(() => this.ahead.delete(id));
      this.ahead.set(id, got);
    }
    return this.ahead.get(id);
  }

  async open(id, list, { playing = true, at = 0, back = false } = {}) {
    if (!back && this.current.episode && this.current.episode !== id) this.history.push(this.current);
    this.current = { episode: id, list };
    this.episode = null;
    this.begunAt = performance.now();
    this.away = 0;
    $("message").hidden = true;
    document.body.dataset.state = "loading";
    this.showState();
    try {
      const episode = await this.fetch(id);
      if (this.current.episode !== id) return;
      this.load(episode, playing, at);
    } catch (error) {
      if (this.current.episode !== id) return;
      document.body.dataset.state = "failed";
      this.tell("This episode cannot be shown", `${error.message}. What was said about it is kept. n goes on to the next.`);
    }
  }

  load(episode, playing, at) {
    this.episode = { ...episode, segments: (this.said() || {}).segments || episode.segments };
    const motion = this.stage;
    motion.load(source, this.episode);
    const steps = motion.motion ? Array.from({ length: motion.motion.rows }, (_, k) => motion.motion.timeAt(k)) : episode.cameras.length ? episode.cameras[0].t : [0, episode.duration_s];
    this.player.load(steps.length > 1 ? steps : [0, episode.duration_s]);
    this.tracks.load(this.episode, this.said(), this.reviewer);
    this.verdict.load(this.episode);
    $("title").textContent = episode.task;
    $("about").textContent = [episode.instruction, episode.operator && `by ${episode.operator}`, episode.source, `${episode.duration_s.toFixed(1)} s`, episode.id].filter(Boolean).join(" · ");
    document.body.dataset.state = "open";
    this.showState();
    this.player.seek(at);
    if (playing && !document.hidden) this.player.play();
    const next = this.queue.next(this.current);
    if (next) setTimeout(() => this.fetch(next.episode).catch(() => null), 400);
  }

  next() {
    const row = this.queue.next(this.current);
    if (row) return this.open(row.episode, row.list);
    if (this.current.episode) this.history.push(this.current);
    this.current = { episode: "", list: "" };
    this.episode = null;
    this.player.playing = false;
    this.showTransport();
    this.showState();
    document.body.dataset.state = "done";
    this.tell("All done", source.static ? "Download your decisions and send them back." : "Nothing waits for you. New episodes are drawn as soon as they are in the dataset.");
  }

  previous() {
    const row = this.history.pop() || this.queue.previous(this.current);
    if (row) this.open(row.episode, row.list, { back: true });
  }

  /** Seconds that the episode has been before somebody's eyes. */
  spent() {
    return (performance.now() - this.begunAt - this.away) / 1000;
  }

  // What is shown ----------------------------------------------------------------------------------------------------------------

  tell(what, why) {
    $("message").hidden = false;
    $("message").querySelector("b").textContent = what;
    $("message").querySelector("span").textContent = why;
  }

  flash(text, kind) {
    $("flash").textContent = text;
    $("flash").className = kind;
    $("flash").classList.remove("gone");
    clearTimeout(this.fading);
    this.fading = setTimeout(() => $("flash").classList.add("gone"), 1100);
  }

  async look() {
    const version = this.version, waited = this.outbox.waiting; // asked before all is saved, an answer may know of less than the page
    try {
      const state = await source.state(this.reviewer, this.current.episode);
      this.lost = "";
      if (version !== this.version || waited || this.outbox.waiting) Object.assign(this.state, { trouble: state.trouble, unapplied: state.unapplied });
      else {
        this.state = state;
        this.fresh.clear();
      }
    } catch (error) {
      this.lost = error instanceof TypeError || error.name === "TimeoutError" ? "The page has lost Understudy. Is `understudy review` still running? Go on: what you say is kept in this browser until it is back." : error.message;
    }
    this.showState();
    this.showSaved();
    if (!this.current.episode && this.reviewer && !this.lost) this.next();
  }

  showState() {
    const { lists, progress, undo, trouble, damaged, unapplied } = this.state;
    this.queue.show(lists, this.current, this.fresh, this.state.claims || {});
    this.verdict.show(this.said(), this.mine.length || undo);
    if (this.episode) this.tracks.showMarks(this.said());
    const rows = this.queue.rows.filter((row) => row.list === "drawn"), left = rows.filter((row) => this.queue.waits(row)).length;
    $("progress").querySelector("i").style.width = `${rows.length ? (100 * (rows.length - left)) / rows.length : 0}%`;
    $("progress").querySelector("span").textContent = rows.length ? `${left} of ${rows.length} drawn wait for you` : "";
    const agreed = progress.together ? `reviewers agree on ${progress.agreement.toFixed(0)} % of ${progress.together}${progress.kappa === null ? "" : `, kappa ${progress.kappa.toFixed(2)}`}` : "";
    const pace = progress.seconds_per_hundred ? `${(progress.seconds_per_hundred / 60).toFixed(1)} min for 100 episodes` : "";
    $("dataset").textContent = [this.facts.dataset, progress.episodes && `${progress.episodes} episodes`, pace, agreed].filter(Boolean).join(" · ");
    const said = [this.lost, trouble, ...damaged, ...Object.values(unapplied).map((why) => `Said and saved, but not followed yet: ${why}`)].filter(Boolean);
    $("alarm").hidden = !said.length;
    $("alarm").textContent = said.join("\n");
  }

  showSaved() {
    const chip = $("saved"), { waiting, refused, trouble } = this.outbox;
    const words = source.static ? `${source.entries.length} kept in this browser` : waiting ? `${waiting} not saved yet` : refused.length ? `${refused.length} refused` : "all saved";
    chip.textContent = words;
    chip.className = `chip ${waiting ? "odd" : refused.length ? "bad" : "good"}`;
    chip.title = waiting ? trouble : refused.length ? `${refused.map((r) => r.why).join("\n")}\nClick to let them go` : "on the disk of the computer that serves this page";
  }

  showTransport() {
    const { playing, ended, speed } = this.player;
    $("play").textContent = playing ? "❚❚" : "▶";
    $("play").title = playing ? "stop (space)" : "play (space)";
    $("ended").hidden = !ended;
    for (const button of $("speeds").children) button.setAttribute("aria-pressed", String(Number(button.dataset.speed) === speed));
  }

  /** Whether anything moves, or did a moment ago: a still picture costs nothing. */
  stirred(now, time) {
    const { azimuth, elevation, distance } = this.stage.scene.camera, box = $("middle");
    const seen = [time, azimuth, elevation, distance, box.clientWidth, box.clientHeight, root.dataset.theme, document.body.dataset.view, this.episode && this.episode.id].join();
    if (seen !== this.seen) this.until = now + SETTLES_MS;
    this.seen = seen;
    return now < this.until;
  }

  draw(now) {
    this.player.tick(now);
    const { time, duration } = this.player;
    $("time").textContent = `${clock(time)} / ${clock(duration)}`;
    if (!this.stirred(now, time)) return;
    this.stage.draw(time);
    if (this.episode) this.tracks.show(time, now);
  }

  // Keys and buttons -------------------------------------------------------------------------------------------------------------

  named() {
    if (this.reviewer) return true;
    this.askName();
    return false;
  }

  askName() {
    $("name").value = this.reviewer;
    $("who-dialog").showModal();
    $("name").select();
  }

  setName(name) {
    this.reviewer = name;
    localStorage.setItem(NAME, name);
    $("who").textContent = name;
    this.mine = [];
    this.fresh.clear();
    this.look();
  }

  escape() {
    if (this.tracks.begun !== null) {
      this.tracks.begun = null;
      this.tracks.showMarks(this.said());
      this.flash("mark taken back", "");
    }
    this.verdict.ask(false);
    this.tracks.segments.close();
  }

  press(key, shift) {
    if (/^[1-5]$/.test(key)) {
      if (!this.verdict.asking) this.rate(Number(key));
      else if (Number(key) <= this.facts.reasons.length) this.verdict.choose(Number(key) - 1);
      return true;
    }
    const does = {
      a: () => this.decide("accepted", "", ""), r: () => this.named() && this.verdict.ask(!this.verdict.asking), u: () => this.undo(), m: () => this.mark(),
      n: () => this.next(), p: () => this.previous(), c: () => this.stage.cycle(), f: () => this.stage.face(this.player.time),
      e: () => this.episode && this.named() && this.tracks.segments.edit(this.player.time),
      s: () => this.episode && this.named() && (this.tracks.segments.split(this.player.time) || this.flash("too near a boundary to split", "")),
      " ": () => this.player.toggle(), "?": () => $("help").showModal(), "-": () => this.player.faster(-1), "+": () => this.player.faster(1), "=": () => this.player.faster(1),
      ArrowLeft: () => (shift ? this.show(this.player.time - 1) : this.player.step(-1)), ArrowRight: () => (shift ? this.show(this.player.time + 1) : this.player.step(1)),
      Escape: () => this.escape(),
    }[key];
    if (does) does();
    return Boolean(does);
  }

  wire() {
    listen((key, shift) => this.press(key, shift));
    fillSheet($("sheet"));
    const click = (id, does) => $(id).addEventListener("click", (e) => {
      e.currentTarget.blur();
      does();
    });
    click("play", () => this.player.toggle());
    click("back", () => this.player.step(-1));
    click("on", () => this.player.step(1));
    click("mark", () => this.mark());
    click("view", () => this.stage.cycle());
    click("next", () => this.next());
    click("previous", () => this.previous());
    click("ask", () => $("help").showModal());
    click("close", () => $("help").close());
    click("who", () => this.askName());
    click("theme", () => this.setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
    click("download", () => this.download());
    click("saved", () => this.outbox.refused.length && this.outbox.forget());
    for (const speed of SPEEDS) {
      const button = Object.assign(document.createElement("button"), { className: "plain", textContent: `${speed}×` });
      button.dataset.speed = speed;
      button.addEventListener("click", () => {
        button.blur();
        this.player.setSpeed(speed);
      });
      $("speeds").append(button);
    }
    $("who-form").addEventListener("submit", (e) => {
      const name = $("name").value.trim().replace(/\s+/g, " ");
      if (name) return this.setName(name);
      e.preventDefault();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        this.hiddenAt = performance.now();
        this.player.playing = false;
        this.showTransport();
      } else if (this.hiddenAt) this.away += performance.now() - this.hiddenAt;
    });
    document.body.dataset.static = String(source.static);
    $("who").textContent = this.reviewer || "who are you?";
  }

  setTheme(name) {
    root.dataset.theme = name;
    this.stage.readTheme();
    this.tracks.plots.draw();
  }

  download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([source.text()], { type: "application/x-ndjson" }));
    link.download = `reviews-${this.facts.dataset}-${this.reviewer}.jsonl`.replace(/[^\w.-]+/g, "_");
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  run() {
    const frame = (now) => {
      this.draw(now);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    if (!this.reviewer) this.askName();
    this.look();
    setInterval(() => this.look(), LOOK_MS);
  }
}

async function begin() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  root.dataset.theme = dark.matches ? "dark" : "light";
  const [facts, bytes] = [await source.facts(), await source.robot()];
  document.title = `${facts.dataset} · Understudy review`;
  const page = new Page(facts, bytes);
  dark.addEventListener("change", () => page.setTheme(dark.matches ? "dark" : "light"));
  page.run();
}

begin().catch((error) => {
  document.body.dataset.state = "failed";
  $("message").hidden = false;
  $("message").querySelector("b").textContent = "The page cannot begin";
  $("message").querySelector("span").textContent = error.message;
});
