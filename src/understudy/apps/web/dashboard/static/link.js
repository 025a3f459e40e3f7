// The line to the server: one question at a time, answered as soon as there is something new. Silence is told within a second.

const SILENT_MS = 850;
const LOOK_MS = 50;
const AGAIN_MS = 150;

export const ended = "The page has lost Understudy. Is `understudy record` still running?";

export async function post(body) {
  const answer = await fetch("do", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: AbortSignal.timeout(12000),
  });
  const told = answer.headers.get("Content-Type") === "application/json" ? await answer.json() : { error: await answer.text() };
  if (!answer.ok) throw new Error(told.error || answer.statusText);
  return told;
}

export const get = async (path) => (await fetch(path, { signal: AbortSignal.timeout(5000) })).json();

export async function follow(show, gone) {
  let after = 0, heard = performance.now();
  setInterval(() => {
    if (performance.now() - heard > SILENT_MS) gone(ended);
  }, LOOK_MS);
  for (;;) {
    try {
      const answer = await fetch(`state?after=${after}`, { signal: AbortSignal.timeout(2000) });
      if (!answer.ok) throw new Error(await answer.text());
      const told = await answer.json();
      heard = performance.now();
      after = told.serial;
      told.link === "ok" ? show(told) : gone(`The recorder does not answer: ${told.why}`, told);
    } catch (error) {
      if (error instanceof TypeError || error.name === "TimeoutError") gone(ended);
      else gone(error.message);
      await new Promise((next) => setTimeout(next, AGAIN_MS));
    }
  }
}
