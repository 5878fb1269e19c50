/* The compare page's tables: a task a row with its change on a scale that all rows share, and the subjects of one task.
   Marks of a chart are SVG made here; every number in it stands beside it as text. */
BENCH.changes = (function () {
  "use strict";
  var WIDE = 150, HIGH = 16, PAD = 14, SURE = 0.1, MARKED = 0.05, LONG = 24;
  var words = BENCH.said;

  function by(id) { return document.getElementById(id); }

  function slot(node, name) { return node.querySelector('[data-slot="' + name + '"]'); }

  function text(node, name, said) { return words.both(slot(node, name), said); }

  function emptied(node) { node.textContent = ""; return node; }

  function element(tag, className, said) {
    var node = document.createElement(tag);
    if (className) node.className = className;
    return said === undefined ? node : words.both(node, said);
  }

  // -- charts -----------------------------------------------------------------------------------------------------

  function drawn(wide, high, parts, className) {
    var svg = BENCH.clone("svg");
    svg.setAttribute("viewBox", "0 0 " + wide + " " + high);
    svg.setAttribute("class", className);
    svg.setAttribute("aria-hidden", "true");
    parts.forEach(function (part) {
      var node = document.createElementNS(svg.namespaceURI, part[0]);
      Object.keys(part[1]).forEach(function (key) { node.setAttribute(key, part[1][key]); });
      if (part[2]) node.textContent = part[2];
      svg.appendChild(node);
    });
    return svg;
  }

  function scale(lines) { // [low, high] on round numbers, zero always inside
    var low = Math.min.apply(null, lines.map(function (line) { return line.change.low; }).concat(-0.005));
    var high = Math.max.apply(null, lines.map(function (line) { return line.change.high; }).concat(0.005));
    var rough = (high - low) / 4, step = Math.pow(10, Math.floor(Math.log10(rough)));
    step *= [1, 2, 2.5, 5, 10].filter(function (k) { return k * step >= rough * 0.999; })[0];
    return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
  }

  function place(value, ends, wide) {
    return Number((PAD + Math.max(0, Math.min(1, (value - ends[0]) / (ends[1] - ends[0]))) * (wide - 2 * PAD)).toFixed(1));
  }

  function whisker(line, ends) {
    var c = line.change, middle = HIGH / 2;
    return drawn(WIDE, HIGH, [
      ["path", { "class": "zero", d: "M" + place(0, ends, WIDE) + " 0v" + HIGH }],
      ["path", { "class": "bar", d: "M" + place(c.low, ends, WIDE) + " " + middle + "H" + place(c.high, ends, WIDE) }],
      ["circle", { "class": "dot", cx: place(c.change, ends, WIDE), cy: middle, r: 3 }]
    ], "change " + line.verdict.replace(" ", "_"));
  }

  function axis(ends) { // its ends, and zero where there is room for it
    var zero = place(0, ends, WIDE), parts = [];
    var tick = function (value, anchor) {
      parts.push(["text", { x: place(value, ends, WIDE), y: 10, "text-anchor": anchor }, words.number(value, true, true).replace(/\.0$/, "").replace("+0", "0")]);
    };
    if (ends[0] < 0 && zero > 24) tick(ends[0], "middle");
    tick(0, "middle");
    if (ends[1] > 0 && zero < WIDE - 24) tick(ends[1], "middle");
    return drawn(WIDE, 12, parts, "change");
  }

  function lean(change, end) { // a subject: a bar from zero
    var wide = 90, zero = place(0, [-end, end], wide), to = place(change, [-end, end], wide);
    return drawn(wide, 10, [
      ["path", { "class": "zero", d: "M" + zero + " 0v10" }],
      ["rect", { "class": change < 0 ? "fell" : "rose", x: Math.min(zero, to), y: 2, width: Math.abs(to - zero).toFixed(1), height: 6 }]
    ], "lean");
  }

  // -- the tasks --------------------------------------------------------------------------------------------------

  function pairOf(line, name) {
    return line.rates.map(function (rates) { return line.reads ? rates[name] : null; });
  }

  function share(node, both) { // "0.4 → 2.3", or once where both sides read alike
    var spelt = both.map(function (v) { return words.number(v, true); });
    node.textContent = spelt[0] === spelt[1] ? spelt[0] : spelt.join(" → ");
    if (Math.max(both[0] || 0, both[1] || 0) > MARKED) node.classList.add("flag");
  }

  function row(line, end, chosen, address) {
    var node = BENCH.clone("line-row"), c = line.change, points = line.points, number = words.number;
    var link = text(node, "task", line.title);
    link.href = address(line);
    link.setAttribute("data-at", line.slug);
    if (line.slug === chosen) { node.className = "chosen"; link.setAttribute("aria-current", "true"); }
    text(node, "form", line.column.form);
    if (words.of(line.title, "en").length > LONG) node.cells[0].className = "long";
    slot(node, "word").appendChild(element("span", "word " + line.verdict.replace(" ", "_"), words.say("verdict_" + line.verdict)));
    slot(node, "before").textContent = number(c.before, points);
    slot(node, "after").textContent = number(c.after, points);
    var cell = slot(node, "change");
    cell.appendChild(element("b", "", number(c.change, points, true)));
    cell.appendChild(element("small", "", " [" + number(c.low, points, true) + ", " + number(c.high, points, true) + "]"));
    if (points) slot(node, "chart").appendChild(whisker(line, end));
    slot(node, "p").textContent = words.p(line.p);
    slot(node, "flips").textContent = words.whole(c.lost) + " / " + words.whole(c.gained);
    slot(node, "n").textContent = words.whole(c.n);
    share(slot(node, "unparsed"), pairOf(line, "unparsed"));
    share(slot(node, "cut"), pairOf(line, "truncated"));
    share(slot(node, "empty"), pairOf(line, "empty"));
    slot(node, "length").textContent = line.length === null ? "–" : words.fixed(line.length, 2) + "×";
    return node;
  }

  function columnIf(name, wanted) { // a column that says nothing isn't there
    BENCH.each('[data-column="' + name + '"], [data-slot="' + name + '"]', function (cell) { cell.hidden = !wanted; }, by("lines"));
  }

  function table(lines, chosen, address) {
    var at = by("lines").contains(document.activeElement) ? document.activeElement.getAttribute("data-at") : null;
    var body = emptied(by("lines").tBodies[0]);
    var there = lines.filter(function (line) { return line.change; }), apart = lines.filter(function (line) { return !line.change; });
    var scaled = there.filter(function (line) { return line.points; }), end = scale(scaled);
    emptied(by("lines-axis"));
    if (scaled.length) by("lines-axis").appendChild(axis(end));
    there.forEach(function (line) { body.appendChild(row(line, end, chosen, address)); });
    if (at) by("lines").querySelector('[data-at="' + at + '"]').focus({ preventScroll: true }); // a new row for the one that was clicked
    if (apart.length) body.appendChild(BENCH.clone("apart-row"));
    columnIf("empty", there.some(function (line) { return line.reads && (line.rates[0].empty || line.rates[1].empty); }));
    columnIf("length", there.some(function (line) { return line.length !== null; }));
    apart.forEach(function (line) {
      var node = BENCH.clone("why-row");
      text(node, "task", line.title);
      text(node, "why", words.say(line.why, line.values));
      body.appendChild(node);
    });
  }

  function notes(lines) {
    var list = emptied(by("notes")), tested = lines.filter(function (line) { return line.change; }), methods = {};
    var add = function (key, values) { list.appendChild(element("li", "", words.say(key, values))); };
    if (!tested.length) return;
    add(tested[0].family > 1 ? "cmp_note_family" : "cmp_note_p", { n: tested[0].family });
    tested.forEach(function (line) { methods["cmp_method_" + line.change.method.replace(/-/g, "_")] = true; });
    Object.keys(methods).sort().forEach(function (key) { add(key); });
    tested.forEach(function (line) {
      var p = line.paired;
      if (p.unanswered[0] + p.unanswered[1]) add("cmp_note_unanswered", { task: line.short, n: words.whole(p.unanswered[0]), m: words.whole(p.unanswered[1]) });
      if (p.dropped) add("cmp_note_dropped", { task: line.short, n: words.whole(p.dropped) });
    });
    if (tested.some(function (line) { return line.length !== null; })) add("cmp_note_length");
  }

  // -- the subjects of a task ---------------------------------------------------------------------------------------

  function subjects(line, address) {
    var rows = BENCH.pairs.subjects(line), body = emptied(by("subjects-table").tBodies[0]);
    var choice = by("subject"), first = choice.options[0];
    by("subjects").hidden = rows.length < 2;
    by("subject").hidden = rows.length < 2;
    emptied(choice).appendChild(first);
    if (rows.length < 2) return;
    var sure = rows.filter(function (row) { return row.q !== null && row.q <= SURE; }).length;
    var note = rows[0].q === null ? "cmp_subjects_note" : "cmp_subjects_sure";
    words.both(by("subjects-note"), words.say(note, { n: sure, of: rows.length }));
    var end = rows.reduce(function (most, row) { return Math.max(most, Math.abs(row.change)); }, 0.01);
    rows.forEach(function (row) { body.appendChild(subjectRow(row, line, end, address(row.name))); });
    rows.map(function (row) { return row.name; }).sort().forEach(function (name) {
      var option = document.createElement("option");
      option.value = name;
      option.textContent = BENCH.visible(document.createElement("i"), name).textContent;
      choice.appendChild(option);
    });
  }

  function subjectRow(row, line, end, href) {
    var node = document.createElement("tr"), head = element("th"), link = element("a", "", row.name || "–");
    head.scope = "row";
    link.href = href;
    head.appendChild(link);
    node.appendChild(head);
    [words.whole(row.n), words.number(row.before, line.points), words.number(row.after, line.points), words.number(row.change, line.points, true)].forEach(function (told, i) {
      var cell = element("td", "num", told);
      if (i === 3 && row.q !== null && row.q <= SURE) cell.classList.add("sure");
      node.appendChild(cell);
    });
    node.appendChild(element("td")).appendChild(lean(row.change * line.paired.sign, end));
    return node;
  }

  return { table: table, notes: notes, subjects: subjects, element: element, emptied: emptied, slot: slot, text: text, by: by };
})();
