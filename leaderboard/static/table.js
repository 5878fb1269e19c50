/* Tables that sort by any head, and their rows as CSV. A head with data-key and data-type becomes a button; what is missing
   stays last both ways; equal rows keep their order. */
(function () {
  "use strict";
  var root = document.documentElement;
  var each = BENCH.each;

  function bodyRows(table) {
    return Array.prototype.slice.call(table.tBodies[0].rows);
  }

  function valueOf(row, index, numeric) {
    var cell = row.cells[index];
    var text = cell ? cell.getAttribute("data-v") || "" : "";
    if (!numeric) return text.toLowerCase();
    return text === "" || isNaN(Number(text)) ? null : Number(text);
  }

  function sort(table, index, direction) {
    var head = table.tHead.rows[0].cells[index];
    var numeric = head.getAttribute("data-type") === "number";
    var sign = direction === "descending" ? -1 : 1;
    var places = bodyRows(table).filter(function (row) {
      row.hidden = row.hidden || row.className === "apart"; // the line above the unranked means nothing in another order
      return true;
    }).map(function (row, i) { return { row: row, i: i, v: valueOf(row, index, numeric) }; });
    places.sort(function (a, b) {
      if (a.v === b.v) return a.i - b.i;
      if (a.v === null) return 1; // what is missing stays last both ways
      if (b.v === null) return -1;
      if (!numeric) return sign * a.v.localeCompare(b.v, root.lang) || a.i - b.i;
      return sign * (a.v < b.v ? -1 : 1);
    });
    places.forEach(function (place) { table.tBodies[0].appendChild(place.row); });
    each("th[aria-sort]", function (th) { th.removeAttribute("aria-sort"); }, table.tHead);
    head.setAttribute("aria-sort", direction);
  }

  function makeSortable(table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, index) {
      var key = head.getAttribute("data-key");
      if (!key) return;
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) button.appendChild(head.firstChild);
      var arrow = document.createElement("span");
      arrow.className = "arrow";
      (button.querySelector("b") || button).appendChild(arrow);
      head.appendChild(button);
      button.addEventListener("click", function () {
        var first = head.getAttribute("data-type") === "number" ? "descending" : "ascending";
        var other = first === "descending" ? "ascending" : "descending";
        var direction = head.getAttribute("aria-sort") === first ? other : first;
        sort(table, index, direction);
        if (table.id === "board") {
          BENCH.state.sort = key;
          BENCH.state.dir = direction === "ascending" ? "asc" : "desc";
          BENCH.write();
        }
      });
      if (table.id === "board" && BENCH.state.sort === key) sort(table, index, BENCH.state.dir === "asc" ? "ascending" : "descending");
    });
  }

  function csvCell(text) {
    // a name that begins like a formula must not run in a spreadsheet
    if (/^[=+\-@\t\r]/.test(text) && isNaN(Number(text))) text = "'" + text;
    return /[",\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }

  function csv(table) {
    var rows = [table.tHead.rows[0]].concat(bodyRows(table).filter(function (row) { return !row.hidden; }));
    var lines = rows.map(function (row) {
      return Array.prototype.map.call(row.cells, function (cell) {
        var exact = cell.parentNode.parentNode.tagName === "TBODY" ? cell.getAttribute("data-v") : null;
        return csvCell(exact === null ? cell.innerText.replace(/\s+/g, " ").trim() : exact);
      }).join(",");
    });
    return "\ufeff" + lines.join("\r\n") + "\r\n";
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

  BENCH.table = { rows: bodyRows, sort: sort, csv: csv, download: download };

  BENCH.ready(function () { each("table.sortable", makeSortable); });
})();
