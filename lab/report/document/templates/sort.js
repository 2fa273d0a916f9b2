"use strict";
// A click on the head of a column sorts the table by it: by the first number of a cell where there is one, else by words.
for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("th").forEach((head, column) => {
    head.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].textContent.trim();
      const number = (text) => parseFloat(text.replace("−", "-").replace(/[<✓✗,]/g, "").replace(/^\./, "0."));
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        const order = head.classList.contains("number") ? (number(x) || 0) - (number(y) || 0) : x.localeCompare(y);
        return down ? -order : order;
      });
      body.append(...rows);
    });
  });
}
