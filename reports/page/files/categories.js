/* The tables by category: one at a time, of the kind and the metric that are chosen.
 *
 * Without scripts all of them stand below each other, each with its heading.
 */
"use strict";

(() => {
  const { el } = svbench;
  const tables = [...document.querySelectorAll(".by-category")];
  const here = document.getElementById("categories-here");
  if (!here || tables.length < 2) return;

  function choice(label, name) {
    const texts = [...new Set(tables.map((table) => table.dataset[name]))];
    const id = `categories-${name}`;
    const options = texts.map((text) => el("option", { value: text }, text));
    const made = el("select", { id, onchange: () => show() }, options);
    const field = el("div", { class: "field" }, el("label", { for: id }, label), made);
    field.hidden = texts.length < 2;
    here.append(field);
    return made;
  }

  const kind = choice("Categories by", "by");
  const metric = choice("Metric", "metric");

  function show() {
    for (const table of tables)
      table.hidden = table.dataset.by !== kind.value || table.dataset.metric !== metric.value;
  }

  here.hidden = false;
  show();
  window.addEventListener("beforeprint", () => tables.forEach((table) => (table.hidden = false)));
  window.addEventListener("afterprint", show);
})();
