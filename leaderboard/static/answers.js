/* Answers: where their data scripts lie, and the one way to draw a question and an answer (templates/_answer.html.j2).

   BENCH.answers =
     checkpoints() -> Promise({samples: "all|wrong|none", list: [{slug, name, kind, parent, tasks: [column slugs]}], by: {slug: …}})
     columns()     -> Promise({column slug: {title: {en, zh}, form: {en, zh}, name, metric, percent, better_high, exam, href …}})
     runs(slug)    -> Promise({column slug: run}); run: {run, n, repeats, marks, values, counts, tokens, score, shards, texts}
     exam(id)      -> Promise({n, subjects: [names], subject: [index per position], clusters})
     item(exam, position)          -> Promise({position, subject, question, choices, target, language} or null: not published)
     answer(run, position, repeat) -> Promise({text, thinking, answer, rule, outcome, span, logprobs, …} or null)
     packed(id)    -> Promise(what the packed script data/ID.js holds)
     mark(run, position, repeat)   -> its sign "·×?…∅!- "; outcome(sign) -> "correct", "wrong" …, "" of " "
     value(run, position)          -> the number that the column is the mean of, null where there is none
     question(item, [answers], [names]) -> Node: question, options, gold, what each answer chose; names are drawn where given
     render(answer, item, {run, sign})  -> Node: verdict, text with the extracted span marked, thinking, prompt, facts
     pair(node, {en, zh}) fills a node in both languages; number(value, column) -> "72.4"
   Positions and repeats count from 0, addresses from 1. A long text is [head, left out, tail]; `show` draws it. */
