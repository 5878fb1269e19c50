/* The board: sort, keep on top, choose two; with picker.js, facets.js and view.js. The address holds all of it.
   State: sort=KEY dir=asc|desc pins=SLUG,SLUG pair=SLUG,SLUG
   Rows that the sorted column does not rank stand under its line, whatever the direction. */
(function () {
  "use strict";
  var table, body, apart, rows = [], opened, sorted, known = {};
  var byId = function (id) { return document.getElementById(id); };

  function list(key) { return BENCH.state[key] ? BENCH.state[key].split(",") : []; }

  // -- order -------------------------------------------------------------------------------------------------

  function valuesOf(key) { // of every row: its value; 0 where the column ranks it, 1 where it only shows it, 2 where it lacks it
    if (known[key]) return known[key];
    var head = BENCH.picker.head(key), score = head.classList.contains("score");
    known[key] = rows.map(function (one) {
      if (key === "name") return { v: one.name, level: 0 };
      var cell = one.row.cells[head.cellIndex], box = cell.firstElementChild;
      if (!score) return { v: cell.hasAttribute("data-v") ? Number(cell.getAttribute("data-v")) : null, level: 0 };
      return { v: scoreOf(box), level: !box ? 2 : box.classList.contains("pending") ? 1 : 0 };
    });
    return known[key];
  }

  function scoreOf(box) { // as it is shown: to a tenth of a point, so that what reads alike keeps its order
    var text = box ? box.firstElementChild.textContent.replace(/,/g, "") : "";
    return text === "" || isNaN(Number(text)) ? null : Number(text);
  }

  function arrange() {
    var compare = BENCH.table.compare(sorted.direction), mine = valuesOf(sorted.key), below = null;
    var places = rows.slice().sort(function (a, b) {
      if (a.pinned !== b.pinned) return a.pinned ? -1 : 1;
      var x = mine[a.at], y = mine[b.at];
      return (a.pinned ? 0 : x.level - y.level) || compare(x.v, y.v) || a.at - b.at;
    });
    var order = places.map(function (one) {
      if (!below && !one.pinned && !one.row.hidden && mine[one.at].level) below = one;
      return one.row;
    });
    if (apart && below) order.splice(order.indexOf(below.row), 0, apart);
    if (apart) apart.hidden = !below;
    place(order);
    BENCH.table.mark(table, BENCH.picker.head(sorted.key), sorted.direction);
  }

  function place(order) { // moves only what does not stand right: a filter moves nothing
    var next = body.firstElementChild, held = document.activeElement;
    order.forEach(function (row) {
      if (row === next) next = next.nextElementSibling;
      else body.insertBefore(row, next);
    });
    if (held !== document.activeElement && body.contains(held)) held.focus({ preventScroll: true }); // a row that moves lets go
  }

  function firstDirection(head) { return head.getAttribute("data-best") === "high" ? "descending" : "ascending"; }

  function sortable(head) {
    BENCH.table.button(head, function () {
      BENCH.state.sort = head.getAttribute("data-key");
      BENCH.state.dir = BENCH.table.next(head, firstDirection(head)) === "ascending" ? "asc" : "desc";
      changed();
    });
  }

  function asked() { // which column, which way: as the address says where it can be had, else as the page was opened
    var s = BENCH.state, head = s.sort && BENCH.picker.head(s.sort);
    if (!head) return opened;
    var direction = s.dir === "asc" ? "ascending" : s.dir === "desc" ? "descending" : firstDirection(head);
    return { key: s.sort, direction: direction };
  }

  // -- rows --------------------------------------------------------------------------------------------------

  function dress(one) { // a box to choose by and a pin
    var tools = BENCH.clone("row-tools");
    one.box = tools.querySelector("input");
    one.pin = tools.querySelector("button");
    one.link.id = "r" + one.at;
    one.box.setAttribute("aria-labelledby", "say-choose r" + one.at);
    one.pin.setAttribute("aria-labelledby", "say-pin r" + one.at);
    one.row.cells[0].appendChild(tools);
  }

  function toggle(key, slug, most) {
    var now = list(key), at = now.indexOf(slug);
    if (at >= 0) now.splice(at, 1); else now.push(slug);
    BENCH.state[key] = now.slice(-most).join();
    changed();
  }

  function rowOf(node) {
    var row = node.closest("tr");
    return rows.filter(function (one) { return one.row === row; })[0];
  }

  function mark(one, name, button, on) {
    if (!!one[name] === on) return;
    one[name] = on;
    one.row.classList.toggle(name, on);
    if (name === "pinned") button.setAttribute("aria-pressed", String(on)); else button.checked = on;
  }

  function markRows() {
    var pins = list("pins"), pair = list("pair");
    rows.forEach(function (one) {
      one.pinned = !!one.pinned;
      mark(one, "pinned", one.pin, pins.indexOf(one.slug) >= 0);
      mark(one, "chosen", one.box, pair.indexOf(one.slug) >= 0);
    });
    var two = pair.map(function (slug) { return rows.filter(function (one) { return one.slug === slug; })[0]; });
    var ready = two.length === 2 && !!two[0] && !!two[1], link = byId("compare");
    link.hidden = !ready;
    table.classList.toggle("choosing", pair.length > 0);
    if (!ready) return;
    BENCH.fill(link, { a: two[0].link.textContent, b: two[1].link.textContent });
    link.href = address(two[0], two[1]);
  }

  function address(a, b) { return BENCH.root + "compare.html#a=" + a.slug + "&b=" + b.slug; }

  // -- the view ----------------------------------------------------------------------------------------------

  function narrow() {
    var n = 0, ranks = BENCH.state.ranked ? valuesOf(sorted.key) : null;
    rows.forEach(function (one) {
      var fits = BENCH.facets.fits(one.name, one.at) && !(ranks && ranks[one.at].level);
      if (fits) n += 1;
      var hidden = !fits && !one.pinned;
      if (one.row.hidden !== hidden) one.row.hidden = hidden;
    });
    say("status-text", BENCH.facets.asked() || BENCH.state.q ? { n: String(n) } : null);
  }

  function say(template, texts) {
    byId("status").textContent = "";
    if (texts) byId("status").appendChild(BENCH.fill(BENCH.clone(template), texts));
  }

  function apply(failed) {
    sorted = asked();
    BENCH.facets.show();
    markRows();
    narrow();
    arrange();
    if (failed) say("failed-text", { name: failed });
  }

  function changed() {
    BENCH.write();
    apply();
  }

  function restore() { // from the address: at the start, and when somebody edits it or goes back
    var keys = BENCH.picker.parse(BENCH.state.cols), sort = BENCH.state.sort;
    if (sort && BENCH.picker.has(sort) && keys.indexOf(sort) < 0) keys = keys.concat(sort);
    var waits = [BENCH.picker.show(keys), BENCH.facets.needed() ? BENCH.facets.open() : null];
    return Promise.all(waits).then(function (done) { apply(done[0]); });
  }

  function explain(event) { // the meaning of a badge, out of the legend below
    var badge = event.target.closest(".mark[data-m]");
    var meaning = badge && document.querySelector('.badges [data-for="' + badge.getAttribute("data-m") + '"]');
    if (meaning) badge.title = meaning.innerText;
  }

  function setUp() {
    table = byId("board");
    if (!table) return;
    body = table.tBodies[0];
    apart = body.querySelector(".apart");
    BENCH.each(".who", function (link, at) {
      var slug = /checkpoint\/(.*)\.html$/.exec(link.getAttribute("href"))[1];
      rows.push({ row: link.closest("tr"), link: link, at: at, slug: slug, name: link.textContent, pinned: false });
    }, body);
    BENCH.board = { rows: function () { return rows.map(function (one) { return one.row; }); }, sortable: sortable };
    BENCH.picker.setUp(table, function (keys) {
      BENCH.state.cols = BENCH.picker.write(keys);
      BENCH.write();
      restore();
    });
    BENCH.facets.setUp(changed);
    var first = table.tHead.querySelector("[aria-sort]");
    opened = { key: first.getAttribute("data-key"), direction: first.getAttribute("aria-sort") };
    BENCH.each("th[data-key]", sortable, table.tHead);
    rows.forEach(dress);
    body.addEventListener("click", function (event) {
      var pin = event.target.closest(".pin");
      if (pin) toggle("pins", rowOf(pin).slug, 20);
    });
    body.addEventListener("change", function (event) { toggle("pair", rowOf(event.target).slug, 2); });
    table.addEventListener("pointerover", explain);
    byId("csv").addEventListener("click", function () {
      BENCH.load("static/view.js", "view").then(function (view) { BENCH.table.download("board.csv", view(table)); });
    });
    BENCH.on("state", restore);
    restore();
  }

  BENCH.ready(setUp);
})();
