/* The samples page: #c=CHECKPOINT&t=COLUMN, narrowed by f=wrong, subject=law, q=text; s=12 is the answer that is open.
   Another checkpoint, task, filter or subject is a step of the history; typing and J/K only rewrite the address. */
BENCH.ready(function () {
  "use strict";
  var answers = BENCH.answers, said = BENCH.said, node = function (id) { return document.getElementById(id); };
  var TYPING_MS = 250, people = null, columns = null, shown = null, hunt = null, typing = 0;
  var list = BENCH.answerList(node("list"), node("earlier"), node("more"), turned);
  var map = BENCH.map(node("map"), function (i) { open(i); }, pointed);
  var who = BENCH.combobox(node("who"), node("who-list"), function (one) { go({ c: one.slug, s: "" }); });
  var what = BENCH.combobox(node("what"), node("what-list"), function (one) { go({ t: one.slug, f: "", subject: "", q: "", s: "" }); });

  function go(changes) {
    var state = Object.assign({}, BENCH.state, changes), address = BENCH.address(state);
    if (address === location.hash) return;
    location.hash = address; // a step of the history; the listener below does the rest
  }

  function failed(error) {
    node("trouble").hidden = false;
    said.both(node("trouble"), said.say("samples_failed", { file: error.message.split(" ")[0] }));
  }

  // -- what is asked for ------------------------------------------------------------------------------------------

  function apply() {
    var state = BENCH.state;
    var person = people.by[state.c] || (state.c ? null : people.list.filter(function (one) { return one.tasks.length; })[0]);
    var task = person && (person.tasks.indexOf(state.t) >= 0 ? state.t : state.t ? null : person.tasks[0]);
    pickers(person, task);
    if (!person || !task) return nothing(state);
    if (shown && shown.slug === person.slug && shown.task === task) return narrow();
    Promise.all([answers.runs(person.slug), answers.exam(columns[task].exam)]).then(function (got) {
      var peers = people.list.filter(function (one) { return one !== person && one.tasks.indexOf(task) >= 0; });
      var parent = people.by[person.parent];
      shown = {
        slug: person.slug, task: task, run: got[0][task], exam: got[1], column: columns[task], failed: failed, peers: peers,
        parent: parent && parent.tasks.indexOf(task) >= 0 ? parent.slug : "",
        address: function (changes) { return BENCH.address(Object.assign({}, BENCH.state, { c: person.slug, t: task }, changes)); }
      };
      node("trouble").hidden = true;
      node("found").hidden = false;
      head();
      outcomes();
      subjects();
      narrow();
    }, failed);
  }

  function nothing(state) {
    node("found").hidden = true;
    shown = null;
    node("trouble").hidden = false;
    if (!state.c && !state.t) return said.both(node("trouble"), said.say("no_samples"));
    said.both(node("trouble"), said.say("samples_unknown", { c: (people.by[state.c] || { name: state.c || "–" }).name, t: (columns[state.t] || { name: state.t || "–" }).name }));
  }

  function pickers(person, task) {
    who.fill(people.list.filter(function (one) { return one.tasks.length; }).map(function (one) {
      one.said = said.say("kind_" + one.kind);
      return one;
    }));
    what.fill((person ? person.tasks : Object.keys(columns)).map(entry));
    who.set(person || null);
    what.set(task ? entry(task) : null);
  }

  var entries = {};
  function entry(slug) {
    var column = columns[slug];
    entries[slug] = entries[slug] || { slug: slug, name: column.name, said: column.form };
    return entries[slug];
  }

  // -- the head ---------------------------------------------------------------------------------------------------

  function head() {
    var column = shown.column, score = shown.run.score, number = function (value) { return answers.number(value, column); };
    node("score").textContent = score ? number(score[0]) : "–";
    node("interval").textContent = score && score[1] !== null ? number(score[1]) + "–" + number(score[2]) : "";
    var how = node("how");
    how.textContent = "";
    how.appendChild(answers.pair(document.createElement("span"), column.title));
    how.appendChild(document.createTextNode(" · "));
    how.appendChild(answers.pair(document.createElement("span"), column.form));
    how.appendChild(document.createTextNode(" · " + column.metric + (column.percent ? ", %" : "") + " · n " + (score ? said.whole(score[3]) : "–")));
    node("to-checkpoint").href = "checkpoint/" + shown.slug + ".html";
    node("to-task").href = column.href;
    node("to-compare").hidden = !shown.parent;
    node("to-compare").href = "compare.html" + BENCH.address({ a: shown.parent, b: shown.slug, t: shown.task });
  }

  function outcomes() { // the bar and the filter are one: a row per outcome with its share of all answers
    var counts = {}, total = 0, box = node("outcomes");
    shown.run.marks.split("").forEach(function (sign) { if (sign !== " ") { counts[sign] = (counts[sign] || 0) + 1; total++; } });
    box.textContent = "";
    box.appendChild(outcome("", "", total, total));
    Object.keys(counts).sort(function (x, y) { return "·×?…∅!-".indexOf(x) - "·×?…∅!-".indexOf(y); }).forEach(function (sign) {
      box.appendChild(outcome(answers.outcome(sign), sign, counts[sign], total));
    });
  }

  function outcome(key, sign, count, total) {
    var button = BENCH.clone("outcome"), name = BENCH.clone("names").querySelector('[data-outcome="' + key + '"]');
    button.dataset.f = key;
    button.querySelector(".sign").textContent = sign;
    button.querySelector(".sign").className = "sign sq-" + (key || "ink");
    button.querySelector(".name").appendChild(name);
    button.querySelector("b").textContent = said.whole(count);
    button.style.setProperty("--share", (100 * count / Math.max(1, total)).toFixed(2) + "%");
    button.classList.add("f-" + (key || "all"));
    button.addEventListener("click", function () { go({ f: key, s: "" }); });
    return button;
  }

  function subjects() {
    var box = node("subject"), names = shown.exam.subjects, counts = names.map(function () { return 0; });
    for (var i = 0; i < shown.exam.n; i++) if (answers.mark(shown.run, i, 0) !== " ") counts[shown.exam.subject[i]]++;
    box.textContent = "";
    box.hidden = names.length < 2;
    [[said.say("samples_all_subjects")[document.documentElement.lang], "", 0]].concat(names.map(function (name, k) {
      return [BENCH.visible(document.createElement("i"), name).textContent || "–", name, counts[k]];
    })).forEach(function (one) {
      var option = document.createElement("option");
      option.textContent = one[2] ? one[0] + " (" + one[2] + ")" : one[0];
      option.value = one[1];
      box.appendChild(option);
    });
  }

  // -- what fits --------------------------------------------------------------------------------------------------

  function fitting() {
    var state = BENCH.state, subject = state.subject ? shown.exam.subjects.indexOf(state.subject) : -1, found = [];
    for (var i = 0; i < shown.run.marks.length; i++) {
      var sign = shown.run.marks.charAt(i);
      if (sign === " " || state.f && answers.outcome(sign) !== state.f) continue;
      if (subject >= 0 && shown.exam.subject[Math.floor(i / shown.run.repeats)] !== subject) continue;
      found.push(i);
    }
    return found;
  }

  function place(s) { // "12.2" -> its index in the marks
    var parts = /^(\d+)(?:\.(\d+))?$/.exec(s || "");
    var i = parts ? (parts[1] - 1) * shown.run.repeats + Number(parts[2] || 1) - 1 : -1;
    return i >= 0 && i < shown.run.marks.length && shown.run.marks.charAt(i) !== " " ? i : -1;
  }

  function narrow() {
    if (hunt) hunt.stop();
    hunt = null;
    node("stop").hidden = true;
    var state = BENCH.state, found = fitting(), wanted = place(state.s);
    if (wanted >= 0 && found.indexOf(wanted) < 0 && (state.f || state.subject)) { // an address of this answer is meant
      state.f = state.subject = state.q = "";
      BENCH.write();
      found = fitting();
    }
    node("q").value = state.q || "";
    node("subject").value = state.subject || "";
    BENCH.each("#outcomes button", function (button) { button.setAttribute("aria-pressed", String(button.dataset.f === (state.f || ""))); });
    if (state.q && people.samples !== "none") return seek(found, state.q);
    map.draw(shown.run, flags(found), wanted);
    tell(found.length ? "samples_of" : "samples_none_here", { n: said.whole(found.length), of: said.whole(shown.run.marks.replace(/ /g, "").length) });
    if (people.samples === "none") return;
    list.show(shown, found, Math.max(0, found.indexOf(wanted)));
    if (wanted >= 0) list.open(wanted);
  }

  function flags(found) {
    var fits = new Uint8Array(shown.run.marks.length);
    found.forEach(function (i) { fits[i] = 1; });
    return fits;
  }

  function tell(key, values) { said.both(node("place"), said.say(key, values)); }

  function seek(places, text) {
    var hits = 0, seen = 0, fits = new Uint8Array(shown.run.marks.length), wanted = place(BENCH.state.s);
    var numbers = function () { return { n: said.whole(hits), seen: said.whole(seen), of: said.whole(places.length) }; };
    list.show(shown, [], 0);
    node("stop").hidden = false;
    tell("samples_searching", numbers());
    hunt = BENCH.search(shown.run, shown.column.exam, places, text, {
      found: function (i) {
        hits++;
        fits[i] = 1;
        list.append(i);
        if (i === wanted) list.open(i);
      },
      progress: function (count) { seen = count; tell("samples_searching", numbers()); map.draw(shown.run, fits, wanted); },
      done: function () { node("stop").hidden = true; tell("samples_found", numbers()); map.draw(shown.run, fits, wanted); },
      failed: failed
    });
    hunt.given = function () { hunt.stop(); node("stop").hidden = true; tell("samples_stopped", numbers()); };
  }

  // -- moving about -----------------------------------------------------------------------------------------------

  function turned(i, s, k) {
    BENCH.state.s = s;
    BENCH.state.c = shown.slug;
    BENCH.state.t = shown.task;
    BENCH.write();
    map.at(i);
  }

  function open(i) { // one that the filters leave out is opened without them
    if (people.samples === "none" || list.open(i)) return;
    var repeat = i % shown.run.repeats;
    go({ f: "", subject: "", q: "", s: String(Math.floor(i / shown.run.repeats) + 1) + (repeat ? "." + (repeat + 1) : "") });
  }

  function pointed(i) {
    var there = i >= 0 && shown, key = node("map-key"), box = node("pointed"), position = there && Math.floor(i / shown.run.repeats);
    key.hidden = Boolean(there);
    box.hidden = !there;
    if (!there) return;
    var outcome = answers.outcome(shown.run.marks.charAt(i)), subject = shown.exam.subjects[shown.exam.subject[position]];
    said.both(box, said.say("samples_question", { n: position + 1 }));
    box.appendChild(document.createTextNode(" · "));
    if (outcome) box.appendChild(BENCH.clone("names").querySelector('[data-outcome="' + outcome + '"]'));
    if (subject) box.appendChild(BENCH.visible(document.createElement("bdi"), " · " + subject));
  }

  node("subject").addEventListener("change", function () { go({ subject: this.value, s: "" }); });
  new MutationObserver(function () { // an option can hold one language only
    if (shown) { subjects(); node("subject").value = BENCH.state.subject || ""; }
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
  node("stop").addEventListener("click", function () { if (hunt) hunt.given(); node("q").focus(); });
  node("next").addEventListener("click", list.next);
  node("previous").addEventListener("click", list.previous);
  node("q").addEventListener("input", function () {
    clearTimeout(typing);
    typing = setTimeout(function () {
      BENCH.state.q = node("q").value.trim();
      BENCH.state.s = "";
      BENCH.write();
      narrow();
    }, TYPING_MS);
  });
  document.addEventListener("keydown", function (event) {
    var within = event.target.closest ? event.target.closest("input, select, textarea, [contenteditable]") : null;
    if (within || event.ctrlKey || event.metaKey || event.altKey || !shown || people.samples === "none") return;
    var action = { j: list.next, k: list.previous, e: list.unfold }[event.key.toLowerCase()];
    if (action) { event.preventDefault(); action(); }
  });

  BENCH.on("state", apply);
  Promise.all([answers.checkpoints(), answers.columns()]).then(function (got) {
    people = got[0];
    columns = got[1];
    node("reader").hidden = false;
    ["turn", "q", "list", "earlier", "more"].forEach(function (id) { if (people.samples === "none" && id !== "turn") node(id).hidden = true; });
    BENCH.each("#turn .keys", function (keys) { keys.hidden = people.samples === "none"; });
    apply();
  }, failed);
});
