/* Two runs' marks -> what changed in a task, as harness/verdicts/compare.py and comparison.py reckon it: the same pairing,
   the same tests (static/paired.js), the same Holm, verdicts and "questions more".
   Trap: "unread" is no mark of its own. An answer that nobody could read counts as wrong, one without a grade counts not at
   all, and a question that only one side was asked is left out on both. */
BENCH.pairs = (function () {
  "use strict";
  var COVERAGE = 0.98, ALPHA = 0.05, SAME = 0.01, TOO_MANY = 20;
  var UNREAD = { unparsed: "?", truncated: "…", empty: "∅" };

  // -- one side ---------------------------------------------------------------------------------------------------

  function side(run, n) { // per question: asked at all, and its value, null where there is none
    var repeats = run.repeats || 1, asked = new Uint8Array(n), values = new Array(n), any = false;
    for (var i = 0; i < n; i++) {
      var sum = 0, graded = 0;
      for (var k = 0; k < repeats; k++) {
        var mark = run.marks.charAt(i * repeats + k) || " ";
        if (mark === " ") continue;
        asked[i] = 1;
        if (mark === "-") continue;
        graded += 1;
        sum += mark === "·" ? 1 : 0;
        any = any || mark !== "!";
      }
      values[i] = graded ? sum / graded : null;
    }
    if (run.values) for (i = 0; i < n; i++) values[i] = asked[i] && run.values[i] !== undefined ? run.values[i] : null;
    else if (!any) values.fill(null); // all failed: nothing was asked, so nothing is known
    return { asked: asked, values: values };
  }

  function rates(run, n) { // share of answers of each kind, a question's repeats averaged first
    var repeats = run.repeats || 1, found = {};
    Object.keys(UNREAD).forEach(function (name) {
      var sum = 0, questions = 0;
      for (var i = 0; i < n; i++) {
        var marks = run.marks.slice(i * repeats, (i + 1) * repeats).replace(/[ !]/g, "");
        if (!marks) continue;
        questions += 1;
        sum += (marks.split(UNREAD[name]).length - 1) / marks.length;
      }
      found[name] = questions ? sum / questions : null;
    });
    return found;
  }

  function lengthRatio(before, after, n) { // geometric mean of after / before; repeats averaged first
    if (!before.tokens || !after.tokens) return null;
    var sum = 0, count = 0;
    for (var i = 0; i < n; i++) {
      var a = meanTokens(before, i), b = meanTokens(after, i);
      if (a && b) { sum += Math.log(b / a); count += 1; }
    }
    return count ? Math.exp(sum / count) : null;
  }

  function meanTokens(run, i) {
    var repeats = run.tokens.length > run.marks.length / (run.repeats || 1) ? run.repeats || 1 : 1, sum = 0, count = 0;
    for (var k = i * repeats; k < (i + 1) * repeats; k++) {
      if (typeof run.tokens[k] === "number") { sum += run.tokens[k]; count += 1; }
    }
    return count ? sum / count : 0;
  }

  // -- both sides -------------------------------------------------------------------------------------------------

  function count(values) {
    return values.reduce(function (n, value) { return n + (value !== null); }, 0);
  }

  function zeroToOne(column, all) { // only then an answer that isn't there can count as wrong
    return column.better_high && all.every(function (value) { return value === null || (value >= 0 && value <= 1); });
  }

  function pair(column, exam, before, after) { // the common questions, or {why, values}
    if (before.asked !== after.asked) return { why: "cmp_why_settings", values: {} };
    if (before.drawn && before.repeats !== after.repeats) return { why: "cmp_why_repeats", values: { n: before.repeats, m: after.repeats } };
    var left = side(before, exam.n), right = side(after, exam.n);
    var had = count(left.values), has = count(right.values);
    if (!had && !has) return { why: "cmp_why_ungraded", values: {} };
    if (!had || !has) return { why: had ? "cmp_why_after" : "cmp_why_before", values: {} };
    if (had === 1 && has === 1 && column.metric.slice(0, 5) === "given") return { why: "cmp_why_given", values: {} };
    var fills = zeroToOne(column, left.values.concat(right.values));
    var rows = [], a = [], b = [], shared = 0, unanswered = [0, 0];
    for (var i = 0; i < exam.n; i++) {
      if (!left.asked[i] || !right.asked[i]) continue;
      var x = left.values[i], y = right.values[i];
      if (x === null && y === null) continue;
      if (x !== null && y !== null) shared += 1;
      else if (!fills) continue;
      else unanswered[x === null ? 0 : 1] += 1;
      rows.push(i); a.push(x || 0); b.push(y || 0);
    }
    if (shared < COVERAGE * Math.max(had, has)) {
      var short = shared < COVERAGE * had ? ["cmp_why_common_before", had] : ["cmp_why_common_after", has];
      return { why: short[0], values: { n: shared, of: short[1] } };
    }
    var subjects = exam.subject ? rows.map(function (i) { return exam.subject[i]; }) : null;
    if (subjects && !subjects.some(function (k) { return exam.subjects[k]; })) subjects = null;
    return {
      rows: rows, before: a, after: b, subjects: subjects, strata: column.average === "macro" ? subjects : null,
      clusters: clusters(exam, rows), unanswered: unanswered, dropped: had + has - shared - rows.length,
      sign: column.better_high ? 1 : -1
    };
  }

  function clusters(exam, rows) { // names, or null where no two questions share one
    var seen = {}, shared = false;
    if (!exam.clusters) return null;
    rows.forEach(function (i) {
      var name = exam.clusters[i];
      if (name === "" || name === null) return;
      shared = shared || seen["c" + name];
      seen["c" + name] = true;
    });
    return shared ? rows.map(function (i) { return exam.clusters[i]; }) : null;
  }

  function weights(paired) {
    var n = paired.rows.length, sizes = {};
    if (!paired.strata) return paired.rows.map(function () { return 1 / n; });
    paired.strata.forEach(function (s) { sizes[s] = (sizes[s] || 0) + 1; });
    var many = Object.keys(sizes).length;
    return paired.strata.map(function (s) { return 1 / (many * sizes[s]); });
  }

  function units(paired) { // weighted differences, whole clusters summed
    var share = weights(paired), sums = {}, at = 0;
    paired.rows.forEach(function (row, i) {
      var name = paired.clusters && paired.clusters[i];
      var key = name || name === 0 ? "c" + name : "q" + at++;
      sums[key] = (sums[key] || 0) + share[i] * (paired.after[i] - paired.before[i]) * paired.sign;
    });
    return Object.keys(sums).map(function (key) { return sums[key]; });
  }

  function squares(numbers) {
    return numbers.reduce(function (sum, x) { return sum + x * x; }, 0);
  }

  function change(paired) { // where lower is better the sides trade places, so that "lost" is a change for the worse
    var flipped = paired.sign < 0;
    var strata = paired.strata, drawn = paired.clusters;
    var found = flipped ? BENCH.paired.change(paired.after, paired.before, strata, drawn)
      : BENCH.paired.change(paired.before, paired.after, strata, drawn);
    if (!flipped) return found;
    return {
      before: found.after, after: found.before, change: -found.change, low: -found.high, high: -found.low,
      lost: found.lost, gained: found.gained, n: found.n, p: found.p, pBetter: found.pBetter, method: found.method
    };
  }

  // -- the verdicts of all lines together ---------------------------------------------------------------------------

  function bh(ps) {
    var adjusted = [], lowest = 1;
    ps.map(function (p, i) { return i; }).sort(function (i, j) { return ps[j] - ps[i] || i - j; }).forEach(function (i, position) {
      lowest = Math.min(lowest, ps[i] * ps.length / (ps.length - position));
      adjusted[i] = lowest;
    });
    return adjusted;
  }

  function smallest(n, moment, alpha) { // the drop that is caught 8 times of 10; Connor 1987
    var a = BENCH.paired.quantile(1 - alpha), b = BENCH.paired.quantile(0.8), drop = (a + b) * Math.sqrt(moment / n), i;
    for (i = 0; i < 50; i++) {
      drop = (a * Math.sqrt(moment) + b * Math.sqrt(Math.max(0, moment - drop * drop))) / Math.sqrt(n);
    }
    if (drop > 0 && drop <= moment) return drop;
    for (i = 0; i < 50; i++) drop = Math.pow(a + b * Math.sqrt(Math.max(0, 1 - Math.min(1, drop))), 2) / n;
    return Math.min(1, drop);
  }

  function power(paired, moved, alpha) { // {mde, more}: what would be caught, and what this change would take
    var n = 1 / squares(weights(paired)), moment = n * squares(units(paired));
    var graded = paired.before.concat(paired.after).some(function (v) { return Math.abs(v) > 1; });
    var both = BENCH.paired.quantile(1 - alpha) + BENCH.paired.quantile(0.8), all = paired.rows.length, drop = Math.abs(moved), needed;
    if (drop === 0) needed = Infinity;
    else if (graded) needed = all * moment * Math.pow(both / drop, 2) / n;
    else {
      var top = Math.max(moment, drop);
      var root = BENCH.paired.quantile(1 - alpha) * Math.sqrt(top) + BENCH.paired.quantile(0.8) * Math.sqrt(Math.max(0, top - drop * drop));
      needed = all * Math.ceil(root * root / (drop * drop) - 1e-9) / n;
    }
    return { mde: graded ? both * Math.sqrt(moment / n) : smallest(n, moment, alpha), more: rounded(needed, all) };
  }

  function rounded(needed, asked) { // to two digits; null: a number that helps nobody
    if (needed > TOO_MANY * asked) return null;
    var more = Math.max(1, needed - asked);
    var step = Math.pow(10, Math.max(0, Math.floor(Math.log10(more)) - 1));
    return Math.ceil(more / step - 1e-9) * step;
  }

  function inPoints(column, found) {
    if (column.unit) return column.unit === "share";
    return [found.before, found.after].every(function (v) { return v >= 0 && v <= 1; });
  }

  function verdict(line) {
    if (line.pWorse <= ALPHA) return "worse";
    if (line.pBetter <= ALPHA) return "better";
    var within = Math.abs(line.change.low) <= SAME && Math.abs(line.change.high) <= SAME;
    return line.points && within ? "alike" : "not separable";
  }

  function lines(asked) { // [{slug, column, exam, before, after}] -> the same with what was found, in their order
    asked.forEach(function (line) {
      line.rates = [rates(line.before, line.exam.n), rates(line.after, line.exam.n)];
      line.length = lengthRatio(line.before, line.after, line.exam.n);
      var found = line.why ? { why: line.why, values: line.values } : pair(line.column, line.exam, line.before, line.after);
      if (found.why) { line.why = found.why; line.values = found.values; return; }
      line.paired = found;
      line.change = change(found);
      line.points = inPoints(line.column, line.change);
    });
    var tested = asked.filter(function (line) { return line.change; });
    var elsewhere = asked.filter(function (line) { return line.why === "cmp_why_no_mean"; }).map(function () { return 1; });
    var worse = BENCH.paired.holm(tested.map(function (line) { return line.change.p; }).concat(elsewhere));
    var better = BENCH.paired.holm(tested.map(function (line) { return line.change.pBetter; }).concat(elsewhere));
    var family = tested.length + elsewhere.length; // what only Python can test counts in Holm's family, by the cautious p of 1
    tested.forEach(function (line, i) {
      line.pWorse = worse[i];
      line.pBetter = better[i];
      line.p = Math.min(worse[i], better[i]);
      line.verdict = verdict(line);
      line.family = family;
      var able = power(line.paired, line.change.change, ALPHA / family);
      line.mde = able.mde;
      line.more = line.verdict === "not separable" ? able.more : null;
    });
    return asked;
  }

  // -- inside one task ----------------------------------------------------------------------------------------------

  function flip(paired, i) { // lost | gained | both | neither
    var by = (paired.after[i] - paired.before[i]) * paired.sign;
    if (by) return by < 0 ? "lost" : "gained";
    return paired.sign > 0 && paired.before[i] >= 1 ? "both" : "neither";
  }

  function subjects(line) { // by change, the largest fall first; q of Benjamini and Hochberg where values are 0 and 1
    var found = {}, paired = line.paired, plain = paired.before.concat(paired.after).every(function (v) { return v === 0 || v === 1; });
    if (!paired.subjects) return [];
    paired.rows.forEach(function (row, i) {
      var key = paired.subjects[i];
      var one = found[key] = found[key] || { index: key, name: line.exam.subjects[key], n: 0, before: 0, after: 0, lost: 0, gained: 0 };
      one.n += 1; one.before += paired.before[i]; one.after += paired.after[i];
      var what = flip(paired, i);
      if (what in one) one[what] += 1;
    });
    var rows = Object.keys(found).map(function (key) { return found[key]; });
    var qs = plain ? bh(rows.map(function (r) { return Math.min(1, 2 * Math.min.apply(null, BENCH.paired.mcnemar(r.lost, r.gained))); })) : [];
    rows.forEach(function (row, i) {
      row.before /= row.n; row.after /= row.n;
      row.change = row.after - row.before;
      row.q = plain ? qs[i] : null;
    });
    return rows.sort(function (x, y) { return paired.sign * (x.change - y.change) || y.n - x.n || (x.name < y.name ? -1 : 1); });
  }

  return { lines: lines, flip: flip, subjects: subjects, side: side };
})();
