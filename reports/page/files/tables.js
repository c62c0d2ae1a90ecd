/* Tables that a click on a heading sorts, or Enter on it; and what is opened for print.
 *
 * The first click puts the best first (or the alphabet in order), the second turns that round.
 * Rows without a number stay at the end; controls stay below models, and the floor made from
 * a row's clips stays below that row.
 */
"use strict";

(() => {
  const { el } = svbench;

  function sortable(table) {
    const headings = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const isFloor = (row) => row.classList.contains("floor");
    const first = [...body.rows].filter((row) => !isFloor(row));
    const floors = new Map(first.map((row) => [row, []])); // row -> its floors
    for (let row of body.rows) {
      const floor = row;
      while (isFloor(row) && row.previousElementSibling) row = row.previousElementSibling;
      if (floors.has(row) && row !== floor) floors.get(row).push(floor);
    }

    function key(row, column) {
      const cell = row.cells[column];
      if (headings[column].dataset.kind === "text") return cell.textContent.trim().toLowerCase();
      return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
    }

    function sort(column, ascending) {
      const sign = ascending ? 1 : -1;
      const group = (row) => (row.classList.contains("reference") ? 1 : 0);
      const ordered = [...first].sort((one, other) => {
        if (group(one) !== group(other)) return group(one) - group(other);
        const [a, b] = [key(one, column), key(other, column)];
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * (a < b ? -1 : a > b ? 1 : 0);
      });
      body.append(...ordered.flatMap((row) => [row, ...floors.get(row)]));
      headings.forEach((heading, place) => {
        if (place === column) heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        else heading.removeAttribute("aria-sort");
      });
    }

    headings.forEach((heading, column) => {
      const button = el("button", { type: "button" }, ...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const now = heading.getAttribute("aria-sort");
        const ascendingFirst = heading.dataset.better !== "higher";
        sort(column, now ? now !== "ascending" : ascendingFirst);
      });
    });
  }

  document.querySelectorAll("table[data-sortable]").forEach(sortable);

  // What is folded away on a screen is printed: a print without its settings tells too little.
  window.addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
})();
