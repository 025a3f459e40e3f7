// The lists on the left: what was drawn, the lowest scores, where reviewers differ, what the gates refused.

const make = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
const TITLES = {
  drawn: ["Drawn at random", "of every hundred episodes, so many are watched"],
  lowest: ["Lowest scores", "the worst five of a hundred, by the computed score"],
  disagreements: ["Reviewers differ", "as many for as against: one more decides; until then it is rejected"],
  refused: ["Refused by gates", "in failures/; accept one to bring it back"],
};
const SIGNS = { accepted: ["✓", "good", "accepted"], rejected: ["✕", "bad", "rejected"] };

export class Queue {
  constructor(place, open) {
    this.place = place;
    this.open = open;
    this.rows = [];
    this.folded = new Set(["refused"]);
    this.text = "";
  }

  /** Show the lists; rows that were just decided count as done before the server says so. */
  show(lists, current, fresh, claims) {
    this.claims = claims;
    this.rows = Object.entries(lists).flatMap(([list, rows]) => rows.map((row) => ({ ...row, list })));
    this.fresh = fresh;
    const text = JSON.stringify([lists, current, [...fresh], claims]);
    if (text === this.text) return;
    this.text = text;
    const parts = Object.entries(lists).filter(([, rows]) => rows.length).map(([list, rows]) => this.part(list, rows, current));
    const at = this.place.scrollTop;
    this.place.replaceChildren(...parts);
    if (!parts.length) this.place.append(make("p", "soft empty", "No episode to review yet. New ones are drawn from as soon as they are in the dataset."));
    this.place.scrollTop = at;
    const chosen = this.place.querySelector("[aria-current]");
    if (chosen) chosen.scrollIntoView({ block: "nearest" });
  }

  part(list, rows, current) {
    const part = document.createElement("details"), head = make("summary", ""), [title, why] = TITLES[list];
    const left = rows.filter((row) => this.waits(row)).length;
    head.append(make("b", "", title), make("span", "soft", list === "refused" ? String(rows.length) : left ? `${left} to do` : "all done"));
    head.title = why;
    part.open = !this.folded.has(list);
    part.addEventListener("toggle", () => (part.open ? this.folded.delete(list) : this.folded.add(list)));
    part.append(head, ...rows.map((row) => this.line({ ...row, list }, current)));
    return part;
  }

  line(row, current) {
    const line = make("button", "line"), decided = this.fresh.get(row.episode) || row.verdict;
    const [sign, kind, word] = SIGNS[decided] || (row.status === "half" && !row.todo ? ["◐", "soft", "waits for a second reviewer"] : row.todo ? ["○", "", "waits for you"] : ["·", "soft", "not asked"]);
    line.append(Object.assign(make("i", kind, sign), { title: word }));
    const text = make("span", "text");
    text.append(make("b", "", row.task), make("small", "", [short(row.episode), row.operator].filter(Boolean).join(" · ")));
    line.append(text);
    const side = make("span", "side");
    if (row.why) side.append(make("small", "bad", row.why.replaceAll("_", " ")));
    else if (row.rating !== null && row.rating !== undefined) side.append(make("small", "soft", row.rating.toFixed(2)));
    if (row.twice) side.append(Object.assign(make("small", "soft", "×2"), { title: "two people watch this one" }));
    const claimed = this.claims[row.episode];
    if (claimed) side.append(Object.assign(make("small", "warn", "●"), { title: `${claimed} is watching it` }));
    line.append(side);
    line.title = `${row.episode}: ${word}`;
    if (row.episode === current.episode && row.list === current.list) line.setAttribute("aria-current", "true");
    line.addEventListener("click", () => {
      line.blur();
      this.open(row.episode, row.list);
    });
    return line;
  }

  waits(row) {
    return row.todo && !this.fresh.has(row.episode);
  }

  /** The next row that waits for the reviewer, after the current one, then from the top; what others have open comes last. */
  next(current) {
    const at = this.rows.findIndex((row) => row.episode === current.episode && row.list === current.list);
    const turned = [...this.rows.slice(at + 1), ...this.rows.slice(0, at + 1)].filter((row) => row.episode !== current.episode && this.waits(row));
    return turned.find((row) => !this.claims[row.episode]) || turned[0] || null;
  }

  previous(current) {
    const at = this.rows.findIndex((row) => row.episode === current.episode && row.list === current.list);
    return at > 0 ? this.rows[at - 1] : null;
  }
}

export const short = (id) => (id.length > 26 ? `${id.slice(0, 12)}…${id.slice(-11)}` : id);
