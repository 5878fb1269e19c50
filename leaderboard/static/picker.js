/* The columns of the board: which are shown, in which order, and those that are not part of the page yet.
   State: cols=SLUG,SLUG where it differs from what the page opened with. */
(function () {
  "use strict";
  var table, order = [], usual = [], groups = {}, facts = {}, lastError = "";

  function head(key) { // by comparison: a key out of an address may be anything
    return Array.prototype.filter.call(table.tHead.rows[0].cells, function (th) { return th.getAttribute("data-key") === key; })[0];
  }

  function insert(key, payload, rows) {
    // the only use of innerHTML: these cells were rendered, and escaped, by the template that made this page
    var holder = document.createElement("template");
    holder.innerHTML = "<table><tbody><tr>" + payload.head + written(payload).join("") + "</tr></tbody></table>";
    var cells = Array.prototype.slice.call(holder.content.querySelector("tr").children);
    var after = order.slice(order.indexOf(key) + 1).map(head).filter(Boolean)[0];
    var at = after ? after.cellIndex : table.tHead.rows[0].cells.length;
    table.tHead.rows[0].insertBefore(cells[0], after || null);
    rows.forEach(function (row, i) { row.insertBefore(cells[i + 1], row.cells[at] || null); });
    BENCH.speak(cells[0]);
    BENCH.board.sortable(cells[0]);
  }

  function written(payload) { // of scores: the number of a shape and the figures that fill its holes
    if (!payload.shapes) return payload.cells;
    return payload.cells.map(function (cell) {
      var told = cell.split("|");
      return payload.shapes[told[0]].replace(/\{(\d+)\}/g, function (hole, at) { return told[Number(at) + 1]; });
    });
  }

  function bring(key) { // a promise of a column that is not in the table yet; null of one that is
    if (head(key)) return null;
    var id = "columns/" + key;
    return BENCH.load("data/" + id + ".js", id).then(function (payload) { return { key: key, payload: payload }; })
      .catch(function () { lastError = key; });
  }

  function setHidden(key, hidden) {
    var th = head(key);
    if (!th || th.hidden === hidden) return;
    th.hidden = hidden;
    var at = th.cellIndex;
    BENCH.board.rows().forEach(function (row) { row.cells[at].hidden = hidden; });
  }

  function known(keys) {
    var wanted = order.filter(function (key) { return keys.indexOf(key) >= 0; });
    return wanted.length ? wanted : usual;
  }

  function show(keys) { // -> promise of the columns that are shown now
    var wanted = known(keys);
    lastError = "";
    return Promise.all(wanted.map(bring)).then(function (brought) {
      brought.forEach(function (one) {
        if (one && !head(one.key)) insert(one.key, one.payload, BENCH.board.rows());
        if (one) BENCH.forget("columns/" + one.key);
      });
      order.forEach(function (key) { setHidden(key, wanted.indexOf(key) < 0); });
      tell(wanted);
      return lastError;
    });
  }

  function tell(wanted) {
    BENCH.each("#picker .picks input", function (box) { box.checked = wanted.indexOf(box.value) >= 0; });
    var scores = wanted.filter(function (key) { return !facts[key]; });
    BENCH.fill(document.getElementById("pick"), { shown: String(scores.length) });
    var line = table.querySelector("tr.apart > th");
    if (line) line.colSpan = wanted.length + 1;
  }

  function chosen() {
    return order.filter(function (key) {
      return document.querySelector('#picker .picks input[value="' + key + '"]').checked;
    });
  }

  function preset(name) {
    return order.filter(function (key) {
      if (name === "usual") return usual.indexOf(key) >= 0;
      return facts[key] ? chosen().indexOf(key) >= 0 : name === "all" || groups[key].indexOf(name) >= 0;
    });
  }

  function setUp(board, changed) { // `changed(keys)`: the reader has picked
    table = board;
    BENCH.each("#picker .picks input", function (box) {
      order.push(box.value);
      if (box.defaultChecked) usual.push(box.value);
      if (box.hasAttribute("data-fact")) facts[box.value] = true;
      groups[box.value] = (box.getAttribute("data-group") || "").split(" ");
      box.addEventListener("change", function () { changed(chosen()); });
    });
    BENCH.each("#picker [data-preset]", function (button) {
      button.addEventListener("click", function () { changed(preset(button.getAttribute("data-preset"))); });
    });
    var dialog = document.getElementById("picker");
    document.getElementById("pick").addEventListener("click", function () { dialog.showModal(); });
    dialog.addEventListener("click", function (event) { if (event.target === dialog) dialog.close(); });
  }

  BENCH.picker = {
    setUp: setUp, show: show, head: head,
    has: function (key) { return order.indexOf(key) >= 0; },
    parse: function (text) { return text ? known(text.split(",")) : usual; },
    write: function (keys) { return known(keys).join() === usual.join() ? "" : known(keys).join(); }
  };
})();
