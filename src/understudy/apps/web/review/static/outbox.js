// What was said waits here, in the browser's own storage, until it is on the server's disk. Every line is an item of its own, so
// two tabs do not overwrite each other, and a line that is sent twice is one for the server.

const AGAIN_MS = 2000;

export class Drawer {
  constructor(prefix) {
    this.prefix = `${prefix} `;
    this.count = 0;
  }

  names() {
    return Object.keys(localStorage).filter((name) => name.startsWith(this.prefix)).sort();
  }

  put(thing) {
    const turn = `${Date.now()}`.padStart(15, "0") + `${this.count++}`.padStart(5, "0");
    localStorage.setItem(`${this.prefix}${turn} ${Math.random().toString(36).slice(2, 8)}`, JSON.stringify(thing));
  }

  all() {
    return this.names().map((name) => ({ name, thing: JSON.parse(localStorage.getItem(name)) }));
  }

  remove(name) {
    localStorage.removeItem(name);
  }
}

export class Outbox {
  constructor(source, key, changed) {
    Object.assign(this, { source, changed });
    this.drawer = new Drawer(`understudy review ${key} waiting`);
    this.refusals = new Drawer(`understudy review ${key} refused`);
    this.trouble = "";
    this.sending = false;
    setInterval(() => this.send(), AGAIN_MS);
    this.send();
  }

  get waiting() {
    return this.drawer.names().length;
  }

  get entries() {
    return this.drawer.all().map(({ thing }) => thing);
  }

  get refused() {
    return this.refusals.all().map(({ thing }) => thing);
  }

  add(entry) {
    this.drawer.put(entry);
    this.changed(false);
    this.send();
  }

  forget() {
    for (const name of this.refusals.names()) this.refusals.remove(name);
    this.changed(false);
  }

  async send() {
    if (this.sending) return;
    this.sending = true;
    let sent = 0;
    for (const { name, thing } of this.drawer.all()) {
      try {
        const answer = await this.source.say(thing);
        this.trouble = answer.message || "";
      } catch (error) {
        this.trouble = error.refused ? "" : error instanceof TypeError || error.name === "TimeoutError" ? "Understudy does not answer" : error.message;
        if (!error.refused) break;
        this.refusals.put({ entry: thing, why: error.message });
      }
      this.drawer.remove(name);
      sent++;
    }
    this.sending = false;
    if (sent || this.trouble) this.changed(sent > 0);
    if (sent && this.waiting) this.send();
  }
}
