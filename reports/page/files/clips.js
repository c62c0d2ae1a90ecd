/* The part "Clips": filters, the list as cards or as a table, and its pages. */
"use strict";

(() => {
  const { el, lanes, load, meta, number, query, times, ARROWS } = svbench;
  const CARDS = 6; // requests on a page
  const LINES = 50;
  const here = document.getElementById("clips-here");
  if (!meta.count) {
    here.append(el("p", {}, "No metric of this run has scores per clip."));
    return;
  }

  let state = query.read(location.hash) || query.usual();
  let latest = 0; // the latest question; answers to older ones are dropped
  const count = el("p", { class: "found", role: "status" });
  const list = el("div", { class: "list" });
  const pager = el("nav", { class: "pager", "aria-label": "Pages of clips" });
  const controls = { within: [] };

  // --- controls --------------------------------------------------------------------------------

  function change(part) {
    state = { ...state, page: 0, only: null, ...part };
    history.replaceState(null, "", query.write(state));
    show();
  }

  function field(label, control, name = label) {
    const id = `clips-${name.toLowerCase().replace(/\W+/g, "-")}`;
    control.id = id;
    return el("div", { class: "field" }, el("label", { for: id }, label), control);
  }

  function select(name, options, read = (text) => text) {
    const made = el("select", {}, options.map(([value, text]) => el("option", { value }, text)));
    made.addEventListener("change", () => change({ [name]: read(made.value) }));
    controls[name] = made;
    return made;
  }

  function systems() {
    const boxes = meta.rows.map((row, place) => {
      const box = el("input", { type: "checkbox", value: place });
      box.addEventListener("change", () => {
        const kept = boxes.filter((one) => one.checked).map((one) => Number(one.value));
        if (kept.length) change({ systems: kept });
        else box.checked = true; // an empty list is of no use
      });
      return box;
    });
    controls.systems = boxes;
    const labels = boxes.map((box, place) => el("label", { class: "choice" }, box, meta.rows[place].title));
    return el("fieldset", {}, el("legend", {}, "Systems"), el("div", { class: "choices" }, labels));
  }

  /** Make the choice of a category of one kind. */
  function within(kind, place) {
    const options = [["", "any"], ...kind.categories.entries(), [query.WITHOUT, `without ${kind.name}`]];
    const made = el("select", {}, options.map(([value, text]) => el("option", { value }, text)));
    made.addEventListener("change", () => {
      const { [place]: _, ...others } = state.within;
      change({ within: made.value === "" ? others : { ...others, [place]: Number(made.value) } });
    });
    controls.within.push(made);
    return field(kind.name[0].toUpperCase() + kind.name.slice(1), made, `kind-${place}`);
  }

  function form() {
    const perClip = meta.columns.flatMap((column, place) =>
      column.fields.length ? [[place, `${column.title} ${ARROWS[column.better]}`]] : [],
    );
    const rows = meta.rows.map((row, place) => [place, row.title]);
    const word = el("input", { type: "search", placeholder: "e.g. metal", autocomplete: "off" });
    let timer = 0;
    word.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => change({ word: word.value }), 200);
    });
    controls.word = word;
    const videos = el("input", { type: "checkbox" });
    videos.addEventListener("change", () => change({ videos: videos.checked }));
    controls.videos = videos;
    const ranked = (text) => (text === query.MEAN ? text : Number(text));
    return el(
      "form",
      { class: "filters", onsubmit: (event) => event.preventDefault() },
      systems(),
      el(
        "div",
        { class: "fields" },
        field("Word in the caption", word),
        meta.kinds.map(within),
        field("Metric", select("by", perClip, Number)),
        field("Of system", select("of", [[query.MEAN, "the mean of those shown"], ...rows], ranked)),
        field(
          "Order",
          select("order", [["given", "as in the data set"], ["best", "best first"], ["worst", "worst first"]]),
        ),
        meta.groups.length
          ? field(
              "Events",
              select("matched", [
                ["any", "matched or not"],
                ["all", "all match"],
                ["some", "some match"],
                ["none", "none matches"],
              ]),
            )
          : null,
        field("View", select("layout", [["cards", "clips side by side"], ["table", "numbers"]])),
      ),
      el("label", { class: "choice" }, videos, "only requests with video"),
    );
  }

  function legend() {
    if (!meta.groups.length) return "";
    const mark = (kind) => el("i", { class: `peak ${kind}` });
    const line = (kind) => el("i", { class: `key ${kind}` });
    return el(
      "p",
      { class: "legend" },
      [el("span", {}, line("motion"), " motion"), el("span", {}, line("sound"), " sound")],
      [el("span", {}, mark(""), " motion peak with an onset"), el("span", {}, mark("alone"), " without")],
      [el("span", {}, line("onset"), " onset with a peak"), el("span", {}, line("onset alone"), " without")],
      el("span", {}, "a line joins the two where they lie less than one frame apart"),
    );
  }

  function reflect() {
    controls.systems.forEach((box, place) => {
      box.checked = state.systems.includes(place);
    });
    for (const name of ["by", "of", "order", "matched", "layout"])
      if (controls[name]) controls[name].value = String(state[name]);
    controls.within.forEach((made, place) => {
      made.value = place in state.within ? String(state.within[place]) : "";
    });
    if (document.activeElement !== controls.word) controls.word.value = state.word;
    controls.videos.checked = state.videos;
  }

  // --- the list --------------------------------------------------------------------------------

  async function show() {
    const mine = ++latest;
    reflect();
    list.setAttribute("aria-busy", "true");
    try {
      const places = await query.answer(state);
      const size = state.layout === "table" ? LINES : CARDS;
      const pages = Math.max(1, Math.ceil(places.length / size));
      const page = Math.min(state.page, pages - 1);
      const wanted = places.slice(page * size, (page + 1) * size);
      const made = state.layout === "table" ? [await table(wanted)] : await cards(wanted);
      if (mine !== latest) return;
      list.replaceChildren(...made);
      showCounts(places.length, page, pages);
    } catch (error) {
      if (mine === latest) list.replaceChildren(el("p", { class: "problem" }, `${error.message}.`));
    }
    if (mine === latest) list.removeAttribute("aria-busy");
  }

  const cards = (places) => Promise.all(places.map((place) => lanes.card(place, state)));

  function showCounts(found, page, pages) {
    const [shown, all] = [found.toLocaleString("en"), meta.count.toLocaleString("en")];
    const what = `${shown} of ${all} request${meta.count === 1 ? "" : "s"}`;
    const parts = [what, pages > 1 ? `page ${page + 1} of ${pages}` : null].filter(Boolean);
    count.replaceChildren(`${parts.join(", ")}. `);
    if (found < meta.count) {
      const whole = { ...query.usual(), videos: false, layout: state.layout };
      const press = () => change(whole);
      count.append(el("button", { type: "button", class: "link", onclick: press }, "Show all"));
    }
    pager.hidden = pages < 2;
    const step = (text, to, off) =>
      el("button", { type: "button", class: "quiet", disabled: off, onclick: () => turn(to) }, text);
    pager.replaceChildren(
      step("First", 0, page === 0),
      step("Previous", page - 1, page === 0),
      el("span", {}, `${page + 1} / ${pages}`),
      step("Next", page + 1, page === pages - 1),
      step("Last", pages - 1, page === pages - 1),
    );
  }

  function turn(page) {
    state = { ...state, page };
    history.pushState(null, "", query.write(state));
    show();
    count.scrollIntoView({ block: "start" });
  }

  // --- as a table ------------------------------------------------------------------------------

  function heading(title, column, text = false) {
    if (column === null) return el("th", { scope: "col", class: text ? "text" : null }, title);
    const now = state.by === column && state.order !== "given";
    const rising = (state.order === "worst") === (meta.columns[column].better === "higher");
    const sort = now ? (rising ? "ascending" : "descending") : null;
    const next = now && state.order === "best" ? "worst" : "best";
    const press = () => change({ by: column, order: next });
    const button = el("button", { type: "button", onclick: press }, title);
    return el("th", { scope: "col", "aria-sort": sort }, button);
  }

  async function table(places) {
    const requests = await load("requests");
    const group = query.groupOf(state.by);
    const rows = await Promise.all(state.systems.map((row) => load(`row-${row}`)));
    const chosen = group === null ? null : meta.groups[group].column;
    const columns = meta.columns.flatMap((column, place) => (column.fields.length ? [place] : []));
    const behind = chosen === null ? [] : meta.columns[chosen].fields.filter((name) => name !== "value");
    const events = new Map();
    if (group !== null)
      for (const stretch of new Set(places.map((place) => Math.floor(place / meta.stretch))))
        events.set(stretch, await load(`events-${group}-${stretch}`));

    const line = (place, row, values) => {
      const cell = (value) => el("td", {}, number(value));
      const found = events.size ? events.get(Math.floor(place / meta.stretch))[row] : null;
      const counts = found ? found.map((texts) => times(texts[place % meta.stretch]).length) : null;
      const only = { ...query.usual(), only: requests.ids[place], by: state.by };
      return el(
        "tr",
        { class: meta.rows[row].reference ? "reference" : null },
        el("th", { scope: "row" }, el("a", { href: query.write(only) }, requests.ids[place])),
        el("td", { class: "text" }, meta.rows[row].title),
        el("td", { class: "text" }, requests.captions[place] || "–"),
        query.categories(requests, place).map((name) => el("td", { class: "text short" }, name || "–")),
        columns.map((column) => cell(values[column] ? values[column][place] : null)),
        behind.map((name) => cell(values[`${chosen}.${name}`] ? values[`${chosen}.${name}`][place] : null)),
        counts ? [el("td", {}, String(counts[0])), el("td", {}, String(counts[1]))] : null,
      );
    };
    const judged = (values, place) => columns.some((c) => values[c] && values[c][place] !== null);
    const body = places.flatMap((place) =>
      state.systems.flatMap((row, at) => (judged(rows[at], place) ? [line(place, row, rows[at])] : [])),
    );
    const head = [
      ["Request", null],
      ["System", null, true],
      ["Caption", null, true],
      ...meta.kinds.map((kind) => [kind.name, null, true]),
      ...columns.map((c) => [`${meta.columns[c].title} ${ARROWS[meta.columns[c].better]}`, c]),
      ...behind.map((name) => [name.replace("_", " "), null]),
      ...(events.size ? [["onsets", null], ["peaks", null]] : []),
    ];
    const whole = el(
      "table",
      { class: "results clips" },
      el("thead", {}, el("tr", {}, head.map(([title, column, text]) => heading(title, column, text)))),
      el("tbody", {}, body),
    );
    const label = "Numbers of single clips";
    return el("div", { class: "wide", role: "region", "aria-label": label, tabindex: 0 }, whole);
  }

  // --- from the address ------------------------------------------------------------------------

  function arrive() {
    const found = query.read(location.hash);
    if (!found) return;
    state = found;
    show();
    document.getElementById("clips").scrollIntoView({ block: "start" });
  }

  window.addEventListener("hashchange", arrive);
  window.addEventListener("popstate", arrive);
  here.append(form(), legend(), count, list, pager);
  show();
  if (query.read(location.hash)) document.getElementById("clips").scrollIntoView({ block: "start" });
})();
