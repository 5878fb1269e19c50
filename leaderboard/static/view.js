/* The board as it is seen, for a spreadsheet: visible rows and columns, each score with interval, rank, n, health and marks.
   Loaded when it is asked for. */
(function () {
  "use strict";

  function text(node) { return node ? node.innerText.replace(/\s+/g, " ").trim() : ""; }

  function said(node) { // innerText is empty in rows that are out of sight
    return node ? (node.querySelector('i[lang="' + document.documentElement.lang + '"]') || node).textContent.trim() : "";
  }

  function plain(shown) { return shown === "–" ? "" : shown.replace(/,/g, ""); }

  function last(node) { // the small figures that every score has; a composite has its parts above them
    var lines = node.querySelectorAll(".small");
    return Array.prototype.filter.call(lines[lines.length - 1].children, function (span) { return span.className !== "wide"; });
  }

  function head(th) {
    var name = text(th.querySelector("b"));
    if (!th.classList.contains("score")) return [name];
    name += " · " + text(th.querySelector(".sub"));
    function by(id) { return document.getElementById(id); }
    var more = ["say-low", "say-high", "say-rank"].map(by).concat(last(th), by("say-marks"));
    return [name].concat(more.map(function (node) { return name + " · " + text(node).replace(/:$/, ""); }));
  }

  function cells(th, cell, width) {
    var box = cell.querySelector(".cell"), stand = cell.querySelector(".stand");
    if (!th.classList.contains("score")) return [stand ? said(stand) : cell.getAttribute("data-v") || ""];
    if (!box) return new Array(width).fill("");
    var ends = said(box.querySelector(".interval")).split("–").map(plain);
    if (ends.length !== 2) ends = ["", ""];
    var rank = box.querySelector(".rank").firstChild.textContent;
    var marks = Array.prototype.map.call(box.querySelectorAll(".mark"), said).join("; ");
    return [plain(said(box.querySelector(".value")))].concat(ends, plain(rank), last(box).map(function (span) { return plain(said(span)); }), marks);
  }

  BENCH.put("view", function (table) {
    var heads = Array.prototype.filter.call(table.tHead.rows[0].cells, function (th) { return !th.hidden; });
    var widths = heads.map(function (th) { return head(th).length; });
    var lines = [[].concat.apply([], heads.map(head))];
    BENCH.table.rows(table).forEach(function (row) {
      if (row.hidden || row.classList.contains("apart")) return;
      var name = row.cells[0].querySelector(".who").textContent;
      lines.push(heads.slice(1).reduce(function (line, th, i) {
        return line.concat(cells(th, row.cells[th.cellIndex], widths[i + 1]));
      }, [name]));
    });
    return BENCH.table.csv(lines);
  });
})();
