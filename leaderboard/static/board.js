/* The board: rows by name, the view as CSV, both kept in the URL. */
(function () {
  "use strict";
  var bodyRows = BENCH.table.rows;

  function filter(table, text) {
    var wanted = text.trim().toLowerCase();
    var shown = 0;
    bodyRows(table).forEach(function (row) {
      row.hidden = wanted !== "" && row.cells[0].getAttribute("data-v").toLowerCase().indexOf(wanted) < 0;
      if (!row.hidden) shown += 1;
    });
    var status = document.getElementById("shown");
    status.textContent = wanted === "" ? "" : shown + " / " + bodyRows(table).length;
  }

  function setUpBoard(table) {
    var input = document.getElementById("filter");
    input.parentNode.hidden = false;
    input.value = BENCH.state.q || "";
    filter(table, input.value);
    input.addEventListener("input", function () { BENCH.state.q = input.value; filter(table, input.value); BENCH.write(); });
    document.getElementById("csv").addEventListener("click", function () { BENCH.table.download("board.csv", BENCH.table.csv(table)); });
  }

  BENCH.ready(function () {
    var board = document.getElementById("board");
    if (board) setUpBoard(board);
  });
})();
