/* One request as a card: the clips of all systems side by side, each with its strip.
 *
 * One clip sounds at a time. While it plays, a cursor follows in its strip; a click into the strip
 * moves the clip there. "Play in turn" plays the systems one after another.
 */
"use strict";

svbench.lanes = (() => {
  const { el, load, meta, number, query, strip, times, ARROWS } = svbench;
  const cursors = new WeakMap(); // video -> its cursor
  const ABREAST = 5; // systems side by side where there is room
  let sounding = null;

  function follow(video) {
    const cursor = cursors.get(video);
    const whole = video.duration || meta.duration;
    cursor.style.left = `${(100 * Math.min(video.currentTime, whole)) / whole}%`;
    cursor.classList.add("visible");
    if (!video.paused && !video.ended) requestAnimationFrame(() => follow(video));
  }

  function started(video) {
    if (sounding && sounding !== video) sounding.pause();
    sounding = video;
    follow(video);
  }

  function player(view, row, caption) {
    const video = el("video", {
      controls: true,
      preload: "none",
      playsinline: true,
      src: view.video,
      poster: view.poster,
      style: `aspect-ratio:${meta.shape.join(" / ")}`,
      "aria-label": `${meta.rows[row].title}: ${caption}`,
    });
    video.addEventListener("play", () => started(video));
    video.addEventListener("seeked", () => follow(video));
    video.addEventListener("error", () => {
      video.replaceWith(el("p", { class: "problem" }, `${view.video} cannot be played here.`));
    });
    return video;
  }

  function seekable(drawn, video) {
    drawn.whole.classList.add("seekable");
    drawn.whole.addEventListener("click", (event) => {
      const box = drawn.whole.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      const go = () => {
        video.currentTime = share * (video.duration || meta.duration);
      };
      if (video.readyState) go();
      else {
        video.addEventListener("loadedmetadata", go, { once: true });
        video.load();
      }
    });
  }

  /** Return the numbers of a clip: the score that ranks the list, precision and recall, chance. */
  function numbers(values, place, state, group) {
    const items = [];
    const done = new Set();
    const add = (name, text) => items.push(el("div", {}, el("dt", {}, name), el("dd", {}, text)));
    const columns = [state.by, group === null ? null : meta.groups[group].column];
    for (const column of columns) {
      if (!query.perClip(column) || done.has(column)) continue;
      done.add(column);
      const { title, better, fields } = meta.columns[column];
      add(`${title} ${ARROWS[better]}`, number(values[column] ? values[column][place] : null));
      for (const name of fields.filter((field) => field !== "value")) {
        const found = values[`${column}.${name}`];
        add(name.replace("_", " "), number(found ? found[place] : null));
      }
    }
    return el("dl", { class: "numbers" }, items);
  }

  function lane(row, place, caption, state, parts) {
    const { values, events, views, group } = parts;
    const judged = meta.columns.some((_, c) => values[c] && values[c][place] !== null);
    const view = views ? views[row] : null;
    if (!judged && !view) return null; // the row has no clip of the request
    const { title, reference, floor } = meta.rows[row];
    if (floor) {
      const kind = el("h4", {}, title, el("span", { class: "tag" }, "floor"));
      return el("section", { class: "lane silent" }, [kind, numbers(values, place, state, group)]);
    }
    const found = events && events[row];
    const offset = place % meta.stretch;
    const detected = found && { onsets: times(found[0][offset]), peaks: times(found[1][offset]) };
    const motion = view && view.motion && group !== null ? view.motion[group] : null;
    const usable = view && !view.problem ? view : null;
    const drawn = strip.draw({
      events: detected,
      fps: motion ? motion.fps : group === null ? null : meta.groups[group].fps,
      view: usable,
      motion,
      duration: usable ? usable.duration : meta.duration,
      label: title,
    });
    const video = usable ? player(usable, row, caption) : null;
    if (video) {
      cursors.set(video, drawn.cursor);
      seekable(drawn, video);
    }
    const heading = el("h4", {}, title, reference ? el("span", { class: "tag" }, "control") : null);
    const problem = view && view.problem ? el("p", { class: "problem" }, view.problem) : null;
    const lost = usable && detected && !motion ? " Its motion curve is not kept in the run folder." : "";
    const summary = detected ? el("p", { class: "summary" }, `${drawn.summary}.${lost}`) : null;
    const parting = [heading, video, problem, drawn.whole, summary, numbers(values, place, state, group)];
    return el("section", { class: video ? "lane" : "lane silent" }, parting);
  }

  const REASONS = { best: "among the best", worst: "among the worst", between: "in between", all: "" };

  /** Make the card of the request at `place`. */
  async function card(place, state) {
    const requests = await load("requests");
    const group = query.groupOf(state.by);
    const rows = await Promise.all(state.systems.map((row) => load(`row-${row}`)));
    const stretch = Math.floor(place / meta.stretch);
    const events = group === null ? null : await load(`events-${group}-${stretch}`);
    const why = requests.views[place];
    const views = why === undefined ? null : await load(`view-${place}`);
    const [id, caption] = [requests.ids[place], requests.captions[place]];
    const lanes = state.systems
      .map((row, at) => lane(row, place, caption || id, state, { values: rows[at], events, views, group }))
      .filter(Boolean);
    const whole = el("article", { class: "card", "aria-labelledby": `card-${place}` });
    const aside = caption ? [el("code", {}, id)] : [];
    if (REASONS[why]) aside.push(el("span", { class: "tag" }, REASONS[why]));
    query.categories(requests, place).forEach((name, at) => {
      if (name) aside.push(el("span", { class: "tag" }, `${meta.kinds[at].name}: ${name}`));
    });
    if (why === undefined) aside.push(el("span", { class: "tag" }, "no video copied"));
    const head = el(
      "header",
      {},
      el("h3", { id: `card-${place}` }, caption || id),
      el("p", { class: "aside" }, aside),
    );
    const videos = lanes.map((one) => one.querySelector("video")).filter(Boolean);
    if (videos.length > 1) head.append(inTurn(videos, caption || id));
    whole.append(head, el("div", { class: "lanes", style: `--n:${Math.min(ABREAST, lanes.length)}` }, lanes));
    return whole;
  }

  /** Make the button that plays clips one after another. */
  function inTurn(videos, caption) {
    const button = el("button", { type: "button", class: "quiet" }, "Play in turn");
    button.append(el("span", { class: "unseen" }, `: ${caption}`));
    button.addEventListener("click", () => {
      const play = (at) => {
        if (at >= videos.length) return;
        videos[at].currentTime = 0;
        videos[at].addEventListener("ended", () => play(at + 1), { once: true });
        videos[at].play();
      };
      play(0);
    });
    return button;
  }

  return { card };
})();
