/* Links in long tables, made of what a row says anyhow: from n to the answers, from a score or a change to the comparison.
   A head with data-to="samples" or "compare" names the cells that lead there; the table says what all rows share:
   data-c the checkpoint (its rows have the slugs of columns as ids) or data-t the column (its rows link to checkpoints),
   and data-a what each is compared with. Both pages are made by scripts, so without JavaScript there is nothing to lead to. */
(function () {
  "use strict";

  function of(row) { // the slug of the checkpoint that a row links to
    var link = row.querySelector("th a[href*='checkpoint/']");
    return link ? /checkpoint\/(.*)\.html$/.exec(link.getAttribute("href"))[1] : "";
  }

  function lead(cell, page, state) {
    var text = cell.firstChild, link = document.createElement("a");
    var figure = text && /^[^ ]*\d[^ ]*/.exec(text.nodeValue || ""); // without what stands behind it: +1.2 of +1.2 ~ [−0.3, +2.7]
    if (!figure || figure[0] === "0") return;
    text.splitText(figure[0].length);
    link.href = BENCH.root + page + ".html" + BENCH.address(state);
    cell.insertBefore(link, text);
    link.appendChild(text);
  }

  function dress(table) {
    var all = table.dataset, heads = table.tHead.rows[0].cells;
    var to = Array.prototype.filter.call(heads, function (head) { return head.getAttribute("data-to"); });
    BENCH.each("tr", function (row) {
      var c = all.c || of(row), t = all.t || row.id;
      if (!c || !t) return;
      to.forEach(function (head) {
        var cell = row.cells[head.cellIndex], page = head.getAttribute("data-to");
        if (page === "samples") lead(cell, page, { c: c, t: t });
        else if (all.a !== c) lead(cell, page, { a: all.a, b: c, t: t });
      });
    }, table.tBodies[0]);
  }

  BENCH.ready(function () {
    BENCH.each("table[data-a]", dress);
    BENCH.each(".by-links", function (note) { note.hidden = false; });
  });
})();
