// A study in the browser: it plays pairs of clips, keeps answers, and writes them into a file.
// Nothing is loaded from a network, and nothing is sent anywhere.
"use strict";

(() => {
  const SIDES = ["left", "right"];
  const study = JSON.parse(document.getElementById("study").textContent);
  const place = `svbench-study-${study.study}${location.hash}`; // raters with links of their own may share a browser
  const at = (name) => document.getElementById(name);
  const figures = SIDES.map(at);
  const videos = figures.map((figure) => figure.querySelector("video"));
  const answers = [...document.querySelectorAll("[data-choice]")];
  let state = load() || fresh();
  let trial = null; // what is shown: its clips, how often each was heard, what plays next

  // --- what is kept ---------------------------------------------------------------------------

  function load() {
    try {
      const found = JSON.parse(localStorage.getItem(place));
      return found && study.sheets[found.sheet] && Array.isArray(found.answers) ? found : null;
    } catch {
      return null; // no storage here, or it holds something else
    }
  }

  function save() {
    try {
      localStorage.setItem(place, JSON.stringify(state));
    } catch {
      // without storage a study cannot be resumed, but it can be answered
    }
  }

  function fresh() {
    return { rater: randomCode(), sheet: sheetOfLink() ?? randomBelow(study.sheets.length), started: "", finished: "", answers: [] };
  }

  function randomCode() {
    const bytes = crypto.getRandomValues(new Uint8Array(6));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function randomBelow(count) {
    return crypto.getRandomValues(new Uint32Array(1))[0] % count;
  }

  // index.html#3 is the link for the third rater.
  function sheetOfLink() {
    const number = /^#(\d+)$/.exec(location.hash);
    return number && study.sheets[number[1] - 1] ? number[1] - 1 : null;
  }

  const sheet = () => study.sheets[state.sheet];
  const now = () => new Date().toISOString();

  // --- parts of the page ------------------------------------------------------------------------

  function show(name) {
    for (const part of ["intro", "trial", "end"]) at(part).hidden = part !== name;
    window.scrollTo(0, 0);
  }

  function next() {
    if (!state.started) return intro();
    return state.answers.length < sheet().length ? showTrial() : finish();
  }

  function intro() {
    at("count").textContent = sheet().length;
    at("agree").checked = false;
    at("begin").disabled = true;
    show("intro");
  }

  function showTrial() {
    const number = state.answers.length;
    const [id, left, right, caption] = sheet()[number];
    trial = { id, shown: performance.now(), heard: [0, 0], queue: [], current: 0, broken: false };
    [left, right].forEach((code, side) => {
      videos[side].src = address(code);
      videos[side].load();
    });
    at("progress").max = sheet().length;
    at("progress").value = number;
    at("progress-text").textContent = `Pair ${number + 1} of ${sheet().length}`;
    at("caption").textContent = study.captions[caption];
    at("caption").hidden = !study.captions[caption];
    show("trial");
    refresh();
    at("question").focus({ preventScroll: true });
  }

  function address(code) {
    return study.embedded ? study.embedded[code] : `clips/${code}.mp4`;
  }

  function refresh() {
    const ready = trial.heard.every((times) => times > 0);
    for (const button of answers) button.disabled = !ready;
    figures.forEach((figure, side) => {
      const playing = !videos[side].paused && !videos[side].ended;
      figure.classList.toggle("playing", playing);
      figure.querySelector(".play").textContent = `${playing ? "Pause" : "Play"} ${SIDES[side]}`;
      figure.querySelector(".heard").textContent = ["", "played"][trial.heard[side]] ?? `played ${trial.heard[side]} times`;
    });
    if (!trial.broken) at("hint").textContent = ready ? "" : "Play both clips to their end, then answer.";
  }

  // --- playing ----------------------------------------------------------------------------------

  function start(side, queue = []) {
    videos[1 - side].pause();
    trial.current = side;
    trial.queue = queue;
    videos[side].currentTime = 0;
    play(side);
  }

  function play(side) {
    videos[1 - side].pause();
    trial.current = side;
    videos[side].play().catch((error) => {
      if (error.name === "NotAllowedError") return waiting(side);
      if (error.name !== "AbortError") broken(); // AbortError: paused before it began
    });
  }

  function broken() {
    trial.broken = true;
    at("hint").textContent = "A clip cannot be played here. Please try another browser.";
  }

  // Some browsers let no clip begin by itself, not even the second of two.
  function waiting(side) {
    refresh();
    at("hint").textContent = `Press “Play ${SIDES[side]}”.`;
  }

  function playBoth() {
    start(0, [1]);
  }

  function toggle(side) {
    const video = videos[side];
    if (!video.paused && !video.ended) return video.pause();
    if (video.currentTime > 0 && !video.ended) return play(side);
    return start(side);
  }

  function toggleAny() {
    const running = videos.findIndex((video) => !video.paused && !video.ended);
    const halfway = videos[trial.current].currentTime > 0 && !videos[trial.current].ended;
    if (running >= 0 || halfway) return toggle(running >= 0 ? running : trial.current);
    const unheard = trial.heard.findIndex((times) => times === 0);
    return trial.heard[0] && unheard === 1 ? start(1) : playBoth();
  }

  videos.forEach((video, side) => {
    video.addEventListener("ended", () => {
      trial.heard[side] += 1;
      const [following, ...rest] = trial.queue;
      if (following !== undefined) start(following, rest);
      refresh();
    });
    for (const event of ["play", "pause"]) video.addEventListener(event, refresh);
    video.addEventListener("error", broken);
    figures[side].querySelector(".play").addEventListener("click", () => toggle(side));
  });

  // --- answering --------------------------------------------------------------------------------

  function answer(choice) {
    if (!trial.heard.every((times) => times > 0)) return;
    for (const video of videos) video.pause();
    const ms = Math.round(performance.now() - trial.shown);
    state.answers.push({ trial: trial.id, choice, at: now(), ms, plays: trial.heard });
    if (state.answers.length === sheet().length) state.finished = now();
    save();
    next();
  }

  const KEYS = {
    ArrowLeft: () => answer("left"), 1: () => answer("left"),
    ArrowDown: () => answer("tie"), 2: () => answer("tie"),
    ArrowRight: () => answer("right"), 3: () => answer("right"),
    r: playBoth, R: playBoth, " ": toggleAny,
  };

  document.addEventListener("keydown", (event) => {
    const own = event.repeat || event.ctrlKey || event.altKey || event.metaKey || at("trial").hidden;
    const pressed = event.key === " " && event.target instanceof HTMLButtonElement;
    if (own || pressed || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  for (const button of answers) button.addEventListener("click", () => answer(button.dataset.choice));
  at("replay").addEventListener("click", playBoth);
  at("agree").addEventListener("change", () => { at("begin").disabled = !at("agree").checked; });
  at("begin").addEventListener("click", () => {
    state.started = now();
    save();
    next();
  });

  // --- the result -------------------------------------------------------------------------------

  function result() {
    const record = {
      kind: "svbench study result", version: 1, study: study.study, sheet: state.sheet + 1, rater: state.rater,
      agent: navigator.userAgent, started: state.started, finished: state.finished, answers: state.answers,
    };
    return JSON.stringify({ ...record, checksum: crc32(new TextEncoder().encode(JSON.stringify(record))) });
  }

  // CRC-32 of ISO 3309, as zlib computes it.
  function crc32(bytes) {
    let crc = 0xffffffff;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return (crc ^ 0xffffffff) >>> 0;
  }

  function finish() {
    const text = result();
    at("result").value = text;
    at("code").textContent = state.rater;
    at("download").href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    at("download").download = `study-${study.study}-${state.rater}.json`;
    at("copied").textContent = "";
    show("end");
    at("end-title").focus({ preventScroll: true });
  }

  at("copy").addEventListener("click", async () => {
    at("result").select();
    try {
      await navigator.clipboard.writeText(at("result").value);
      at("copied").textContent = "Copied.";
    } catch {
      at("copied").textContent = "Selected: copy it by Ctrl+C.";
    }
  });

  at("next-rater").addEventListener("click", () => {
    const sure = "Has the file been saved? The answers are removed from this device.";
    if (!window.confirm(sure)) return;
    state = fresh();
    save();
    next();
  });

  window.addEventListener("hashchange", () => location.reload());
  // Answers that another tab gave would be written over by those that this one knows.
  window.addEventListener("storage", (event) => { if (event.key === place) location.reload(); });
  next();
})();
