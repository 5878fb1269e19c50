/* The list of answers: 25 at a time, at most 100 on the page, so that Ctrl-F works on what is shown and the page stays light.
   list.show(context, places, first): places are the answers that fit, first the number of the one to begin with. */
BENCH.answerList = function (box, earlier, more, turned) {
  "use strict";
  var STEP = 25, MOST = 100;
  var answers = BENCH.answers, said = BENCH.said, context = null, places = [], from = 0, to = 0, at = -1;

  function name(place) { // as in an address: 12, or 12.2 for the second answer to question 12
    var repeat = place % context.run.repeats;
    return String(Math.floor(place / context.run.repeats) + 1) + (repeat ? "." + (repeat + 1) : "");
  }

  function article(place) {
    var node = BENCH.clone("sample"), mine = context, position = Math.floor(place / mine.run.repeats), repeat = place % mine.run.repeats;
    var number = node.querySelector(".number");
    node.id = "s" + name(place);
    number.href = mine.address({ s: name(place) });
    said.both(number, said.say("samples_question", { n: position + 1 }));
    BENCH.visible(node.querySelector(".subject"), mine.exam.subjects[mine.exam.subject[position]] || "");
    if (mine.run.repeats > 1) said.both(node.querySelector(".again"), said.say("samples_repeat", { n: repeat + 1, of: mine.run.repeats }));
    node.addEventListener("focusin", function () { turn(places.indexOf(place), false); });
    others(node, name(place), mine);
    node.body = Promise.all([answers.item(mine.column.exam, position), answers.answer(mine.run, position, repeat)]).then(function (both) {
      if (mine !== context) return;
      draw(node.querySelector(".body"), both[0], both[1], answers.mark(mine.run, position, repeat));
    }, mine.failed);
    return node;
  }

  function draw(body, item, answer, sign) {
    body.appendChild(item ? answers.question(item, [answer]) : BENCH.clone("unpublished"));
    body.appendChild(answers.render(answer, item, { sign: sign }));
    BENCH.speak(body);
  }

  function others(node, s, mine) {
    var parent = mine.parent, link = node.querySelector(".parent"), fold = node.querySelector(".others");
    if (parent) {
      link.hidden = false;
      link.href = "compare.html" + BENCH.address({ a: parent, b: mine.slug, t: mine.task, s: s });
    }
    fold.hidden = mine.peers.length === 0;
    fold.addEventListener("toggle", function opened() {
      fold.removeEventListener("toggle", opened);
      mine.peers.forEach(function (peer) {
        var line = document.createElement("li"), to = document.createElement("a");
        to.href = BENCH.address({ c: peer.slug, t: mine.task, s: s });
        line.appendChild(to).appendChild(BENCH.visible(document.createElement("bdi"), peer.name));
        fold.querySelector("ul").appendChild(line);
      });
    });
  }

  function add(first, last, before) { // the articles of places[first … last-1]
    var piece = document.createDocumentFragment();
    places.slice(first, last).forEach(function (place) { piece.appendChild(article(place)); });
    box.insertBefore(piece, before ? box.firstChild : null);
  }

  function buttons() {
    earlier.hidden = from === 0;
    more.hidden = to >= places.length;
    said.both(earlier, said.say("samples_earlier", { n: Math.min(STEP, from) }));
    said.both(more, said.say("samples_more", { n: Math.min(STEP, places.length - to) }));
  }

  function forward() {
    var end = Math.min(places.length, to + STEP);
    add(to, end, false);
    to = end;
    while (to - from > MOST) { box.firstChild.remove(); from++; }
    buttons();
  }

  function back() {
    var start = Math.max(0, from - STEP), height = document.documentElement.scrollHeight;
    add(start, from, true);
    from = start;
    window.scrollBy(0, document.documentElement.scrollHeight - height);
    while (to - from > MOST) { box.lastChild.remove(); to--; }
    buttons();
  }

  function turn(k, move) { // to the k-th of the places that fit
    if (k < 0 || k >= places.length) return;
    while (k >= to) forward();
    while (k < from) back();
    if (k !== at) {
      BENCH.each(".sample.at", function (node) { node.classList.remove("at"); }, box);
      at = k;
      box.children[k - from].classList.add("at");
      turned(places[k], name(places[k]), k);
    }
    if (!move) return;
    var node = box.children[k - from];
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "start" });
    node.body.then(function () { if (at === k && document.activeElement === node) node.scrollIntoView({ block: "start" }); });
  }

  more.addEventListener("click", function () {
    var first = to;
    forward();
    box.children[first - from].focus({ preventScroll: true }); // where the button was, the new ones begin
  });
  earlier.addEventListener("click", function () {
    back();
    if (earlier.hidden) box.firstChild.focus({ preventScroll: true }); // nothing that is hidden keeps the focus
  });

  return {
    show: function (itsContext, fitting, first) {
      context = itsContext;
      places = fitting;
      from = to = Math.max(0, Math.min(first, places.length - 1));
      at = -1;
      box.textContent = "";
      forward();
    },
    append: function (place) { // while a search is still finding
      places.push(place);
      if (to - from < STEP) { add(places.length - 1, places.length, false); to = places.length; }
      buttons();
    },
    open: function (place) {
      var k = places.indexOf(place);
      turn(k, true);
      return k >= 0;
    },
    next: function () { turn(at + 1, true); },
    previous: function () { turn(at < 0 ? from : at - 1, true); },
    unfold: function () {
      var node = at >= from && at < to ? box.children[at - from] : null;
      if (!node) return;
      var folds = node.querySelectorAll(".reply details:not([hidden])"), closed = Array.prototype.some.call(folds, function (fold) { return !fold.open; });
      Array.prototype.forEach.call(folds, function (fold) { fold.open = closed; });
    }
  };
};
