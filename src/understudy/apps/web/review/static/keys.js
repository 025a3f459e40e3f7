// Every key, what it does, and the sheet that says so.

export const KEYS = [
  ["Verdict", [["a", "accept"], ["r", "reject, then 1 to 4 for the reason"], ["1 … 5", "your rating, apart from the computed score"], ["u", "undo what you said last"]]],
  ["Watching", [["space", "play, stop"], ["← →", "one step"], ["shift ← →", "one second"], ["− +", "slower, faster: 0.5x to 4x"], ["c", "cameras, robot, both"], ["f", "look at the robot from the front"]]],
  ["Moving on", [["n", "next that waits for you"], ["p", "previous"]]],
  ["On the timeline", [["m", "begin a mark, and again to end it"], ["e", "edit the segment under the cursor"], ["s", "split it there"], ["esc", "close, take a half mark back"]]],
];

export function fillSheet(place) {
  for (const [title, rows] of KEYS) {
    const part = document.createElement("section"), head = document.createElement("h2"), list = document.createElement("dl");
    head.textContent = title;
    for (const [key, what] of rows) {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      for (const one of key.split(" ")) dt.append(one === "…" ? " to " : Object.assign(document.createElement("kbd"), { textContent: one }), " ");
      dd.textContent = what;
      list.append(dt, dd);
    }
    part.append(head, list);
    place.append(part);
  }
}

/** `does` is asked with a key's name and whether shift is held; it answers whether it knows the key. */
export function listen(does) {
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
    if (e.target.closest("input, select, textarea")) {
      if (e.key === "Escape") e.target.blur();
      return;
    }
    if (e.repeat && !e.key.startsWith("Arrow")) return;
    if ((e.key === " " || e.key === "Enter") && e.target.closest("button, summary")) {
      if (e.key === "Enter") return;
      e.target.blur();
    }
    if (does(e.key.length === 1 ? e.key.toLowerCase() : e.key, e.shiftKey)) e.preventDefault();
  });
}
