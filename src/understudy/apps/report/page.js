// One time cursor per clip: the pointer, the film and every plot show the same moment.
document.querySelectorAll("section.clip").forEach((clip) => {
  const plots = [...clip.querySelectorAll("svg[data-t0]")];
  const film = clip.querySelector("video");
  const clock = clip.querySelector(".clock");
  const start = film ? Number(film.dataset.start) : 0;
  let pointing = false;
  const show = (t) => {
    clock.textContent = "t = " + t.toFixed(2) + " s";
    for (const plot of plots) {
      const d = plot.dataset, share = (t - d.t0) / (d.t1 - d.t0), line = plot.querySelector(".cursor");
      const x = Number(d.x0) + share * (d.x1 - d.x0);
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
      line.setAttribute("visibility", share >= 0 && share <= 1 ? "visible" : "hidden");
    }
  };
  const timeAt = (plot, event) => {
    const box = plot.getBoundingClientRect(), d = plot.dataset;
    const x = ((event.clientX - box.left) / box.width) * plot.viewBox.baseVal.width;
    const share = Math.min(1, Math.max(0, (x - d.x0) / (d.x1 - d.x0)));
    return Number(d.t0) + share * (d.t1 - d.t0);
  };
  for (const plot of plots) {
    plot.addEventListener("pointermove", (event) => { pointing = true; show(timeAt(plot, event)); });
    plot.addEventListener("pointerleave", () => { pointing = false; });
    plot.addEventListener("click", (event) => {
      const t = timeAt(plot, event) - start;
      if (film && t >= 0 && t <= film.duration) { film.currentTime = t; }
    });
  }
  if (film) {
    const follow = () => {
      if (!pointing && !film.paused) { show(start + film.currentTime); }
      requestAnimationFrame(follow);
    };
    follow();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) { return; }
    film.removeAttribute("controls");
    film.title = "click to stop and go on";
    film.addEventListener("click", () => { film.paused ? film.play() : film.pause(); });
    new IntersectionObserver((seen) => { seen[0].isIntersecting ? film.play().catch(() => {}) : film.pause(); }).observe(film);
  }
});
