"use strict";
// A click on the head of a column sorts the table by it: by the first number of a cell where there is one, else by words.
const UNITS = { ms: 1e-3, min: 60, h: 3600, kB: 1e3, MB: 1e6, GB: 1e9, k: 1e3, M: 1e6, B: 1e9 };
const parsed = (text) => {
  const found = /([+-]?[\d.]+)\s?([a-zA-Z]+)?/.exec(text.replaceAll("−", "-").replaceAll(",", ""));
  return found ? parseFloat(found[1]) * (UNITS[found[2]] ?? 1) : 0;
};
for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("th").forEach((head, column) => {
    head.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].textContent.trim();
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        const order = head.classList.contains("number") ? (parsed(x) || 0) - (parsed(y) || 0) : x.localeCompare(y);
        return down ? -order : order;
      });
      body.append(...rows);
    });
  });
}
