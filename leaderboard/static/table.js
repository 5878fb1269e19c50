/* Tables that sort by any head, and text for spreadsheets. In a table.sortable a head with data-key and data-type becomes a
   button; what is missing stays last both ways; equal rows keep their order. The board sorts by rules of its own (board.js)
   and shares the button and the CSV. */
(function () {
  "use strict";
  var root = document.documentElement;

  function bodyRows(table) {
    return Array.prototype.slice.call(table.tBodies[0].rows);
  }

  function valueOf(row, index, numeric) {
    var cell = row.cells[index], told = cell ? cell.getAttribute("data-v") : "";
    if (!numeric) return (told === null ? named(cell) : told).toLowerCase();
    var value = told === null ? parseFloat(cell.textContent.replace(/,/g, "").replace("\u2212", "-")) : told === "" ? NaN : Number(told);
    return isNaN(value) ? null : value; // as it is shown: 1= is 1, 4–6 is 4
  }

  function named(cell) { // the name that a row begins with, without what is marked beside it
    var name = cell.querySelector("a") || cell;
    return (name.querySelector('i[lang="' + root.lang + '"]') || name).textContent;
  }

  function compare(direction) { // of two values, null last both ways; 0 where they are equal
    var sign = direction === "descending" ? -1 : 1;
    var collator = new Intl.Collator(root.lang, { numeric: true });
    return function (a, b) {
      if (a === b) return 0;
      if (a === null) return 1;
      if (b === null) return -1;
      return sign * (typeof a === "string" ? collator.compare(a, b) : a < b ? -1 : 1);
    };
  }

  function mark(table, head, direction) {
    BENCH.each("th[aria-sort]", function (th) { th.removeAttribute("aria-sort"); }, table.tHead);
    head.setAttribute("aria-sort", direction);
  }

  function sort(table, index, direction) {
    var head = table.tHead.rows[0].cells[index];
    var numeric = head.getAttribute("data-type") === "number";
    var ordered = compare(direction);
    var places = bodyRows(table).map(function (row, i) {
      row.hidden = row.hidden || row.className === "apart"; // the line above the unranked means nothing in another order
      return { row: row, i: i, v: valueOf(row, index, numeric) };
    });
    places.sort(function (a, b) { return ordered(a.v, b.v) || a.i - b.i; });
    places.forEach(function (place) { table.tBodies[0].appendChild(place.row); });
    mark(table, head, direction);
  }

  function button(head, pressed) { // what stands in a head becomes a button
    var made = document.createElement("button");
    made.type = "button";
    while (head.firstChild) made.appendChild(head.firstChild);
    var arrow = document.createElement("span");
    arrow.className = "arrow";
    (made.querySelector("b") || made).appendChild(arrow);
    head.appendChild(made);
    made.addEventListener("click", pressed);
  }

  function next(head, first) { // the direction that a click asks for
    var other = first === "descending" ? "ascending" : "descending";
    return head.getAttribute("aria-sort") === first ? other : first;
  }

  function makeSortable(table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, index) {
      if (!head.getAttribute("data-key")) return;
      var first = head.getAttribute("data-type") === "number" ? "descending" : "ascending";
      button(head, function () { sort(table, index, next(head, first)); });
    });
  }

  function csvCell(text) {
    // a name that begins like a formula must not run in a spreadsheet
    if (/^[=+\-@\t\r]/.test(text) && isNaN(Number(text))) text = "'" + text;
    return /[",\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }

  function csv(lines) { // rows of plain texts
    return "\ufeff" + lines.map(function (line) { return line.map(csvCell).join(","); }).join("\r\n") + "\r\n";
  }

  function download(name, text) {
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = name;
    document.body.appendChild(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }

  BENCH.table = {
    rows: bodyRows, sort: sort, makeSortable: makeSortable, compare: compare, mark: mark, button: button, next: next,
    csv: csv, download: download
  };

  BENCH.ready(function () { BENCH.each("table.sortable", makeSortable); });
})();
