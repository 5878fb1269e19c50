/* History: a family and a task are chosen, their chart and table are drawn from data/history/FAMILY.js. The charts that
   stand in the page were drawn at build time by leaderboard/history_chart.py, in the same frame. */
(function () {
  "use strict";
  var WIDE = 640, TALL = 200, LEFT = 46, RIGHT = 14, TOP = 12, BOTTOM = 26;

  function element(name) { // in the namespace of the drawings that stand in the page
    return document.createElementNS(document.querySelector(".legend svg").namespaceURI, name);
  }

  function add(parent, name, facts, text) {
    var node = element(name);
    Object.keys(facts).forEach(function (key) { node.setAttribute(key, facts[key]); });
    if (text !== undefined) node.textContent = text;
    parent.appendChild(node);
    return node;
  }

  function ticks(low, high) { // [first, step]: three to six round numbers
    var span = high - low || Math.abs(high) || 1, power = Math.pow(10, Math.floor(Math.log10(span / 4)));
    var step = [1, 2, 2.5, 5, 10].filter(function (s) { return s * power >= span / 4 * 0.999; })[0] * power;
    return [Math.ceil(low / step - 1e-9) * step, step];
  }

  function plain(value) {
    var big = Math.abs(value) >= 10000;
    return String(Number((big ? value / 1000 : Math.abs(value) < 1e-12 ? 0 : value).toPrecision(4))) + (big ? "k" : "");
  }

  function framed(points, threshold) {
    var ys = [], xs = points.map(function (p) { return p[1]; });
    points.forEach(function (p) { ys.push(p[2], p[3], p[4]); });
    ys.push(threshold);
    ys = ys.filter(function (y) { return y !== null; });
    var low = Math.min.apply(null, ys), high = Math.max.apply(null, ys), step = ticks(low, high)[1];
    low = Math.floor(low / step + 1e-9) * step;
    high = Math.max(Math.ceil(high / step - 1e-9) * step, low + step);
    var start = Math.min.apply(null, xs), end = Math.max.apply(null, xs);
    return {
      low: low, high: high, start: start, end: end,
      x: function (v) { return (LEFT + (end > start ? (v - start) / (end - start) : 0.5) * (WIDE - LEFT - RIGHT)).toFixed(1); },
      y: function (v) { return (TALL - BOTTOM - (v - low) / (high - low) * (TALL - TOP - BOTTOM)).toFixed(1); }
    };
  }

  function axes(svg, frame, data, by) {
    var t = ticks(frame.low, frame.high);
    for (var v = t[0]; v <= frame.high + t[1] / 1e6; v += t[1]) {
      add(svg, "path", { "class": "rule", d: "M" + LEFT + " " + frame.y(v) + "H" + (WIDE - RIGHT) });
      add(svg, "text", { x: LEFT - 7, y: Number(frame.y(v)) + 3.5, "text-anchor": "end" }, plain(v));
    }
    var marks = [], last = data.points[data.points.length - 1];
    if (by === "steps" && frame.end > frame.start) {
      t = ticks(frame.start, frame.end);
      for (v = t[0]; v <= frame.end + t[1] / 1e6; v += t[1]) marks.push([v, plain(v)]);
    } else if (by === "made") { // where each generation begins
      data.points.forEach(function (p, i) { if (!i || data.points[i - 1][5] !== p[5]) marks.push([p[1], p[5]]); });
    } else {
      [data.points[0], last].forEach(function (p) {
        marks.push([p[1], by === "steps" ? p[5] : frame.end - frame.start < 3 ? p[5].slice(5) : p[5].slice(0, 10)]);
      });
    }
    marks.forEach(function (mark) {
      var at = Number(frame.x(mark[0]));
      var anchor = at <= LEFT + 20 ? "start" : at >= WIDE - RIGHT - 20 ? "end" : "middle";
      add(svg, "text", { x: at, y: TALL - 7, "text-anchor": anchor }, mark[1]);
    });
  }

  function drawn(family, data) {
    var svg = element("svg"), frame = framed(data.points, data.threshold);
    svg.setAttribute("class", "plot history");
    svg.setAttribute("viewBox", "0 0 " + WIDE + " " + TALL);
    svg.setAttribute("aria-hidden", "true");
    axes(svg, frame, data, family.by);
    if (data.threshold !== null) {
      var y = Number(frame.y(data.threshold)), words = BENCH.clone("gate");
      add(svg, "path", { "class": "gate", d: "M" + LEFT + " " + y + "H" + (WIDE - RIGHT) });
      ["en", "zh"].forEach(function (language) {
        var text = words.getAttribute("data-" + language).replace("{value}", data.texts[0]);
        add(svg, "text", { "class": language[0], x: WIDE - RIGHT, y: y + (y + 14 < TALL - BOTTOM ? 12 : -4), "text-anchor": "end" }, text);
      });
    }
    data.edges.forEach(function (edge) {
      var ends = edge.map(function (at) { return frame.x(data.points[at][1]) + " " + frame.y(data.points[at][2]); });
      add(svg, "path", { "class": "edge", d: "M" + ends.join("L") });
    });
    data.points.forEach(function (p) {
      var x = frame.x(p[1]), y = frame.y(p[2]), member = family.members[p[0]];
      if (p[3] !== null && p[4] !== null) add(svg, "path", { "class": "bar", d: "M" + x + " " + frame.y(p[3]) + "V" + frame.y(p[4]) });
      var link = add(svg, "a", { href: member[1], tabindex: "-1" });
      add(link, "title", {}, member[0] + ": " + p[6]);
      add(link, "circle", { "class": "reach", cx: x, cy: y, r: 11 });
      add(link, "circle", { "class": p[9] ? "dot below" : "dot", cx: x, cy: y, r: 4 });
    });
    return svg;
  }

  function story(family, data, name, column) {
    var figure = BENCH.clone("figure"), option = column.selectedOptions[0];
    BENCH.fill(figure, {
      family: name, title_en: option.getAttribute("data-text-en"), title_zh: option.getAttribute("data-text-zh"), metric: option.getAttribute("data-metric"),
      threshold: data.texts[0], tolerance: data.texts[1]
    });
    figure.setAttribute("data-by", family.by);
    figure.querySelector(".with-gate").hidden = data.threshold === null;
    figure.querySelector(".drawn").appendChild(drawn(family, data));
    var body = figure.querySelector("tbody");
    data.points.forEach(function (p) {
      var row = BENCH.clone("line").querySelector("tr"), member = family.members[p[0]];
      BENCH.fill(row, { label: p[5], name: member[0], value: p[6], interval: p[7], n: p[8], change: p[10] });
      row.querySelector("a").setAttribute("href", member[1]);
      row.querySelector(".under").hidden = !p[9];
      body.appendChild(row);
    });
    BENCH.speak(figure);
    return figure;
  }

  BENCH.ready(function () {
    var family = document.getElementById("family"), column = document.getElementById("column");
    var place = document.getElementById("chosen"), asked = 0;
    if (!family) return;
    document.getElementById("picker").hidden = false;
    BENCH.each(".nojs", function (node) { node.hidden = true; });

    function speak() { // an option holds one text, not one a language
      BENCH.each("option", function (option) {
        option.textContent = option.getAttribute("data-text-" + document.documentElement.lang);
      }, column);
    }

    function narrow() { // only the columns that this family has
      var told = family.selectedOptions[0].getAttribute("data-columns"), has = told ? told.split(" ").map(Number) : [];
      BENCH.each("option", function (option) {
        option.hidden = option.disabled = has.length > 0 && has.indexOf(option.index) < 0;
      }, column);
      if (column.selectedOptions[0] && column.selectedOptions[0].disabled) column.selectedIndex = has[0];
    }

    function show() {
      var option = family.selectedOptions[0], mine = ++asked;
      BENCH.load("data/history/" + option.value + ".js", "history/" + option.getAttribute("data-id")).then(function (found) {
        if (mine !== asked || !found.columns[column.value]) return;
        place.textContent = "";
        place.appendChild(story(found, found.columns[column.value], option.textContent, column));
      }, function () { place.textContent = ""; }); // its file is gone: the charts that stand in the page are still there
    }

    function read() {
      if (!BENCH.state.f) return;
      family.value = BENCH.state.f;
      if (!family.selectedOptions.length) { family.selectedIndex = 0; return; }
      if (BENCH.state.t) column.value = BENCH.state.t;
      if (!column.selectedOptions.length) column.selectedIndex = 0;
      narrow();
      show();
    }

    [family, column].forEach(function (select) {
      select.addEventListener("change", function () {
        narrow();
        BENCH.state.f = family.value;
        BENCH.state.t = column.value;
        BENCH.write();
        show();
      });
    });
    BENCH.on("state", read);
    speak();
    new MutationObserver(speak).observe(document.documentElement, { attributeFilter: ["lang"] });
    narrow();
    read();
  });
})();
