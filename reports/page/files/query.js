/* Which clips are shown, and in which order: the state of the list, its address, its answer.
 *
 * The state is written into the address behind #clips?, so that a number in a table, a bookmark
 * and the back button all lead to the same list.
 */
"use strict";

svbench.query = (() => {
  const { meta, load } = svbench;
  const MEAN = "mean";
  const WITHOUT = -1; // a request has no category of the kind
  const withClips = meta.rows.flatMap((row, place) => (row.floor ? [] : [place]));

  /** Return the column that ranks the list at first: the headline's, or none. */
  const usual = () => ({
    systems: withClips, // rows shown side by side
    word: "",
    within: {}, // place of a kind -> place of the category, or WITHOUT
    by: meta.headline, // column
    of: MEAN, // row that is ranked and filtered, or the mean of those shown
    order: "given", // given, best, worst
    matched: "any", // any, all, some, none
    videos: meta.views > 0 && meta.views < meta.count, // only requests with video
    layout: "cards", // cards, table
    only: null, // a single request
    page: 0,
  });

  const rowOf = (system) => meta.rows.findIndex((row) => row.system === system);
  const columnOf = (metric) => meta.columns.findIndex((column) => column.metric === metric);

  /** Read a state from the address; null if the address is of something else. */
  function read(hash) {
    if (!hash.startsWith("#clips?")) return null;
    const parameters = new URLSearchParams(hash.slice("#clips?".length));
    const state = usual();
    const systems = (parameters.get("systems") || "").split(" ").map(rowOf).filter((row) => row >= 0);
    if (systems.length) state.systems = systems;
    if (columnOf(parameters.get("by")) >= 0) state.by = columnOf(parameters.get("by"));
    if (rowOf(parameters.get("row")) >= 0) state.of = rowOf(parameters.get("row"));
    for (const name of ["word", "order", "matched", "layout", "only"])
      if (parameters.get(name)) state[name] = parameters.get(name);
    meta.kinds.forEach((kind, place) => {
      const name = parameters.get(`in.${kind.name}`);
      const found = kind.categories.indexOf(name);
      if (found >= 0 || name === "") state.within[place] = name === "" ? WITHOUT : found;
    });
    state.videos = parameters.get("videos") === "yes"; // an address means all clips, unless it names this
    state.page = Math.max(0, Number(parameters.get("page") || 1) - 1) || 0;
    return state;
  }

  /** Write a state as an address; what is as usual is left out. */
  function write(state) {
    const parameters = new URLSearchParams();
    const plain = usual();
    if (String(state.systems) !== String(withClips))
      parameters.set("systems", state.systems.map((row) => meta.rows[row].system).join(" "));
    if (state.by !== plain.by && state.by !== null) parameters.set("by", meta.columns[state.by].metric);
    if (state.of !== MEAN) parameters.set("row", meta.rows[state.of].system);
    for (const name of ["word", "order", "matched", "layout", "only"])
      if (state[name] !== plain[name] && state[name]) parameters.set(name, state[name]);
    for (const [place, category] of Object.entries(state.within)) {
      const kind = meta.kinds[place];
      parameters.set(`in.${kind.name}`, category === WITHOUT ? "" : kind.categories[category]);
    }
    if (state.videos) parameters.set("videos", "yes");
    if (state.page) parameters.set("page", state.page + 1);
    return `#clips?${parameters}`;
  }

  const perClip = (column) => column !== null && meta.columns[column].fields.length > 0;

  /** Return the group of metrics whose events go with a column; the first where none does. */
  function groupOf(column) {
    const found = meta.groups.findIndex((group) => group.columns.includes(column));
    return found >= 0 ? found : meta.groups.length ? 0 : null;
  }

  /** Return a function (place of a request) -> number or null, of one field. */
  function reader(rows, field) {
    return (place) => {
      let sum = 0;
      let count = 0;
      for (const row of rows) {
        const value = row[field] ? row[field][place] : null;
        if (value !== null && value !== undefined) {
          sum += value;
          count += 1;
        }
      }
      return count ? sum / count : null;
    };
  }

  /** Return the places of the requests that a state asks for, in its order. */
  async function answer(state) {
    const requests = await load("requests");
    if (state.only) return requests.ids.flatMap((id, place) => (id === state.only ? [place] : []));
    const judged = state.of === MEAN ? state.systems : [state.of];
    const ranked = state.order !== "given" && perClip(state.by);
    const group = groupOf(state.by);
    const filtered = state.matched !== "any" && group !== null;
    const rows = ranked || filtered ? await Promise.all(judged.map((row) => load(`row-${row}`))) : [];

    const words = state.word.toLowerCase().split(/\s+/).filter(Boolean);
    let places = requests.ids.map((_, place) => place);
    if (words.length)
      places = places.filter((place) => {
        const text = `${requests.captions[place]} ${requests.ids[place]}`.toLowerCase();
        return words.every((word) => text.includes(word));
      });
    for (const [kind, category] of Object.entries(state.within))
      places = places.filter((place) => requests.categories[kind][place] === category);
    if (state.videos) places = places.filter((place) => place in requests.views);
    if (filtered) {
      const column = meta.groups[group].column;
      const precision = reader(rows, `${column}.precision`);
      const recall = reader(rows, `${column}.recall`);
      places = places.filter((place) => {
        const [p, r] = [precision(place), recall(place)];
        if (p === null || r === null) return false;
        const kind = p === 1 && r === 1 ? "all" : p === 0 && r === 0 ? "none" : "some";
        return kind === state.matched;
      });
    }
    if (ranked) {
      const value = reader(rows, String(state.by));
      const better = meta.columns[state.by].better === "higher" ? -1 : 1;
      const sign = state.order === "best" ? better : -better;
      const known = places.filter((place) => value(place) !== null);
      known.sort((a, b) => sign * (value(a) - value(b)) || a - b);
      places = [...known, ...places.filter((place) => value(place) === null)];
    }
    return places;
  }

  /** Return the categories of a request, one text per kind, "" where it has none. */
  const categories = (requests, place) =>
    meta.kinds.map((kind, at) => kind.categories[requests.categories[at][place]] || "");

  return { MEAN, WITHOUT, categories, usual, read, write, answer, perClip, groupOf };
})();