(function () {
  "use strict";
  var me = BENCH.answers = {}, kept = [], KEPT = 24, SHORT = 40, LONG = 2500;
  var NAMES = { "·": "correct", "×": "wrong", "?": "unparsed", "…": "truncated", "∅": "empty", "!": "error", "-": "ungraded" };
  var LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

  // -- data ---------------------------------------------------------------------------------------------------

  function plain(id) { return BENCH.load("data/" + id + ".js", id); }

  me.packed = packed;
  function packed(id) { // the last few stay unpacked: a reader of a thousand answers need not keep them all
    for (var i = 0; i < kept.length; i++) {
      if (kept[i].id === id) { var found = kept.splice(i, 1)[0]; kept.push(found); return found.promise; }
    }
    var promise = plain(id).then(function (text) { BENCH.forget(id); return unpacked(text); })
      .then(function (told) { return id.indexOf("runs/") ? told : spread(told); });
    promise.catch(function () { kept = kept.filter(function (one) { return one.id !== id; }); });
    kept.push({ id: id, promise: promise });
    if (kept.length > KEPT) kept.shift();
    return promise;
  }

  function unpacked(text) { // answers_packed.py: signs of 15 bits, deflate, a code page of the text's own, JSON
    var filling = text.charCodeAt(0) - 0x3000, bytes = new Uint8Array((text.length - 1) * 15 / 8), held = 0, bits = 0, at = 0;
    for (var i = 1; i < text.length; i++) {
      held = held << 15 | text.charCodeAt(i) - 0x3000;
      for (bits += 15; bits >= 8; bits -= 8) bytes[at++] = held >> (bits - 8) & 255;
      held &= (1 << bits) - 1;
    }
    var raw = new Blob([bytes.subarray(0, at - filling)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Response(raw).arrayBuffer().then(function (paged) { return JSON.parse(unpaged(new Uint8Array(paged))); });
  }

  var common = null;
  function unpaged(bytes) { // to units of UTF-16: ASCII, a byte of its own, two bytes of level 1 of GB 2312, or escaped
    var own = bytes[0], at = 1 + 2 * own, units = new Uint16Array(bytes.length), n = 0, text = "";
    common = common || levelOne();
    while (at < bytes.length) {
      var byte = bytes[at++];
      if (byte >= 240 && byte < 255) byte = common.charCodeAt((byte - 240) * 255 + bytes[at++] - 1);
      else if (byte === 255) { byte = (bytes[at] & 63) << 12 | (bytes[at + 1] & 63) << 6 | bytes[at + 2] & 63; at += 3; }
      else if (byte >= 128) byte = bytes[2 * byte - 255] << 8 | bytes[2 * byte - 254];
      units[n++] = byte;
    }
    for (var i = 0; i < n; i += 8192) text += String.fromCharCode.apply(null, units.subarray(i, Math.min(n, i + 8192)));
    return text;
  }

  function levelOne() {
    var pairs = [];
    for (var row = 0xb0; row < 0xd8; row++) for (var cell = 0xa1; cell < 0xff; cell++) pairs.push(row, cell);
    return new TextDecoder("gb2312").decode(new Uint8Array(pairs.slice(0, 2 * 3755)));
  }

  var people = null;
  me.checkpoints = function () {
    people = people || plain("checkpoints").then(function (told) {
      var by = Object.create(null); // a slug out of an address may be "constructor"
      var list = told.list.map(function (one) {
        var tasks = told.sets[one.set].map(function (i) { return told.columns[i]; });
        return (by[one.slug] = { slug: one.slug, name: one.name, kind: one.kind, parent: one.parent, tasks: tasks });
      });
      return { samples: told.samples, list: list, by: by };
    });
    return people;
  };
  me.columns = function () { // without what every object has: a slug out of an address may be "constructor"
    return plain("columns").then(function (told) { return Object.assign(Object.create(null), told); });
  };
  me.runs = function (slug) { return packed("runs/" + slug); };

  function spread(told) { // data/runs/: what all runs of a checkpoint share is said once, tokens are a text
    Object.keys(told.runs).forEach(function (slug) {
      var run = told.runs[slug] = Object.assign({ texts: told.texts }, told.same, told.runs[slug]);
      run.tokens = run.tokens === null ? null : JSON.parse("[" + run.tokens + "]");
      run.shards = run.shards.map(function (place) {
        var shard = told.shards[place];
        return { path: shard[0], first: shard[1], last: shard[2] };
      });
    });
    return told.runs;
  }

  me.exam = function (id) { return plain("exam/" + id); };

  me.item = function (exam, position) {
    return me.exam(exam).then(function (facts) {
      var shard = Math.floor(position / facts.shard);
      if (facts.items.indexOf(shard) < 0) return null; // no question of it is published
      return packed("items/" + exam + "-" + shard).then(function (items) {
        return items.filter(function (item) { return item.position === position; })[0] || null;
      });
    });
  };
  me.items = me.item;

  me.published = function (run, position, repeat) {
    var sign = me.mark(run, position, repeat);
    return run.texts === "all" ? sign !== " " : run.texts === "wrong" && " ·-".indexOf(sign) < 0;
  };

  me.shard = function (run, position) { // where the answer's text lies; "" where nowhere
    var found = run.shards.filter(function (one) { return one.first <= position && position <= one.last; })[0];
    return found ? found.path.replace(/^data\/|\.js$/g, "") : "";
  };

  me.answer = function (run, position, repeat) {
    repeat = repeat || 0;
    var id = me.published(run, position, repeat) ? me.shard(run, position) : "";
    if (!id) return Promise.resolve(null);
    return packed(id).then(function (shard) {
      var block = shard.runs[run.run];
      for (var i = place(block, position); i >= 0 && i < block.n && of(block, "position", i) === position; i++) {
        if (of(block, "repeat", i) === repeat) return line(block, i, shard.prompts, run, position);
      }
      return null;
    });
  };

  function of(block, key, i) { // a column of equal values is that value alone, of positions in a row their first
    var column = block[key];
    return Array.isArray(column) ? column[i] : key === "position" ? column + i : column;
  }

  function place(block, position) {
    return Array.isArray(block.position) ? block.position.indexOf(position) : position - block.position;
  }

  function line(block, i, prompts, run, position) { // what the marks and counts of the run tell isn't written again
    var found = {};
    Object.keys(block).forEach(function (key) { found[key] = of(block, key, i); });
    if (!found.outcome) found.outcome = me.outcome(me.mark(run, position, found.repeat));
    if (!block.value) found.value = found.outcome === "correct" ? 1 : found.outcome === "ungraded" || found.outcome === "none" ? null : 0;
    found.tokens = run.tokens ? run.tokens[position * run.repeats + found.repeat] : null;
    found.prompt = found.prompt === null ? null : prompts[found.prompt];
    return found;
  }

  // -- numbers and names ----------------------------------------------------------------------------------------

  me.mark = function (run, position, repeat) { return run.marks.charAt(position * run.repeats + (repeat || 0)) || " "; };
  me.outcome = function (sign) { return NAMES[sign] || ""; };

  me.value = function (run, position) {
    if (run.values) return run.values[position];
    var sum = 0, known = 0;
    for (var k = 0; k < run.repeats; k++) {
      var sign = me.mark(run, position, k);
      if (sign !== " " && sign !== "-") { known++; sum += sign === "·" ? 1 : 0; }
    }
    return known ? sum / known : null;
  };

  me.number = function (value, column) {
    if (value === null || value === undefined) return "–";
    if (column.percent) return (100 * value).toFixed(1);
    var size = Math.abs(value);
    return size >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(size >= 10 ? 1 : 2);
  };

  me.pair = function (node, texts) {
    var en = texts.en || texts.zh || "", zh = texts.zh || en;
    node.textContent = "";
    [["e", "en", en], ["z", "zh", zh]].forEach(function (one) {
      var span = document.createElement("span");
      span.className = one[0];
      span.lang = one[1];
      node.appendChild(BENCH.visible(span, one[2]));
    });
    return node;
  };

  // -- drawing --------------------------------------------------------------------------------------------------

  me.show = function (node, text, span) { // a text that may be clipped; span in code points of what is there
    if (!Array.isArray(text)) return BENCH.visible(node, text, span ? [span] : []);
    var head = document.createElement("span"), tail = document.createElement("span");
    var length = span ? Array.from(text[0]).length : 0;
    BENCH.visible(head, text[0], span && span[0] < length ? [span] : []);
    BENCH.visible(tail, text[2], span && span[0] >= length ? [[span[0] - length, span[1] - length]] : []);
    node.textContent = "";
    node.appendChild(head);
    node.appendChild(BENCH.fill(BENCH.clone("cut"), { n: text[1].toLocaleString("en") }));
    node.appendChild(tail);
    return node;
  };

  function named(letters, k) { // does a gold or an answer name option k: "B", or one of several in "AC"
    return typeof letters === "string" && /^[A-Z]{1,26}$/.test(letters) && k < 26 && letters.indexOf(LETTERS[k]) >= 0;
  }

  function when(node, key, on) {
    BENCH.each('[data-when="' + key + '"]', function (found) { found.hidden = !on; }, node);
    return on;
  }

  function put(node, key, text) {
    if (when(node, key, text !== null && text !== undefined && text !== "")) {
      me.show(node.querySelector('[data-slot="' + key + '"]'), Array.isArray(text) ? text : String(text));
    }
  }

  me.question = function (item, answers, names) {
    var node = BENCH.clone("question");
    me.show(node.querySelector(".question"), item.question);
    if (item.language) node.lang = item.language;
    var list = node.querySelector(".choices");
    item.choices.forEach(function (choice, k) { list.appendChild(option(choice, k, item, answers || [], names || [])); });
    list.hidden = !item.choices.length;
    return node;
  };

  function option(choice, k, item, answers, names) {
    var node = BENCH.clone("choice");
    node.querySelector(".letter").textContent = LETTERS[k] || String(k + 1);
    me.show(node.querySelector(".option"), choice);
    node.classList.toggle("is-gold", when(node, "gold", named(item.target, k)));
    var who = [], numbers = [];
    answers.forEach(function (answer, i) {
      if (!answer) return;
      if (named(answer.answer, k)) who.push(names[i] || "");
      if (answer.logprobs && answer.logprobs[k] !== undefined) numbers.push(logprob(answer.logprobs[k]));
    });
    node.classList.toggle("is-chosen", when(node, "chosen", who.length > 0));
    if (who.join("")) BENCH.visible(node.querySelector('[data-slot="who"]'), " " + who.join(", "));
    node.querySelector(".logprob").textContent = numbers.join("  ");
    return node;
  }

  function logprob(value) {
    return value === null ? "–" : typeof value === "string" ? value.replace("-", "−").replace("inf", "∞") : value.toFixed(2).replace("-", "−");
  }

  me.render = function (answer, item, about) {
    about = about || {};
    var node = BENCH.clone("answer"), sign = about.sign || " ";
    var outcome = answer ? (answer.outcome === "none" ? "" : answer.outcome) : me.outcome(sign);
    node.querySelector(".outcome").classList.add(outcome || "none");
    BENCH.each("[data-outcome]", function (word) { word.hidden = word.dataset.outcome !== (outcome || "none"); }, node);
    when(node, "absent", !answer && sign === " ");
    when(node, "unpublished", !answer && sign !== " ");
    if (sign === " " && !answer) node.querySelector(".outcome").hidden = true;
    if (answer) fill(node, answer, item);
    return node;
  };

  function fill(node, answer, item) {
    var whole = typeof answer.text === "string" && typeof answer.answer === "string" && answer.text.trim() === answer.answer.trim();
    put(node, "extracted", answer.answer === null && answer.outcome === "unparsed" ? "–" : whole && answer.answer.length > SHORT ? null : answer.answer);
    put(node, "gold", item && item.target);
    put(node, "grade", answer.value === null || answer.value === 0 || answer.value === 1 ? null : answer.value.toFixed(2));
    put(node, "error", answer.error);
    put(node, "rule", answer.rule);
    put(node, "tokens", answer.tokens === null ? null : answer.tokens.toLocaleString("en"));
    put(node, "thinking_tokens", answer.thinking_tokens ? answer.thinking_tokens.toLocaleString("en") : null);
    put(node, "notes", answer.notes && answer.notes.join(", "));
    BENCH.each("[data-stop]", function (word) { word.hidden = word.dataset.stop !== answer.stop; }, node);
    var text = node.querySelector(".answer"), there = answer.text !== null && answer.text !== "";
    text.hidden = !there;
    if (there) me.show(text, answer.text, answer.span);
    if (there && text.textContent.length > LONG) { // scrolls, so the keyboard must get into it
      text.classList.add("long");
      text.tabIndex = 0;
    }
    when(node, "scored", !there && answer.logprobs !== null);
    when(node, "empty", !there && answer.logprobs === null && !answer.error);
    opens(node.querySelector(".thinking"), answer.thinking, function (box) { me.show(box, answer.thinking); });
    opens(node.querySelector(".sent"), answer.prompt, function (box) { prompt(box, answer.prompt, item); });
  }

  function opens(details, there, draw) { // what is folded is drawn when it is opened
    if (!there) return;
    details.hidden = false;
    details.addEventListener("toggle", function drawn() {
      if (!details.open) return;
      details.removeEventListener("toggle", drawn);
      draw(details.querySelector(".text"));
    });
  }

  function prompt(box, told, item) { // [prefix or null, pieces]: question and options stand between the pieces
    var between = item ? [item.question].concat(item.choices) : [];
    var start = told[0] ? plain("prompts/" + told[0]) : Promise.resolve("");
    start.then(function (prefix) {
      box.textContent = "";
      var parts = [prefix];
      told[1].forEach(function (piece, i) { if (i) parts.push(between[i - 1] || ""); parts.push(piece); });
      parts.forEach(function (part) { box.appendChild(me.show(document.createElement("span"), part)); });
    });
  }
})();
