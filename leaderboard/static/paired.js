/* Statistics of a change on the same questions, equal to harness.stats and harness.verdicts.compare in Python.
   Example: BENCH.paired.mcnemar(118, 76) is [0.0013, 0.9987]; tango(118, 76, 1346, 0.9) is [-0.0484, -0.0143].
   All deterministic. Where Python draws 10,000 signs with a seed, this inverts the characteristic function, right to 1e-4
   with eighteen units and better with more; there the two differ by Python's own sampling error, 0.002 at p = 0.05. */
(function () {
  "use strict";
  window.BENCH = window.BENCH || {};
  var CONFIDENCE = 0.9; // two-sided: its ends bound the one-sided 5 % tests
  var EXACT_BELOW = 200000; // distinct sums, as in Python
  var NORMAL_ABOVE = 50000; // units; from here the distribution of sums is normal to more digits than are shown
  var LEAST = 1e-12; // what the inversion can't tell from nothing; a p of zero is never shown

  function sum(values) { // with the lost digits carried along (Neumaier 1974)
    var total = 0, lost = 0;
    for (var i = 0; i < values.length; i++) {
      var next = total + values[i];
      lost += Math.abs(total) >= Math.abs(values[i]) ? (total - next) + values[i] : (values[i] - next) + total;
      total = next;
    }
    return total + lost;
  }

  // -- distributions ------------------------------------------------------------------------------------------------

  function upper(z) { // P(Z > z) for z >= 0: series of the density (Abramowitz & Stegun 26.2.11), far out 26.2.14
    var density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI), k;
    if (z > 5) {
      var fraction = z;
      for (k = 200; k > 0; k--) fraction = z + k / fraction;
      return density / fraction;
    }
    var term = z, inside = z;
    for (k = 1; term > 1e-18; k++) { term *= z * z / (2 * k + 1); inside += term; }
    return 0.5 - density * inside;
  }

  function normal(z) { return z > 0 ? 1 - upper(z) : upper(-z); }

  function quantile(p) { // of the normal distribution, p >= 0.5: Newton, which from 0 never oversteps on a concave curve
    var z = 0;
    for (var step = 0; step < 100; step++) {
      var by = (upper(z) - (1 - p)) * Math.sqrt(2 * Math.PI) * Math.exp(z * z / 2);
      z += by;
      if (Math.abs(by) < 1e-15) break;
    }
    return z;
  }

  function stirling(n) { // log n! less Stirling's formula (Loader 2000, "Fast and accurate computation of binomial probabilities")
    if (n < 16) {
      var factorial = 0;
      for (var i = 2; i <= n; i++) factorial += Math.log(i);
      return n > 0 ? factorial - (n + 0.5) * Math.log(n) + n - 0.5 * Math.log(2 * Math.PI) : 0;
    }
    var square = n * n;
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / square) / square) / square) / n;
  }

  function exactly(k, n) { // P(X = k) of a fair coin thrown n times, by Loader's saddle point: no large logarithms to cancel
    if (k === 0 || k === n) return Math.pow(2, -n);
    var off = k * Math.log(2 * k / n) + (n - k) * Math.log(2 * (n - k) / n);
    return Math.exp(stirling(n) - stirling(k) - stirling(n - k) - off) * Math.sqrt(n / (2 * Math.PI * k * (n - k)));
  }

  function halfTail(k, n) { // P(X < k) + P(X = k) / 2
    if (2 * k > n) return 1 - halfTail(n - k, n);
    var term = exactly(k, n), total = term / 2;
    for (var i = k; i > 0 && term > 0; i--) {
      term *= i / (n - i + 1);
      total += term;
      if (term < total * 1e-18) break;
    }
    return total;
  }

  function logGamma(x) {
    var shift = 0;
    while (x < 16) shift += Math.log(x++);
    return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + stirling(x) - shift;
  }

  function beta(x, a, b) { // regularised incomplete beta, continued fraction of Abramowitz & Stegun 26.5.8 by Lentz's method
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - beta(1 - x, b, a);
    var front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
    var c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), value = d;
    for (var m = 1; m < 10000; m++) {
      var even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      var odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / (1 + even * d);
      c = 1 + even / c;
      value *= c * d;
      d = 1 / (1 + odd * d);
      c = 1 + odd / c;
      value *= c * d;
      if (Math.abs(c * d - 1) < 1e-15) break;
    }
    return front * value;
  }

  function student(confidence, degrees) { // quantile of a two-sided interval
    var df = Math.max(degrees, 1), low = 0, high = 2;
    function tail(t) { return beta(df / (df + t * t), df / 2, 0.5); }
    while (tail(high) > 1 - confidence) high *= 2;
    return zero(function (t) { return tail(t) - (1 - confidence); }, low, high);
  }

  function zero(falling, low, high) { // 60 halvings are below float resolution
    for (var i = 0; i < 60; i++) {
      var middle = (low + high) / 2;
      if (falling(middle) > 0) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  }

  // -- 0/1 answers, plain mean --------------------------------------------------------------------------------------

  function mcnemar(lost, gained) { // [pWorse, pBetter], mid-p (Fagerland, Lydersen & Laake 2013)
    return [halfTail(gained, lost + gained), halfTail(lost, lost + gained)];
  }

  function tango(lost, gained, n, confidence) { // score interval of (gained - lost) / n (Tango 1998); counts may be fractional
    if (n <= 0) return [-1, 1];
    var z = quantile(0.5 + (confidence || CONFIDENCE) / 2), change = (gained - lost) / n;
    function score(delta) {
      if (Math.abs(delta) >= 1) return change !== delta ? -Math.sign(delta) * Infinity : 0;
      var b = (2 * n - gained + lost) * delta - gained - lost;
      var c = -lost * delta * (1 - delta);
      var q = (Math.sqrt(Math.max(0, b * b - 8 * n * c)) - b) / (4 * n);
      var variance = n * (2 * q + delta * (1 - delta));
      var distance = gained - lost - n * delta;
      if (variance <= 0) return distance ? Math.sign(distance) * Infinity : 0;
      return distance / Math.sqrt(variance);
    }
    return [
      change <= -1 ? -1 : zero(function (d) { return score(d) - z; }, -1, change),
      change >= 1 ? 1 : zero(function (d) { return score(d) + z; }, change, 1)
    ];
  }

  // -- weighted, clustered or graded --------------------------------------------------------------------------------

  function design(n, strata, clusters) { // {share: weight of each question, group and sizes of the strata, unit of each}
    var of = grouped(strata || new Array(n).fill(0)), unit = clusters && named(clusters) ? grouped(clusters, true) : null;
    var share = of.group.map(function (g) { return 1 / (of.sizes.length * of.sizes[g]); });
    return { share: share, group: of.group, sizes: of.sizes, stratified: !!strata, unit: unit };
  }

  function nameless(name) { return name === "" || name === null || name === undefined; }

  function named(clusters) { return clusters.some(function (name) { return !nameless(name); }); }

  function grouped(keys, alone) { // number of each one's group, and the groups' sizes; alone: no name is a group of its own
    var numbers = new Map(), sizes = [];
    var group = Array.prototype.map.call(keys, function (key, i) {
      var name = alone && nameless(key) ? { own: i } : key;
      if (!numbers.has(name)) { numbers.set(name, sizes.length); sizes.push(0); }
      sizes[numbers.get(name)] += 1;
      return numbers.get(name);
    });
    return { group: group, sizes: sizes };
  }

  function together(values, unit) { // sums by cluster
    if (!unit) return values;
    var sums = new Array(unit.sizes.length).fill(0);
    values.forEach(function (value, i) { sums[unit.group[i]] += value; });
    return sums;
  }

  function flips(better, plan) { // [pWorse, pBetter] when every unit's sign is a coin: Fisher's randomisation test, ties half
    var units = together(better.map(function (d, i) { return d * plan.share[i]; }), plan.unit);
    var scale = units.reduce(function (most, u) { return Math.max(most, Math.abs(u)); }, 0);
    if (!scale) return [0.5, 0.5];
    var observed = sum(units) / scale, counts = new Map();
    units.forEach(function (u) {
      var size = Math.round(Math.abs(u) / scale * 1e10) / 1e10;
      if (size > 0) counts.set(size, (counts.get(size) || 0) + 1);
    });
    var classes = Array.from(counts.entries()).sort(function (a, b) { return a[0] - b[0]; });
    var spread = Math.sqrt(sum(classes.map(function (c) { return c[0] * c[0] * c[1]; })));
    if (units.length > NORMAL_ABOVE) return [normal(observed / spread), normal(-observed / spread)];
    var distinct = classes.reduce(function (many, c) { return many * (c[1] + 1); }, 1);
    return distinct <= EXACT_BELOW ? everySum(classes, observed) : inverted(classes, observed, spread);
  }

  function everySum(classes, observed) {
    var sums = [0], chances = [1];
    classes.forEach(function (c) {
      var size = c[0], count = c[1], nextSums = [], nextChances = [], chance = [];
      for (var heads = 0; heads <= count; heads++) chance.push(exactly(heads, count));
      for (var i = 0; i < sums.length; i++) {
        for (heads = 0; heads <= count; heads++) {
          nextSums.push(sums[i] + size * (2 * heads - count));
          nextChances.push(chances[i] * chance[heads]);
        }
      }
      sums = nextSums;
      chances = nextChances;
    });
    var slack = 1e-8 * Math.max(1, Math.abs(observed)), below = 0, above = 0, tied = 0; // sums differing by rounding are ties
    for (var i = 0; i < sums.length; i++) {
      if (sums[i] < observed - slack) below += chances[i];
      else if (sums[i] > observed + slack) above += chances[i];
      else tied += chances[i];
    }
    return [below + tied / 2, above + tied / 2];
  }

  // P(S < s) + P(S = s) / 2 from the characteristic function, the product of cosines (Gil-Pelaez 1951; Davies 1973 on steps
  // and aliasing). A sum of signed units is never nine standard deviations away (Hoeffding: 5e-18), which sets the step.
  function inverted(classes, observed, spread) {
    var step = Math.PI / (Math.abs(observed) + 9 * spread), total = 0, quiet = 0;
    for (var k = 1; k * step * spread < 500 && quiet < 20; k++) {
      var t = k * step, phi = 1;
      for (var i = 0; i < classes.length && Math.abs(phi) > 1e-14; i++) phi *= Math.pow(Math.cos(t * classes[i][0]), classes[i][1]);
      total += phi * Math.sin(t * observed) / k;
      quiet = Math.abs(phi) < 1e-13 ? quiet + 1 : 0;
    }
    var half = observed * step / (2 * Math.PI) + total / Math.PI;
    return [0.5 + half, 0.5 - half].map(function (p) { return Math.min(1 - LEAST, Math.max(LEAST, p)); });
  }

  function interval(d, plan, confidence) { // as harness.stats.paired_interval: Tango at the effective number of questions
    var share = plan.share, n = d.length;
    var change = sum(d.map(function (x, i) { return share[i] * x; }));
    var spread = sum(d.map(function (x, i) { return share[i] * x * x; })) - change * change;
    var size = 1 / sum(share.map(function (w) { return w * w; })), z = quantile(0.5 + confidence / 2), wide = z, variance;
    if (plan.unit) {
      var units = together(d.map(function (x, i) { return share[i] * (x - change); }), plan.unit), many = units.length;
      variance = sum(units.map(function (u) { return u * u; })) * many / Math.max(1, many - 1);
      wide = student(confidence, many - 1);
      size = Math.min(size, many);
    } else if (plan.stratified) {
      variance = stratified(d, plan, Math.max(0, spread));
    } else {
      variance = Math.max(0, spread) / Math.max(1, n - 1);
      wide = student(confidence, n - 1);
    }
    if (!d.every(function (x) { return x === 0 || x === 1 || x === -1; })) {
      var largest = d.reduce(function (most, x) { return Math.max(most, Math.abs(x)); }, 0);
      if (d.every(function (x) { return Math.abs(x - d[0]) <= 1e-12 * largest; })) { // no spread: as many flips of that size
        return interval(d.map(Math.sign), plan, confidence).map(function (end) { return end * largest; });
      }
      var half = variance > 0 ? wide * Math.sqrt(variance) : 0;
      return [change - half, change + half];
    }
    var effective = (variance > 0 && spread > 0 ? spread / variance : size) * Math.pow(z / wide, 2);
    function weight(sign) { return sum(share.filter(function (w, i) { return d[i] === sign; })); }
    return tango(effective * weight(-1), effective * weight(1), effective, confidence);
  }

  function stratified(d, plan, overall) { // each stratum's variance is shrunk to the overall one by one question
    var sizes = plan.sizes, sums = new Array(sizes.length).fill(0), squares = new Array(sizes.length).fill(overall);
    d.forEach(function (x, i) { sums[plan.group[i]] += x; });
    d.forEach(function (x, i) { squares[plan.group[i]] += Math.pow(x - sums[plan.group[i]] / sizes[plan.group[i]], 2); });
    return sum(squares.map(function (s, g) { return s / (sizes[g] * sizes[g]); })) / (sizes.length * sizes.length);
  }

  // Numbers in the order of the questions, none missing: what an unanswered one is worth is the caller's to say. strata:
  // subjects where the score is their plain mean, else null; clusters: names, "" or null for none. null of no questions.
  // method: "mcnemar", else "flips" with "-clusters" and "-strata" where they were used.
  function change(before, after, strata, clusters) {
    before = Array.from(before);
    after = Array.from(after);
    if (!before.length) return null;
    var plan = design(before.length, strata, clusters);
    var d = after.map(function (value, i) { return value - before[i]; });
    var lost = d.filter(function (x) { return x < 0; }).length, gained = d.filter(function (x) { return x > 0; }).length;
    var plain = !strata && !plan.unit && before.concat(after).every(function (x) { return x === 0 || x === 1; });
    var p = plain ? mcnemar(lost, gained) : flips(d, plan);
    var ends = plain ? tango(lost, gained, d.length, CONFIDENCE) : interval(d, plan, CONFIDENCE);
    function mean(values) { return sum(values.map(function (x, i) { return plan.share[i] * x; })); }
    return {
      before: mean(before), after: mean(after), change: mean(d), low: ends[0], high: ends[1], lost: lost, gained: gained,
      n: d.length, p: p[0], pBetter: p[1],
      method: plain ? "mcnemar" : "flips" + (plan.unit ? "-clusters" : "") + (strata ? "-strata" : "")
    };
  }

  function holm(ps) { // adjusted p-values in the order given (Holm 1979)
    var adjusted = new Array(ps.length), highest = 0;
    var order = ps.map(function (p, i) { return i; }).sort(function (i, j) { return ps[i] - ps[j] || i - j; });
    order.forEach(function (i, rank) {
      highest = Math.max(highest, Math.min(1, (ps.length - rank) * ps[i]));
      adjusted[i] = highest;
    });
    return adjusted;
  }

  window.BENCH.paired = { mcnemar: mcnemar, tango: tango, change: change, holm: holm, quantile: quantile, student: student };
})();
