// A table that is sorted by a click on a column's head, and lines that belong to its rows.
"use strict";

{
  const table = document.querySelector(".sortable");
  const body = table.tBodies[0];
  const lines = new Map([...document.querySelectorAll(".many path")].map((p) => [p.dataset.row, p]));
  const rows = new Map([...body.rows].map((row) => [row.dataset.row, row]));

  /** Numbers by size, texts by the alphabet; what is missing comes last either way. */
  function compare(a, b, sign) {
    if (a === b) return 0;
    if (a === "") return 1;
    if (b === "") return -1;
    const [x, y] = [Number(a), Number(b)];
    return sign * (Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y);
  }

  [...table.tHead.rows[0].cells].forEach((head, k) => head.addEventListener("click", () => {
    const descending = head.ariaSort === "ascending";
    for (const other of head.parentNode.cells) other.ariaSort = null;
    head.ariaSort = descending ? "descending" : "ascending";
    const value = (row) => row.cells[k].dataset.value;
    const sorted = [...body.rows].sort((a, b) => compare(value(a), value(b), descending ? -1 : 1));
    body.append(...sorted);
  }));

  for (const place of [body, document.querySelector(".many svg")]) {
    place.addEventListener("mouseover", ({ target }) => {
      const row = target.closest("[data-row]")?.dataset.row;
      for (const marked of document.querySelectorAll(".marked")) marked.classList.remove("marked");
      if (row === undefined) return;
      lines.get(row).classList.add("marked");
      rows.get(row).classList.add("marked");
    });
  }
}
