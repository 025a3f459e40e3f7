// The line to `understudy review`: what is shown comes from it, what is said goes to it.

const json = async (path, timeout) => {
  const answer = await fetch(path, { signal: AbortSignal.timeout(timeout) });
  if (!answer.ok) throw new Error(await why(answer));
  return answer.json();
};

async function why(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error || text;
  } catch {
    return text || answer.statusText;
  }
}

export class Server {
  static = false;

  facts() {
    return json("facts.json", 20000);
  }

  async robot() {
    return (await fetch("robot.bin")).arrayBuffer();
  }

  episode(id) {
    return json(`episode?id=${encodeURIComponent(id)}`, 30000);
  }

  state(reviewer, episode) {
    return json(`state?reviewer=${encodeURIComponent(reviewer)}&episode=${encodeURIComponent(episode)}`, 8000);
  }

  async pictures(id, camera, first, count) {
    const answer = await fetch(`images?id=${encodeURIComponent(id)}&camera=${encodeURIComponent(camera)}&first=${first}&count=${count}`);
    if (!answer.ok) throw new Error(await why(answer));
    const buffer = await answer.arrayBuffer(), view = new DataView(buffer), found = view.getUint32(0, true);
    const pictures = [];
    let at = 4 * (found + 1);
    for (let k = 0; k < found; k++) {
      const length = view.getUint32(4 * (k + 1), true), blob = new Blob([new Uint8Array(buffer, at, length)], { type: "image/jpeg" });
      pictures.push(() => createImageBitmap(blob));
      at += length;
    }
    return pictures;
  }

  /** Saved on disk when this returns. A refusal is an Error with `refused`; no answer is one without. */
  async say(entry) {
    const answer = await fetch("do", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(entry), signal: AbortSignal.timeout(10000),
    });
    if (answer.ok) return answer.json();
    throw Object.assign(new Error(await why(answer)), { refused: answer.status === 400 });
  }
}
