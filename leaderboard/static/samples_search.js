/* Looks for a text in questions, options, subjects, answers and what was extracted, shard by shard, in the order of the
   exam. tell.found(i) hears of each hit at once, tell.progress(seen) once a shard or so; the caller may stop it. */
BENCH.search = function (run, exam, places, text, tell) {
  "use strict";
  var wanted = text.toLowerCase(), stopped = false, answers = BENCH.answers, BREATH_MS = 30;

  function holds(value) {
    if (value === null || value === undefined) return false;
    if (Array.isArray(value)) return value.some(holds);
    return typeof value === "string" && value.toLowerCase().indexOf(wanted) >= 0;
  }

  function hit(item, answer) {
    return item && [item.question, item.choices, item.subject].some(holds) || answer && [answer.text, answer.thinking, answer.answer].some(holds);
  }

  function look(k, last) {
    if (stopped) return;
    if (k === places.length) return tell.done();
    var position = Math.floor(places[k] / run.repeats), repeat = places[k] % run.repeats;
    Promise.all([answers.item(exam, position), answers.answer(run, position, repeat)]).then(function (both) {
      if (stopped) return;
      if (hit(both[0], both[1])) tell.found(places[k]);
      if (performance.now() - last < BREATH_MS) return look(k + 1, last);
      tell.progress(k + 1); // and let the page breathe
      setTimeout(function () { look(k + 1, performance.now()); }, 0);
    }, tell.failed);
  }

  look(0, performance.now());
  return { stop: function () { stopped = true; } };
};
