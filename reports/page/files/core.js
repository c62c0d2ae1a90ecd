/* What all scripts of the page share: the data loader, small helpers, and the theme.
 *
 * The page is opened from disk, where fetch is forbidden; data come as scripts that call
 * svbench.put(name, value). Text from a run only ever becomes text nodes, never markup.
 */
"use strict";

const svbench = (() => {
  const waiting = new Map(); // name -> {promise, resolve, reject}
  const ARROWS = { higher: "↑", lower: "↓" };

  function entry(name) {
    if (!waiting.has(name)) {
      const made = { requested: false };
      made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
      waiting.set(name, made);
    }
    return waiting.get(name);
  }

  /** Store the value of a file below data/. */
  function put(name, value) {
    entry(name).resolve(value);
  }

  /** Return the value of data/<name>.js, loading it once. */
  function load(name) {
    const made = entry(name);
    if (!made.requested) {
      made.requested = true;
      const script = document.createElement("script");
      script.src = `data/${name}.js`;
      script.onerror = () => made.reject(new Error(`data/${name}.js cannot be read`));
      document.head.append(script);
    }
    return made.promise;
  }

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }

  /** Make an HTML element; attributes that begin with "on" are listeners. */
  const el = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);

  /** Make an SVG element. */
  const svg = (tag, attributes, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  /** Print a number as the tables do: three decimals below ten, fewer above. */
  function number(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    return value.toFixed(size < 10 ? 3 : size < 100 ? 1 : 0);
  }

  /** Return the seconds in a field of scores.csv. */
  const times = (text) => (text ? text.split(" ").map(Number) : []);

  // --- theme: as the system has it, or as the reader chose -------------------------------------

  const THEMES = ["system", "light", "dark"];

  function remembered() {
    try {
      return localStorage.getItem("svbench-theme");
    } catch {
      return null; // storage may be forbidden for pages from disk
    }
  }

  function dress(theme) {
    if (theme === "system") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", theme);
  }

  let theme = THEMES.includes(remembered()) ? remembered() : "system";
  dress(theme);

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const label = () => {
      button.querySelector("span").textContent = theme;
    };
    button.hidden = false;
    label();
    button.addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      dress(theme);
      label();
      try {
        localStorage.setItem("svbench-theme", theme);
      } catch {
        // the choice then lasts as long as the page
      }
    });
  });

  return { put, load, el, svg, number, times, ARROWS, meta: null };
})();
