/* One task of a comparison, question by question: four counts that filter, a search through the texts, and both answers side
   by side, twenty at a time. Texts come from packed shards as they are needed; marks are there whatever is published.
   J and K walk from one question to the next; the address then leads to the one that is being read. */
BENCH.flips = (function () {
  "use strict";
  var BATCH = 20, SCANNED = 100, REPEATS = 4, KINDS = ["lost", "gained", "neither", "both"];
  var shown = BENCH.changes, words = BENCH.said, by = shown.by;
  var line = null, sides = null, address = null, go = null, published = "all";
  var drawn = "", round = 0, found = [], first = 0, next = 0, done = true, timer = 0;

  function show(chosen, pair, at, goes) {
    var other = chosen !== line || !sides || pair.a !== sides.a || pair.b !== sides.b;
    line = chosen; sides = pair; address = at; go = goes;
    if (other) {
      words.both(by("one-title"), line.title);
      shown.subjects(line, function (name) { return address({ t: line.slug, subject: name, s: "" }); });
      by("graded").hidden = plain();
      by("q").hidden = published === "none";
    }
    var state = BENCH.state, wanted = number(state.s), index = wanted === null ? -1 : line.paired.rows.indexOf(wanted);
    var kind = KINDS.indexOf(state.f) >= 0 ? state.f : index >= 0 ? BENCH.pairs.flip(line.paired, index) : first_(counts(state.subject));
    square(counts(state.subject), kind);
    by("subject").value = state.subject || "";
    if (by("q") !== document.activeElement) by("q").value = state.q || "";
    var key = [pair.a.slug, pair.b.slug, line.slug, kind, state.subject, state.q].join(" ");
    if (key === drawn && !(wanted !== null && !article(wanted))) return mark(wanted, true);
    drawn = key;
    list(kind, state, wanted);
  }

  function plain() {
    return line.paired.before.concat(line.paired.after).every(function (v) { return v === 0 || v === 1; });
  }

  function number(text) { // "12" or "12.2" counts from 1
    var n = parseInt(text, 10);
    return n > 0 ? n - 1 : null;
  }

  function inSubject(i, subject) {
    return !subject || !line.paired.subjects || line.exam.subjects[line.paired.subjects[i]] === subject;
  }

  function counts(subject) {
    var found = { lost: 0, gained: 0, both: 0, neither: 0 };
    line.paired.rows.forEach(function (row, i) { if (inSubject(i, subject)) found[BENCH.pairs.flip(line.paired, i)] += 1; });
    return found;
  }

  function first_(counts) { return KINDS.filter(function (kind) { return counts[kind]; })[0] || "lost"; }

  function square(counts, kind) {
    BENCH.each("button[data-f]", function (button) {
      var f = button.getAttribute("data-f");
      button.querySelector("b").textContent = words.whole(counts[f]);
      button.setAttribute("aria-pressed", String(f === kind));
    }, by("square"));
  }

  // -- the list ---------------------------------------------------------------------------------------------------

  function list(kind, state, wanted) {
    var mine = ++round, text = (state.q || "").trim().toLowerCase();
    var rows = line.paired.rows.filter(function (row, i) { return BENCH.pairs.flip(line.paired, i) === kind && inSubject(i, state.subject); });
    var values = { n: words.whole(rows.length), subject: state.subject || "" };
    words.both(by("list-title"), words.say(state.subject ? "cmp_list_subject" : "cmp_list", { kind: words.say("cmp_list_" + kind), n: values.n, subject: values.subject }));
    shown.emptied(by("items"));
    by("earlier").hidden = by("more").hidden = true;
    found = []; done = !text || published === "none";
    first = next = 0;
    words.both(by("found"), "");
    if (!done) return scan(rows, text, 0, mine);
    found = rows;
    first = next = Math.max(0, found.indexOf(wanted));
    more(mine).then(function () { if (mine === round) mark(wanted, true); });
  }

  function scan(rows, text, from, mine) { // through questions, golds and answers, a hundred at a time
    var some = rows.slice(from, from + SCANNED);
    Promise.all(some.map(read)).then(function (texts) {
      if (mine !== round) return;
      texts.forEach(function (one, i) { if (holds(one, text)) found.push(some[i]); });
      var seen = Math.min(rows.length, from + SCANNED);
      done = seen >= rows.length;
      words.both(by("found"), words.say(done ? "cmp_found" : "cmp_searching", { n: words.whole(found.length), seen: words.whole(seen), of: words.whole(rows.length) }));
      var drawing = next < Math.min(found.length, BATCH) ? more(mine) : Promise.resolve();
      buttons();
      if (!done) drawing.then(function () { if (mine === round) scan(rows, text, from + SCANNED, mine); });
    });
  }

  function flat(text) { return text === null || text === undefined ? "" : Array.isArray(text) ? text.join(" ") : String(text); }

  function holds(one, text) {
    var item = one.item || { question: "", choices: [], target: "" };
    var parts = [item.question, item.target].concat(item.choices);
    one.answers.forEach(function (answers) { answers.forEach(function (answer) { if (answer) parts.push(answer.text, answer.answer); }); });
    return parts.some(function (part) { return flat(part).toLowerCase().indexOf(text) >= 0; });
  }

  function read(position) { // -> {item, answers: [of before, of after], one per repeat}
    var lot = [line.before, line.after].map(function (run) {
      var asked = [];
      for (var k = 0; k < Math.min(run.repeats || 1, REPEATS); k++) asked.push(BENCH.answers.answer(run, position, k).catch(function () { return null; }));
      return Promise.all(asked);
    });
    return Promise.all([question(position), Promise.all(lot)]).then(function (got) {
      return { item: got[0], answers: got[1] };
    });
  }

  function question(position) { // null where it isn't published: then its file may not be there either
    var told = published === "all" || published === "wrong" && [line.before, line.after].some(function (run) {
      for (var k = 0; k < run.repeats; k++) if (BENCH.answers.published(run, position, k)) return true;
      return false;
    });
    return told ? BENCH.answers.item(line.column.exam, position).catch(function () { return null; }) : Promise.resolve(null);
  }

  function more(mine) {
    var some = found.slice(next, next + BATCH);
    next += some.length;
    return Promise.all(some.map(read)).then(function (texts) {
      if (mine !== round) return;
      texts.forEach(function (one, i) { by("items").appendChild(drawItem(some[i], one)); });
      buttons();
    });
  }

  function earlier(mine) {
    var from = Math.max(0, first - BATCH), some = found.slice(from, first), before = by("items").firstChild;
    first = from;
    return Promise.all(some.map(read)).then(function (texts) {
      if (mine !== round) return;
      texts.forEach(function (one, i) { by("items").insertBefore(drawItem(some[i], one), before); });
      buttons();
    });
  }

  function buttons() {
    by("earlier").hidden = first === 0;
    by("more").hidden = next >= found.length;
  }

  // -- one question -----------------------------------------------------------------------------------------------

  function article(position) { return by("items").querySelector('[data-position="' + position + '"]'); }

  function drawItem(position, one) {
    var node = BENCH.clone("flip-item"), index = line.paired.rows.indexOf(position), kind = BENCH.pairs.flip(line.paired, index);
    node.setAttribute("data-position", position);
    var link = shown.slot(node, "number");
    link.textContent = "#" + (position + 1);
    link.href = address({ t: line.slug, s: String(position + 1) });
    var said = shown.slot(node, "kind");
    said.classList.add(kind);
    words.both(said, words.say("cmp_kind_" + kind));
    BENCH.visible(shown.slot(node, "subject"), line.paired.subjects ? line.exam.subjects[line.paired.subjects[index]] : "");
    var names = [sides.a.name, sides.b.name], asked = shown.slot(node, "asked");
    if (one.item) {
      var both = one.answers.map(function (answers) { return answers[0]; });
      asked.appendChild(BENCH.answers.question(one.item, both, names));
      if (one.item.target !== null && !one.item.choices.length) gold(asked, one.item.target);
    } else asked.appendChild(shown.element("p", "soft", words.say("cmp_unpublished")));
    ["a", "b"].forEach(function (side, i) { answers(shown.slot(node, side), side, position, one.item, one.answers[i]); });
    BENCH.speak(node);
    return node;
  }

  function gold(node, target) {
    var told = shown.element("p", "gold"), label = shown.element("span", "soft", words.say("cmp_gold"));
    told.appendChild(label);
    told.appendChild(document.createTextNode(" "));
    told.appendChild(BENCH.answers.show(document.createElement("b"), target));
    node.appendChild(told);
  }

  function answers(node, side, position, item, told) {
    var run = side === "a" ? line.before : line.after, head = BENCH.clone("answer-head");
    BENCH.visible(shown.slot(head, "who"), sides[side].name);
    shown.slot(head, "read").href = "samples.html" + BENCH.address({ c: sides[side].slug, t: line.slug, s: String(position + 1) });
    node.appendChild(head);
    told.forEach(function (answer, k) {
      if (told.length > 1) node.appendChild(shown.element("p", "soft small", words.say("cmp_repeat", { n: k + 1, of: run.repeats })));
      node.appendChild(BENCH.answers.render(answer, item, { run: run, sign: BENCH.answers.mark(run, position, k) }));
    });
  }

  // -- walking ------------------------------------------------------------------------------------------------------

  function mark(position, moves) {
    var node = position === null ? null : article(position);
    BENCH.each("article.at", function (old) { if (old !== node) old.classList.remove("at"); }, by("items"));
    if (!node) return;
    node.classList.add("at");
    if (!moves) return;
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "start" });
  }

  function walk(by_) {
    var all = Array.prototype.slice.call(by("items").children), at = all.indexOf(by("items").querySelector("article.at"));
    var to = at < 0 ? 0 : at + by_, mine = round;
    if (to < 0 && first > 0) return earlier(mine).then(function () { if (mine === round) walk(by_); });
    if (to >= all.length && next < found.length) return more(mine).then(function () { if (mine === round) walk(by_); });
    var node = all[to];
    if (!node) return;
    BENCH.state.s = String(Number(node.getAttribute("data-position")) + 1);
    BENCH.write();
    mark(Number(node.getAttribute("data-position")), true);
  }

  function focus(at) { // where a button was that may be hidden now, the new ones begin
    var node = by("items").children[at];
    if (node) node.focus({ preventScroll: true });
  }

  function speak() { // an option holds one text, not one a language
    var every = by("subject").options[0];
    every.textContent = every.getAttribute("data-label-" + document.documentElement.lang);
  }

  BENCH.ready(function () {
    speak();
    new MutationObserver(speak).observe(document.documentElement, { attributeFilter: ["lang"] });
    BENCH.each("button[data-f]", function (button) {
      button.addEventListener("click", function () { go({ t: line.slug, f: button.getAttribute("data-f"), s: "" }); });
    }, by("square"));
    by("subject").addEventListener("change", function () { go({ t: line.slug, subject: by("subject").value, s: "" }); });
    by("q").addEventListener("input", function () {
      clearTimeout(timer);
      timer = setTimeout(function () {
        BENCH.state.q = by("q").value;
        BENCH.state.s = "";
        BENCH.write();
        show(line, sides, address, go);
      }, 200);
    });
    by("more").addEventListener("click", function () {
      var at = by("items").children.length;
      more(round).then(function () { focus(at); });
    });
    by("earlier").addEventListener("click", function () {
      earlier(round).then(function () { if (by("earlier").hidden) focus(0); });
    });
    document.addEventListener("keydown", function (event) {
      var typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !line || by("one").hidden) return;
      if (event.key === "j" || event.key === "k") { walk(event.key === "j" ? 1 : -1); event.preventDefault(); }
    });
  });

  return { show: show, published: function (told) { published = told; } };
})();
