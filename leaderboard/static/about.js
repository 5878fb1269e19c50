/* Other weights: the composite and its order as they would be, live. The weights given are scaled to a sum of one; an order
   made this way has no intervals, so it is called a trial. State: #w=COLUMN:40-30-20-10 */
(function () {
  "use strict";
  var SHOWN = 50; // rows; more are no help when four sliders move them

  function setUp(box, composite) {
    var sliders = Array.prototype.slice.call(box.querySelectorAll("input[type=range]"));
    var own = composite.parts.map(function (part) { return part[1]; });
    var given = (BENCH.state.w || "").split(":");
    if (given[0] === composite.slug && given[1]) {
      given[1].split("-").forEach(function (value, i) { if (sliders[i] && /^\d+$/.test(value)) sliders[i].value = value; });
    }
    BENCH.each(".slide, .trial", function (node) { node.hidden = false; }, box);
    sliders.forEach(function (slider) { slider.addEventListener("input", function () { show(true); }); });
    box.querySelector(".reset").addEventListener("click", function () {
      sliders.forEach(function (slider, i) { slider.value = Math.round(own[i] * 100); });
      show(true);
    });
    show(false);

    function weights() {
      var raw = sliders.map(function (slider) { return Number(slider.value); });
      var sum = raw.reduce(function (a, b) { return a + b; }, 0);
      var untouched = raw.every(function (value, i) { return value === Math.round(own[i] * 100); });
      return untouched || !sum ? own : raw.map(function (value) { return value / sum; }); // no weight at all is no question
    }

    function show(write) {
      var w = weights();
      sliders.forEach(function (slider, i) {
        var text = (100 * w[i]).toFixed(1) + " %";
        slider.closest("td").querySelector("output").textContent = text;
        slider.setAttribute("aria-valuetext", text);
      });
      var rows = composite.rows.map(function (row, i) {
        var sum = row[2].reduce(function (total, value, k) { return total + w[k] * value; }, 0);
        return { row: row, order: i, now: w === own ? row[3] : sum };
      });
      var now = rows.map(function (line) { return line.now; }), before = rows.map(function (line) { return line.row[3]; });
      rows.forEach(function (line) { line.place = place(now, line.now); line.before = place(before, line.row[3]); });
      rows.sort(function (a, b) { return b.now - a.now || a.order - b.order; });
      var body = box.querySelector(".trial tbody");
      body.textContent = "";
      rows.slice(0, SHOWN).forEach(function (line) { body.appendChild(drawn(line, line.place)); });
      var moved = rows.filter(function (line) { return line.before !== line.place; }).length;
      BENCH.fill(box, { moved: moved + " / " + rows.length });
      if (write) {
        BENCH.state.w = w === own ? "" : composite.slug + ":" + sliders.map(function (s) { return s.value; }).join("-");
        BENCH.write();
      }
    }
  }

  function place(values, mine) { // equal ones share it
    return 1 + values.filter(function (value) { return value > mine + 1e-9; }).length;
  }

  function drawn(line, place) {
    var row = document.createElement("tr"), step = line.before - place;
    cell(row, "td", String(place), "num");
    var link = document.createElement("a");
    link.href = line.row[1];
    BENCH.visible(link, line.row[0]);
    var name = cell(row, "th", "", "");
    name.scope = "row";
    name.appendChild(link);
    cell(row, "td", line.now.toFixed(1), "num value");
    cell(row, "td", line.row[3].toFixed(1), "num soft");
    cell(row, "td", step ? (step > 0 ? "+" : "−") + Math.abs(step) : "0", "num soft");
    line.row[2].forEach(function (value) { cell(row, "td", value.toFixed(1), "num"); });
    return row;
  }

  function cell(row, tag, text, name) {
    var made = document.createElement(tag);
    made.className = name;
    made.textContent = text;
    return row.appendChild(made);
  }

  BENCH.ready(function () {
    BENCH.load("data/weights.js", "weights").then(function (composites) {
      composites.forEach(function (composite) {
        var box = document.querySelector('.weights[data-column="' + composite.slug + '"]');
        if (box) setUp(box, composite);
      });
    });
  });
})();
