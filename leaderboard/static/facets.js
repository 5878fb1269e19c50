/* Which rows of the board are shown: by name, and by what differs between checkpoints (data/board.js, asked for when needed).
   State: q= kind= method= base= tag= min= max= (GiB) since= ranked=1 */
(function () {
  "use strict";
  var KEYS = ["kind", "method", "base", "tag", "min", "max", "since", "ranked"];
  var GIB = 1073741824;
  var facts = null, opening;
  var byId = function (id) { return document.getElementById(id); };

  function plain(value) { return value.replace(/[%,]/g, encodeURIComponent) || "-"; } // in a list with commas

  function among(asked, value) { return !asked || asked.split(",").indexOf(plain(value || "")) >= 0; }

  function sized(bytes, least, most) {
    if (!(Number(least) > 0) && !(Number(most) > 0)) return true;
    if (bytes === null) return false;
    return !(Number(least) > 0 && bytes < Number(least) * GIB) && !(Number(most) > 0 && bytes > Number(most) * GIB);
  }

  function fits(name, at) { // the row of this name and place, against all that the reader asked for but `ranked`
    var s = BENCH.state;
    if (s.q && name.toLowerCase().indexOf(s.q.trim().toLowerCase()) < 0) return false;
    if (!facts) return true;
    if (facts.kind && !among(s.kind, facts.kind[at])) return false;
    if (facts.method && !among(s.method, facts.method[at])) return false;
    if (facts.base && s.base && facts.base[at] !== s.base) return false;
    if (facts.tag && s.tag && facts.tag[at].indexOf(s.tag) < 0) return false;
    if (facts.date && s.since && facts.date[at] < s.since) return false;
    return !facts.bytes || sized(facts.bytes[at], s.min, s.max);
  }

  function each(action) { // of every control: its key, and its value written or read
    BENCH.each("#facets fieldset", function (field) { action(field.getAttribute("data-facet"), field, true); });
    BENCH.each("#facets label > [data-facet]", function (input) { action(input.getAttribute("data-facet"), input, false); });
  }

  function can(node, asked) { // hold it: a browser warns of what is no number and no date
    if (node.type === "number") return /^(\d{1,15}(\.\d+)?|\.\d+)$/.test(asked);
    return node.type !== "date" || /^\d{4}-\d\d-\d\d$/.test(asked) && !isNaN(Date.parse(asked));
  }

  function show() { // the controls say what the address says
    each(function (key, node, many) {
      var asked = BENCH.state[key] || "";
      if (asked && !can(node, asked)) asked = BENCH.state[key] = ""; // out of an address that was made by hand
      if (many) BENCH.each("input", function (box) { box.checked = among(asked, box.value); }, node);
      else if (node.type === "checkbox") node.checked = !!asked;
      else node.value = asked;
    });
    var count = KEYS.filter(function (key) { return BENCH.state[key]; }).length;
    byId("narrowed").textContent = count ? "(" + count + ")" : "";
    if (byId("filter").value !== (BENCH.state.q || "")) byId("filter").value = BENCH.state.q || "";
  }

  function read() {
    each(function (key, node, many) {
      if (!many) { BENCH.state[key] = node.type === "checkbox" ? (node.checked ? "1" : "") : node.value; return; }
      var on = [];
      BENCH.each("input:checked", function (box) { on.push(plain(box.value)); }, node);
      BENCH.state[key] = on.length === node.querySelectorAll("input").length ? "" : on.join() || "!"; // "!": none of them
    });
  }

  function open() { // kinds, bases and dates of a thousand rows are no part of the page
    if (!opening) {
      opening = BENCH.load("data/board.js", "board").then(function (payload) {
        facts = payload;
        BENCH.each("#facets select", function (select) {
          var seen = Object.create(null); // a base may be called "__proto__"
          [].concat.apply([], facts[select.getAttribute("data-facet")]).forEach(function (name) { seen[name] = true; });
          Object.keys(seen).sort().forEach(function (name) { if (name) select.appendChild(new Option(name, name)); });
        });
        return facts;
      });
    }
    return opening;
  }

  function setUp(changed) { // `changed()`: the reader asks for other rows
    var form = byId("facets"), toggle = byId("narrow"), input = byId("filter");
    byId("tools").hidden = false;
    input.addEventListener("input", function () { BENCH.state.q = input.value; changed(); });
    function unfold(wanted) {
      form.hidden = !wanted;
      toggle.setAttribute("aria-expanded", String(wanted));
    }
    toggle.addEventListener("click", function () { open().then(function () { show(); unfold(form.hidden); }); });
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    form.addEventListener("change", function () { read(); changed(); });
    form.addEventListener("reset", function (event) {
      event.preventDefault();
      KEYS.concat("q").forEach(function (key) { BENCH.state[key] = ""; });
      changed();
    });
    if (asked()) unfold(true);
  }

  function asked() { return KEYS.some(function (key) { return BENCH.state[key]; }); }

  BENCH.facets = {
    setUp: setUp, show: show, fits: fits, open: open, asked: asked,
    needed: function () { return KEYS.some(function (key) { return key !== "ranked" && BENCH.state[key]; }); }
  };
})();
