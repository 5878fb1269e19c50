/* The compare page: reads both sides' marks, says what changed, and keeps every choice in the address.
   #a=CHECKPOINT&b=CHECKPOINT[&t=COLUMN][&f=lost|gained|both|neither][&subject=…][&q=…][&s=12]: choosing makes history, so
   that back leads to the pair before; typing replaces. */
(function () {
  "use strict";
  var STATE = ["a", "b", "t", "f", "subject", "q", "s", "lang"];
  var shown, words, by, box;
  var sides = null, columns = null, order = [], bySlug = Object.create(null), pickers = {}, pairs = {}, round = 0, last = {}, title = "";

  function address(changed) { // this view with something else chosen
    var state = {};
    STATE.forEach(function (key) { if (BENCH.state[key]) state[key] = BENCH.state[key]; });
    Object.keys(changed).forEach(function (key) { state[key] = changed[key]; });
    return BENCH.address(state) || "#";
  }

  function go(changed) { location.hash = address(changed); }

  function said(checkpoint) { // "adapter · from base"
    var kind = words.say("kind_" + checkpoint.kind), parent = checkpoint.parent && bySlug[checkpoint.parent];
    if (kind.en === "kind_" + checkpoint.kind) kind = checkpoint.kind;
    return parent ? words.say("cmp_kind_of", { kind: kind, parent: parent.name }) : typeof kind === "string" ? { en: kind, zh: kind } : kind;
  }

  function fitted(other) { // for a picker: who shares a task with the other side comes first
    var tasks = other ? other.tasks : [], found = [[], []];
    sides.list.forEach(function (checkpoint) {
      var shared = !other || checkpoint.tasks.some(function (slug) { return tasks.indexOf(slug) >= 0; });
      var told = shared ? said(checkpoint) : words.say("cmp_no_common", { said: said(checkpoint) });
      found[shared ? 0 : 1].push({ slug: checkpoint.slug, name: checkpoint.name, said: told });
    });
    return found[0].concat(found[1]);
  }

  function trouble(key, values) {
    by("trouble").hidden = !key;
    if (key) words.both(by("trouble"), words.say(key, values));
  }

  // -- what is compared -------------------------------------------------------------------------------------------

  function completed(state) { // one side alone: a child stands against its parent
    var a = state.a, b = state.b;
    if (!a && b && bySlug[b]) a = bySlug[b].parent;
    if (a && !b) b = (sides.list.filter(function (c) { return c.parent === a; })[0] || {}).slug;
    return { a: a, b: b };
  }

  function loaded(pair) { // -> promise of lines
    var key = pair.a + " " + pair.b;
    if (pairs[key]) return pairs[key];
    pairs[key] = Promise.all([pair.a, pair.b].map(function (slug) { return BENCH.answers.runs(slug); })).then(function (runs) {
      var common = order.filter(function (slug) { return runs[0][slug] && runs[1][slug]; });
      var exams = common.map(function (slug) { return columns[slug].exam; });
      return Promise.all(exams.map(function (id) { return BENCH.answers.exam(id); })).then(function (found) {
        var facts = {};
        exams.forEach(function (id, i) { facts[id] = found[i]; });
        return lines(runs, common, facts).concat(apart(runs));
      });
    });
    pairs[key].catch(function () { delete pairs[key]; });
    return pairs[key];
  }

  function listed(name) { return (box.getAttribute(name) || "").split(" "); }

  function lines(runs, common, exams) {
    var ungraded = listed("data-ungraded"), noMean = listed("data-no-mean"), options = listed("data-options");
    var found = BENCH.pairs.lines(common.map(function (slug) {
      var column = columns[slug];
      return {
        slug: slug, column: column, exam: exams[column.exam], before: runs[0][slug], after: runs[1][slug],
        why: ungraded.indexOf(slug) >= 0 ? "cmp_why_ungraded" : noMean.indexOf(slug) >= 0 ? "cmp_why_no_mean" : "", values: { metric: column.metric }, reads: options.indexOf(slug) < 0
      };
    }));
    titled(found);
    return found;
  }

  function apart(runs) { // per task what cannot stand side by side, and why
    var tasks = {}, found = [];
    order.forEach(function (slug) {
      var name = columns[slug].name, one = tasks["t" + name] = tasks["t" + name] || { sides: [[], []], slug: slug };
      runs.forEach(function (run, i) { if (run[slug]) one.sides[i].push(slug); });
    });
    Object.keys(tasks).forEach(function (key) {
      var one = tasks[key], here = one.sides[0], there = one.sides[1];
      if (!here.length && !there.length || here.some(function (slug) { return there.indexOf(slug) >= 0; })) return;
      var forms = one.sides.map(function (slugs) { return words.joined(slugs.map(function (slug) { return columns[slug].form; }), "semicolon"); });
      var why = !there.length ? "cmp_why_only_before" : !here.length ? "cmp_why_only_after" : forms[0].en === forms[1].en ? "cmp_why_versions" : "cmp_why_form";
      found.push({ slug: one.slug, column: columns[one.slug], why: why, values: { before: forms[0], after: forms[1] } });
    });
    titled(found);
    return found;
  }

  function titled(found) { // full titles for tables; in sentences what stands before the first comma, or the task's key
    var names = count(found.map(function (line) { return line.column.name; }));
    found.forEach(function (line) {
      var title = line.column.title || {}, any = title.en || title.zh || line.column.name;
      line.title = { en: title.en || any, zh: title.zh || any };
      line.short = { en: line.title.en.split(/[,:] /)[0], zh: line.title.zh.split(/[，：,:]/)[0] };
    });
    var shorts = count(found.map(function (line) { return line.short.en; })), kurz = count(found.map(function (line) { return line.short.zh; }));
    found.forEach(function (line) {
      var several = names[line.column.name] > 1;
      if (shorts[line.short.en] > 1 || kurz[line.short.zh] > 1) line.short = { en: line.column.name, zh: line.column.name };
      if (several) line.short = words.say("cmp_title_form", { task: line.short, form: line.column.form });
    });
  }

  function count(names) {
    var found = Object.create(null);
    names.forEach(function (name) { found[name] = (found[name] || 0) + 1; });
    return found;
  }

  // -- the view ---------------------------------------------------------------------------------------------------

  function show() {
    var mine = ++round, state = BENCH.state;
    if (state["#"] && !state.a && !state.b && last.a) { // an anchor of the page itself is no other comparison
      var anchor = state["#"];
      BENCH.state = state = Object.assign({}, last, { "#": anchor });
    }
    var pair = completed(state), unknown = [pair.a, pair.b].filter(function (slug) { return slug && !bySlug[slug]; })[0];
    pickers.a.set(bySlug[pair.a] || null);
    pickers.b.set(bySlug[pair.b] || null);
    pickers.a.fill(function () { return fitted(bySlug[pair.b]); });
    pickers.b.fill(function () { return fitted(bySlug[pair.a]); });
    ["a", "b"].forEach(function (side) { whose(side, bySlug[pair[side]]); });
    trouble();
    var ready = pair.a && pair.b && !unknown && pair.a !== pair.b;
    by("result").hidden = !ready;
    by("swap").disabled = !(pair.a && pair.b);
    if (!ready) document.title = title;
    if (by("entry")) by("entry").hidden = !!(pair.a || pair.b);
    if (unknown) return trouble("cmp_unknown", { slug: unknown });
    if (pair.a && pair.a === pair.b) return trouble("cmp_same");
    if (!ready) return (pair.a || pair.b) && trouble("cmp_one_side");
    last = Object.assign({}, state, pair);
    if (state.a !== pair.a || state.b !== pair.b) { state.a = pair.a; state.b = pair.b; BENCH.write(); }
    loaded(pair).then(function (found) { if (mine === round) render(pair, found); }, function (error) {
      if (mine !== round) return;
      by("result").hidden = true;
      trouble("cmp_no_data", { file: error.message.split(" ")[0] });
    });
  }

  function whose(side, checkpoint) {
    var node = shown.emptied(by("whose-" + side));
    if (!checkpoint) return;
    var link = shown.element("a", "", words.say("cmp_details"));
    link.href = "checkpoint/" + checkpoint.slug + ".html";
    node.appendChild(shown.element("span", "", said(checkpoint)));
    node.appendChild(document.createTextNode(" · "));
    node.appendChild(link);
  }

  function render(pair, found) {
    var there = found.filter(function (line) { return line.change; });
    var chosen = there.filter(function (line) { return line.slug === BENCH.state.t; })[0] || boldest(there);
    sentence(there);
    shown.table(found, chosen && chosen.slug, function (line) { return address({ t: line.slug, f: "", subject: "", q: "", s: "" }); });
    shown.notes(found);
    command(pair, there);
    by("lines-scroll").hidden = !found.length;
    by("lines").tHead.hidden = by("record").hidden = !there.length;
    by("one").hidden = !chosen;
    if (chosen) BENCH.flips.show(chosen, { a: bySlug[pair.a], b: bySlug[pair.b] }, address, go);
    document.title = bySlug[pair.a].name + " → " + bySlug[pair.b].name + " · " + title;
  }

  function boldest(lines) { // the task to look at first: what is worse, what is better, what is first
    var size = function (line) { return Math.abs(line.change.change) / (line.mde || 1); };
    var of = function (verdict) {
      return lines.filter(function (line) { return line.verdict === verdict; }).sort(function (x, y) { return size(y) - size(x); })[0];
    };
    return of("worse") || of("better") || lines[0];
  }

  function sentence(tested) {
    var node = by("sentence"), text = words.sentence(tested);
    words.both(node, { en: typeset(text.en), zh: typeset(text.zh) });
    BENCH.each("span", function (span) { // the verdict's own word stands out; the words say it too
      var head = /^[^:：]{1,24}[:：]/.exec(span.firstChild ? span.firstChild.nodeValue || "" : "");
      if (!head) return;
      var strong = document.createElement("strong"), rest = span.firstChild.splitText(head[0].length);
      strong.textContent = head[0];
      span.replaceChild(strong, rest.previousSibling);
    }, node);
    var verdicts = tested.map(function (line) { return line.verdict; });
    var worse = verdicts.indexOf("worse") >= 0, better = verdicts.indexOf("better") >= 0;
    node.className = worse && better ? "mixed" : worse ? "worse" : better ? "better" : "";
  }

  function typeset(text) { return text.replace(/ %/g, "\u00a0%"); }

  // -- the verdict of record ----------------------------------------------------------------------------------------

  function command(pair, there) {
    var names = [pair.a, pair.b].map(function (slug) { return spec(bySlug[slug]); });
    var tasks = there.map(function (line) { return line.column.name; }).filter(function (name, i, all) { return all.indexOf(name) === i; });
    var plain = tasks.every(function (name) { return /^[\w.:~@+-]+$/.test(name); }) && tasks.length;
    by("command").textContent = "bench compare " + names.join(" ") + (plain ? " --tasks " + tasks.join(",") : "");
  }

  function spec(checkpoint) { // a name that a shell and the store take as it is; else the beginning of the id
    var twins = sides.list.filter(function (c) { return c.name === checkpoint.name; }).length > 1;
    var odd = /^-|^(run|tag|branch|file):|@|[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(^|[^\ud800-\udbff])[\udc00-\udfff]/.test(checkpoint.name);
    if (twins || odd || !checkpoint.name) return checkpoint.slug.slice(-8);
    return /^[\w.+:\/-]+$/.test(checkpoint.name) ? checkpoint.name : "'" + checkpoint.name.replace(/'/g, "'\\''") + "'";
  }

  function copy() {
    var text = by("command").textContent;
    var done = function () { words.both(by("copied"), words.say("cmp_copied")); };
    var fallback = function () {
      getSelection().selectAllChildren(by("command"));
      words.both(by("copied"), words.say("cmp_selected"));
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, fallback); else fallback();
  }

  BENCH.ready(function () {
    shown = BENCH.changes; words = BENCH.said; by = shown.by; box = by("compare");
    box.hidden = false;
    title = document.title;
    pickers.a = BENCH.combobox(by("side-a"), by("list-a"), function (item) { go({ a: item.slug, s: "" }); });
    pickers.b = BENCH.combobox(by("side-b"), by("list-b"), function (item) { go({ b: item.slug, s: "" }); });
    by("swap").addEventListener("click", function () {
      var turned = { lost: "gained", gained: "lost" }[BENCH.state.f] || BENCH.state.f;
      go({ a: BENCH.state.b, b: BENCH.state.a, f: turned });
    });
    by("copy").addEventListener("click", copy);
    Promise.all([BENCH.answers.checkpoints(), BENCH.answers.columns()]).then(function (found) {
      sides = found[0];
      columns = found[1];
      order = Object.keys(columns);
      bySlug = sides.by;
      BENCH.flips.published(sides.samples);
      BENCH.on("state", show);
      show();
    }, function (error) { trouble("cmp_no_data", { file: error.message.split(" ")[0] }); });
  });
})();
